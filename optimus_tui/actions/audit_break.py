"""Going on without audit records that are lost, and what becomes of the actions that nothing is known of any more.

Their plans are kept under another name, and the audit says which they were. It refuses to touch the plan of an action
that runs.
"""

from pathlib import Path

from optimus_tui.actions.action_log import who
from optimus_tui.actions.interrupted_actions import Forgotten, forgotten
from optimus_tui.history.audit_mending import Accepted, accept_break


def accept(folder: Path, reason: str) -> tuple[Accepted, list[str]]:
    """Accept the break; what it came to, and a sentence for each action that is lost. AuditUnwritable if refused."""
    lost: list[Forgotten] = forgotten(folder)
    accepted = accept_break(folder, who(), reason, actions=tuple(one.action for one in lost))
    said = []
    for one in lost:
        kept = one.path.with_suffix(".plan-lost")
        one.path.rename(kept)
        said.append(
            f"{one.words}: what it did is not known. Look at its keys and plan anew; its plan is kept as {kept}"
        )
    return accepted, said
