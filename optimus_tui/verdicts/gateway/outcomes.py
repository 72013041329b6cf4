"""What became of requests, as far as the gateway's counter tells: failed, refused, the caller's mistake. Pure.

A counter without a ``status`` label says nothing of failures: unknown, never 0. With classes only (``2xx``, ``5xx``)
failures are known, and refusals (429) lie unknown inside ``4xx``. Everybody who needs failures or refusals asks here.
"""

import re
from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.contract.metrics import REFUSED, Counted, Increase
from optimus_tui.contract.reading import Fault
from optimus_tui.wording.safe import safe_text

_CODE = re.compile(r"[1-5](?:[0-9]{2}|xx)", re.IGNORECASE)
NO_STATUS = "the gateway's counter of requests has no status label"


class Outcomes(Struct, frozen=True, kw_only=True):
    """Requests and what became of them. None is unknown, with the reason beside it.

    ``failed`` are answers 5xx, ``refused`` 429, ``mistaken`` the other 4xx.
    """

    requests: float
    failed: float | None
    refused: float | None
    mistaken: float | None
    why_failed: str = ""
    why_refused: str = ""

    @property
    def failing_share(self) -> float | None:
        """Return the share of failed requests, 0 to 1; None without requests, and where failures are unknown."""
        if self.failed is None or self.requests <= 0:
            return None
        return min(1.0, self.failed / self.requests)

    @property
    def refused_share(self) -> float | None:
        """Return the share of refused requests, 0 to 1; None without requests, and where refusals are unknown."""
        if self.refused is None or self.requests <= 0:
            return None
        return min(1.0, self.refused / self.requests)


def outcomes(series: Iterable[Counted]) -> Outcomes:
    """Sum up the growth of a counter of requests by what its ``status`` labels say."""
    sums = dict.fromkeys(("good", "server", "client", "refused", "4xx", "unknown"), 0.0)
    strange: list[str] = []
    for one in series:
        status = one.labels.get("status", "")
        kind = class_of(status)
        sums[kind] += one.increase
        if kind == "unknown" and one.increase > 0:
            strange.append(status)
    why = _why_unknown(strange)
    vague = why or ("the status label holds classes only: refusals (429) are inside 4xx" if sums["4xx"] > 0 else "")
    return Outcomes(
        requests=sum(sums.values()),
        failed=None if why else sums["server"],
        refused=None if vague else sums["refused"],
        mistaken=None if vague else sums["client"],
        why_failed=why,
        why_refused=vague,
    )


def _why_unknown(statuses: Sequence[str]) -> str:
    """Why answers with these status labels cannot be distinguished; empty without any."""
    if "" in statuses:
        return NO_STATUS
    if statuses:
        return f"its status label says {safe_text(statuses[-1], 30)}, which is no HTTP status"
    return ""


def class_of(status: str) -> str:
    """Return what a status means: good, server (5xx), refused (429), client (another 4xx), 4xx (class) or unknown."""
    if not _CODE.fullmatch(status):
        return "unknown"
    if status == "429":
        return "refused"
    if status.lower() == "4xx":
        return "4xx"
    return {"5": "server", "4": "client"}.get(status[0], "good")


class WindowRefusals(Struct, frozen=True, kw_only=True):
    """Refusals over a window. ``grown`` covers nothing where they are unknown, and its fault says why.

    ``basis`` names the counter behind them.
    """

    grown: Increase
    basis: str


def refusals(requests: Increase | Fault, refused: Increase | Fault) -> WindowRefusals:
    """Return refusals by the gateway's counter of them, else by status 429 of its requests, else unknown with why."""
    if isinstance(refused, Increase) and refused.covered_minutes > 0:
        return WindowRefusals(grown=refused, basis=REFUSED)
    basis = "http_requests_total, status 429"
    if isinstance(refused, Fault):
        own: Fault | None = refused
    else:
        own = refused.fault
    if isinstance(requests, Fault) or requests.covered_minutes <= 0:
        if isinstance(requests, Fault):
            other: Fault | None = requests
        else:
            other = requests.fault
        return WindowRefusals(grown=Increase(name=REFUSED, fault=own or other), basis=REFUSED)
    results = outcomes(requests.series)
    if results.refused is None:
        message = f"the gateway publishes no {REFUSED}, and {results.why_refused}"
        return WindowRefusals(grown=Increase(name=REFUSED, fault=Fault("invalid", message)), basis=basis)
    answered = tuple(one for one in requests.series if one.labels.get("status") == "429")
    return WindowRefusals(grown=replace(requests, name=REFUSED, series=answered), basis=basis)


def worst(grown: Increase, label: str) -> tuple[str, Outcomes] | None:
    """Return the label value under which most requests failed; None without failures or without that label."""
    groups: dict[str, list[Counted]] = {}
    for one in grown.series:
        if one.labels.get(label):
            groups.setdefault(one.labels[label], []).append(one)
    results = [(name, outcomes(series)) for name, series in groups.items()]
    failing = [(name, one) for name, one in results if one.failed is not None and one.failed >= 1]
    return max(failing, key=lambda item: (item[1].failed or 0.0, item[0]), default=None)
