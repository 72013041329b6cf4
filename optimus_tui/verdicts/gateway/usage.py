"""What requests used of language models: tokens and money a second, of all tenants and of each one. Pure."""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from optimus_tui.contract.services import Increase
from optimus_tui.contract.signals import SPEND, TOKENS, GoldenSignals, Signals

SAME_SPAN = 0.1
"""Spans that differ by a smaller share are the same one, seen by readings a moment apart."""


def with_usage(signals: GoldenSignals, grown: Iterable[Increase]) -> GoldenSignals:
    """Add the usage to the signals of all requests and of each tenant.

    Args:
        signals: What is known of requests.
        grown: The growth of ``TOKENS`` and ``SPEND``, over several spans; the span of the signals is taken, and
            usage that is not known over it stays None.
    """
    known = {one.name: one for one in grown if _is_of(one, signals)}
    total = _with(signals.total, {name: _per_second(one, one.total) for name, one in known.items()})
    tenants = {}
    shares = {name: one.by("tenant") for name, one in known.items() if any("tenant" in s.labels for s in one.series)}
    for tenant, one in signals.tenants.items():
        own = {name: _per_second(known[name], share.get(tenant, 0.0)) for name, share in shares.items()}
        tenants[tenant] = _with(one, own)
    return replace(signals, total=total, tenants=tenants)


def _is_of(grown: Increase, signals: GoldenSignals) -> bool:
    """Return whether a growth was counted over the span of the signals, by the same source."""
    apart = abs(grown.covered_minutes * 60 - signals.seconds)
    return grown.source == signals.source and grown.covered_minutes > 0 and apart <= SAME_SPAN * signals.seconds


def _per_second(grown: Increase, amount: float) -> float:
    return amount / (grown.covered_minutes * 60)


def _with(signals: Signals, rates: Mapping[str, float]) -> Signals:
    return replace(signals, tokens_per_second=rates.get(TOKENS), spend_per_second=rates.get(SPEND))
