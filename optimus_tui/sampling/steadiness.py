"""The readings of gateway and engine in the last five minutes, to find a service that comes and goes.

The rule (``judge_flapping``) and the window are those of the tools. Samples from before this process began count too:
they are read once, after the first reading.
"""

from collections import deque
from collections.abc import Sequence

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.services import ServiceState
from optimus_tui.verdicts.gateway.flapping import judge_flapping

SECONDS = 300.0
MOST_LOOKS = 2000


class Steadiness:
    """The readings of the last five minutes, by service and wall-clock time: 1.0 if it answered well, else 0.0."""

    def __init__(self) -> None:
        self._looks: dict[str, deque[tuple[float, float]]] = {}

    def see(self, name: str, at: float, state: ServiceState | None) -> None:
        """Note one reading; one that says nothing about the service is left out."""
        if state is None or (good := state.answered_well) is None:
            return
        looks = self._looks.setdefault(name, deque(maxlen=MOST_LOOKS))
        looks.append((at, float(good)))
        while looks[0][0] < at - SECONDS:
            looks.popleft()

    def remember(self, name: str, samples: Sequence[tuple[float, float]]) -> None:
        """Put earlier samples before our own."""
        own = self._looks.get(name, deque())
        first = own[0][0] if own else float("inf")
        self._looks[name] = deque([*(one for one in samples if one[0] < first), *own], maxlen=MOST_LOOKS)

    def findings(self, name: str) -> list[Finding]:
        """Return ``services.flapping``, or nothing."""
        return judge_flapping(name, tuple(self._looks.get(name, ())))
