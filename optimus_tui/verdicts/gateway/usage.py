"""What requests used of language models: tokens and money a second, of all tenants and of each one. Pure."""

from collections.abc import Mapping

from msgspec.structs import replace

from optimus_tui.contract.services import Increase
from optimus_tui.contract.signals import SPEND, TOKENS, GoldenSignals, Signals


def with_usage(signals: GoldenSignals, grown: Mapping[str, Increase]) -> GoldenSignals:
    """Add the usage of the last minute or so to the signals of all requests and of each tenant.

    Args:
        signals: What is known of requests.
        grown: The growth of ``TOKENS`` and ``SPEND`` over the same span; one that is missing or unknown stays None.
    """
    known = {name: one for name, one in grown.items() if one.covered_minutes > 0 and one.source == signals.source}
    total = _with(signals.total, {name: _per_second(one, one.total) for name, one in known.items()})
    tenants = {}
    shares = {name: one.by("tenant") for name, one in known.items() if any("tenant" in s.labels for s in one.series)}
    for tenant, one in signals.tenants.items():
        own = {name: _per_second(known[name], share.get(tenant, 0.0)) for name, share in shares.items()}
        tenants[tenant] = _with(one, own)
    return replace(signals, total=total, tenants=tenants)


def _per_second(grown: Increase, amount: float) -> float:
    return amount / (grown.covered_minutes * 60)


def _with(signals: Signals, rates: Mapping[str, float]) -> Signals:
    return replace(signals, tokens_per_second=rates.get(TOKENS), spend_per_second=rates.get(SPEND))
