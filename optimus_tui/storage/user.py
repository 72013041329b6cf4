"""The user of this process: the state directory, and the name under which others see who writes."""

import os
import pwd
import socket
from pathlib import Path

from optimus_tui.wording.safe import safe_text


def state_dir() -> Path:
    """Return the directory of all that is kept: audit, plans, incidents, history and the undo journal."""
    from platformdirs import user_state_path

    return user_state_path("optimus-tui", appauthor=False)


def user_name() -> str:
    """Return the system's user, or its uid where it has no name."""
    try:
        return safe_text(pwd.getpwuid(os.getuid()).pw_name, 60)
    except KeyError:
        return f"uid {os.getuid()}"


def writer() -> str:
    """Return user, process and machine, for others who find a file locked."""
    return f"{user_name()}, process {os.getpid()} on {safe_text(socket.gethostname(), 60)}"
