"""The action dialog's keys beside those that type: a letter while no words are waited for, a function key always.

While the dialog waits for words, typing is safe. A letter is a command only with a button in focus, and only where it
cannot be meant for the field: it is not the next letter of the words, and it neither closes nor changes what was typed.
"""

from textual.binding import BindingType

LETTERS = {"leave": "q", "whole": "v", "gentler": "g", "include": "i", "replan": "r"}
ALWAYS = {"leave": "esc", "whole": "f2", "gentler": "f3", "include": "f4", "replan": "f5"}
"""The keys by what they do; those of ``ALWAYS`` type nothing."""

BINDINGS: list[BindingType] = [
    ("escape", "leave", "leave"),
    *((letter, f"letter('{action}')", "") for action, letter in LETTERS.items()),
    *((key, action, "") for action, key in ALWAYS.items() if action != "leave"),
    ("up", "roll(-1)", ""),
    ("down", "roll(1)", ""),
    ("pageup", "roll(-8)", ""),
    ("pagedown", "roll(8)", ""),
]


def is_command(action: str, words: str, typed: str, reason: str) -> bool:
    """Return True if an action's letter is a command while ``words`` are waited for and a button has the focus."""
    if words.startswith(typed + LETTERS[action]):
        return False
    return action == "whole" or not (typed or reason)
