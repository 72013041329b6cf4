"""Leave the cold start of each process out of the growth of its counters and histograms. Pure."""

from collections.abc import Hashable, Mapping, Sequence

from optimus_tui.contract.services import warm_from
from optimus_tui.history.samples.file import Samples
from optimus_tui.history.samples.process_lives import ProcessReading


def warmed(
    looks: Sequence[ProcessReading], found: Mapping[str, Samples]
) -> tuple[list[ProcessReading], Mapping[str, Samples]]:
    """Return the readings of each process from the time when it was warm, and their samples.

    They no longer have a start, so that growth begins at the first of them, and not from zero at the start. Samples are
    kept where they changed: the last one of the cold start holds at the first reading after it.

    Args:
        looks: Every reading, oldest first.
        found: The samples by series, each with the time of its reading.
    """
    cold: dict[float, Hashable] = {}
    seen: dict[Hashable, float] = {}
    first: dict[Hashable, float] = {}
    warm = []
    for one in looks:
        seen.setdefault(one.process, one.at)
        if one.started is not None and one.at < warm_from(one.started, seen[one.process]):
            cold[one.at] = one.process
            continue
        first.setdefault(one.process, one.at)
        warm.append(one._replace(started=None))
    if not cold:
        return warm, found
    return warm, {name: _carried(samples, cold, first) for name, samples in found.items()}


def _carried(samples: Samples, cold: Mapping[float, Hashable], first: Mapping[Hashable, float]) -> Samples:
    """Return the samples of one series without those of cold starts, whose last ones move to the first warm reading."""
    warm = [one for one in samples if one[0] not in cold]
    last = {cold[at]: value for at, value in samples if at in cold}
    there = {at for at, _ in warm}
    carried = [(first[process], value) for process, value in last.items() if process in first]
    return sorted([*warm, *(one for one in carried if one[0] not in there)])
