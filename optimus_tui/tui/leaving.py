"""The way out of the program: at once, or after one question where something typed or running would be lost."""

from typing import Any

from textual.app import App

from optimus_tui.tui.dialogs.base import AskDialog, SingleAnswerScreen


class LeaveDialog(AskDialog):
    """Asks whether the program is to be left all the same."""

    dialog_keys = "y leaves   n stays"


def ask_to_leave(app: App[Any]) -> None:
    """Leave the program; ask once if a screen holds what would be lost. Asked again while it asks, it leaves."""
    screens = list(app.screen_stack)
    lost = [what for one in screens if isinstance(one, SingleAnswerScreen) and (what := one.would_lose())]
    if not lost or any(isinstance(one, LeaveDialog) for one in screens):
        app.exit(0)
        return

    def answered(yes: bool | None) -> None:
        if yes:
            app.exit(0)

    listed = "\n".join(f"  {what}" for what in lost)
    app.push_screen(LeaveDialog("Leave the program", f"This would be lost:\n{listed}\nLeave all the same?"), answered)
