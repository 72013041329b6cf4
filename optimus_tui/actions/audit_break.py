"""Accept a break of the audit, and keep the plans of the actions whose records are lost.

Their plans are kept under another name, and the audit names them. The plan of a running action is never touched.
"""

from pathlib import Path

from optimus_tui.actions.action_log import who
from optimus_tui.actions.interrupted_actions import Forgotten, forgotten
from optimus_tui.history.audit.mending import Accepted, accept_break


def accept(folder: Path, reason: str) -> tuple[Accepted, list[str]]:
    """Accept the break.

    Returns:
        What was accepted, and a sentence for each action that is lost.

    Raises:
        AuditUnwritable: The audit cannot be written.
    """
    lost: list[Forgotten] = forgotten(folder)
    accepted = accept_break(folder, who(), reason, actions=tuple(one.action for one in lost))
    sentences = []
    for one in lost:
        kept = one.path.with_suffix(".plan-lost")
        one.path.rename(kept)
        sentences.append(
            f"{one.words}: what it did is not known. Look at its keys and plan again; its plan is kept as {kept}"
        )
    return accepted, sentences
