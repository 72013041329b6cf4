"""The lines of a service's single addresses, where it has several: one line each, the worst first. Pure."""

from rich.cells import cell_len

from optimus_tui.contract.services import GatewayState, HealthReport, ServiceInstance, ServiceState
from optimus_tui.tui.theme import SEVERITY_TEXT_STYLES, Piece
from optimus_tui.tui.widgets.cells import fit_name, fit_words
from optimus_tui.wording.numbers import latency
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.truth import SEVERITY_MARKS, STATUS_MARKS

MOST = 12
"""Addresses that have a line; of the others, which are no worse, the number is said."""
INDENT = "    "
ADDRESS_CELLS = 40


def instance_pieces(report: HealthReport, name: str, width: int) -> list[list[Piece]]:
    """Return a line for each address of ``gateway`` or ``engine``; none where it has one address, or for other names.

    Args:
        report: What was read.
        name: The dependency.
        width: Cells of a line.
    """
    instances = _instances(report, name)
    room = min(ADDRESS_CELLS, max([0, *(cell_len(_address(one)) for one in instances)]), max(12, width // 2))
    lines = [_line(one, room, width) for one in instances[:MOST]]
    if len(instances) > MOST:
        lines.append([(f"{INDENT}and {len(instances) - MOST:,} more, none of them worse", "quiet")])
    return lines


def _instances(report: HealthReport, name: str) -> tuple[ServiceInstance, ...]:
    reading = {"gateway": report.gateway, "engine": report.engine}.get(name)
    state: GatewayState | ServiceState | None = reading.value if reading is not None else None
    if isinstance(state, GatewayState):
        state = state.service
    if state is not None:
        return state.instances
    return ()


def _address(one: ServiceInstance) -> str:
    return safe_text(one.address.partition("://")[2] or one.address, 200)


def _line(one: ServiceInstance, room: int, width: int) -> list[Piece]:
    state, mark = one.state, STATUS_MARKS[one.state.status]
    word, said = mark.word, latency(state.latency_ms) if state.latency_ms is not None else ""
    if state.sickness == "degraded":
        mark, word = SEVERITY_MARKS["medium"], "degraded"
    if state.fault is not None:
        said = safe_text(state.fault.message, 200)
    start = f"{mark.glyph} "
    left = width - len(INDENT) - cell_len(start) - room - 2
    return [
        (INDENT + start, SEVERITY_TEXT_STYLES[mark.severity_style]),
        (fit_name(_address(one), room), "bright"),
        ("  ", ""),
        (fit_words(f"{word}  {said}".rstrip(), max(1, left)).rstrip(), "quiet" if state.fault is None else ""),
    ]
