"""What an incident was about and what was done, in the words that its closing and its post-mortem begin with. Pure."""

from collections.abc import Iterator

from optimus_tui.contract.incident import ActionRecord, IncidentState
from optimus_tui.wording.numbers import clause, clock
from optimus_tui.workflow.proof import acted_at, proof_words
from optimus_tui.workflow.ranking import main_finding, rank, tenant_of, worst_outcome


def found_words(state: IncidentState) -> str:
    """Return the message of the finding that the incident is about, at its worst; empty before any result."""
    main = main_finding(state)
    if main is not None:
        return main.message
    outcomes = [one for step in state.steps if (one := worst_outcome(step)) is not None]
    worst = max(outcomes, key=lambda one: rank(one.severity), default=None)
    if worst is None:
        return ""
    return worst.headline


def concerned(state: IncidentState) -> tuple[str, ...]:
    """Return the tenants that the incident is about: that of its main finding, and the one that was chosen."""
    main = main_finding(state)
    named = [None if main is None else tenant_of(main), None if state.choice is None else state.choice.tenant]
    return tuple(dict.fromkeys(name for name in named if name))


def resolution_words(state: IncidentState) -> str:
    """Return what was done, when, and what the checks say; empty if nothing was done."""
    return "; ".join(_done(state))


def proof_told(record: ActionRecord) -> str:
    """Return the result of an action as a document tells it, whose reader is not who acted."""
    return proof_words(record).replace(" after you acted", " later")


def _done(state: IncidentState) -> Iterator[str]:
    advised = set()
    for record in state.action_records:
        receipt = record.receipt
        advised.add(record.advice)
        yield f"{receipt.words or receipt.kind} at {clock(acted_at(record))} UTC: {proof_told(record)}"
    for one in state.advice:
        if one.status == "done" and one.id not in advised:
            yield f"{one.action}, done by hand{clause(one.said, ': ')}"
    if state.repaired is not None and not state.action_records:
        yield f"a check at {clock(state.repaired.wall)} UTC showed it gone"
