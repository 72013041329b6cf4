"""The product's themes. A colour is named here or in ``styles/``, nowhere else."""

from textual.theme import BUILTIN_THEMES, Theme

THEMES: tuple[Theme, ...] = (
    Theme(
        name="optimus-dark",
        primary="#5fafd7",
        secondary="#5f87af",
        accent="#ffd75f",
        foreground="#d0d4da",
        background="#12151a",
        surface="#12151a",
        panel="#1b2027",
        success="#7fb77f",
        warning="#e5a54b",
        error="#f0616d",
        dark=True,
        variables={
            "quiet": "#7d8794",
            "bright": "#f2f4f7",
            "frame": "#3a434f",
            "cursor": "#26303c",
            "scrollbar": "#3a434f",
            "scrollbar-background": "#12151a",
        },
    ),
    Theme(
        name="optimus-light",
        primary="#1f6fa8",
        secondary="#4a6f93",
        accent="#8a5a00",
        foreground="#2b3138",
        background="#fbfbf9",
        surface="#fbfbf9",
        panel="#eeeeea",
        success="#2c7a3f",
        warning="#9a5b00",
        error="#c0232f",
        dark=False,
        variables={
            "quiet": "#6b737d",
            "bright": "#000000",
            "frame": "#c3c7cc",
            "cursor": "#dfe8f1",
            "scrollbar": "#c3c7cc",
            "scrollbar-background": "#fbfbf9",
        },
    ),
    Theme(
        name="optimus-contrast",
        primary="#00d7ff",
        secondary="#00afff",
        accent="#ffff00",
        foreground="#ffffff",
        background="#000000",
        surface="#000000",
        panel="#000000",
        success="#00ff5f",
        warning="#ffaf00",
        error="#ff5f5f",
        dark=True,
        variables={
            "quiet": "#c8c8c8",
            "bright": "#ffffff",
            "frame": "#ffffff",
            "cursor": "#00449e",
            "scrollbar": "#ffffff",
            "scrollbar-background": "#000000",
        },
    ),
)

NAMES: tuple[str, ...] = (*(theme.name for theme in THEMES), *BUILTIN_THEMES)
"""What a user may choose: ours, then Textual's."""

VARIABLE_DEFAULTS = {
    "quiet": "gray",
    "bright": "white",
    "frame": "gray",
    "cursor": "#26303c",
    "scrollbar": "gray",
    "scrollbar-background": "black",
}
"""For themes that are not ours (a user may name any of Textual's)."""
