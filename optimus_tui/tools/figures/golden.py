"""The golden signals from what was kept of the gateway's counters, with the usage of language models."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from optimus_tui.contract.services import DURATIONS, Increase
from optimus_tui.contract.signals import SPEND, TOKENS, GoldenSignals
from optimus_tui.history.samples.windows import quantiles_of
from optimus_tui.tools.figures.metric_windows import NEAREST_MINUTES, Counters
from optimus_tui.verdicts.gateway.performance import MIN_REQUESTS
from optimus_tui.verdicts.gateway.signals import golden_signals, with_usage

if TYPE_CHECKING:
    from optimus_tui.context import Context


async def model_usage(ctx: "Context") -> list[Increase]:
    """Return the growth of tokens and spending over both spans of the signals; nothing where no profile names them."""
    spans = [Counters(ctx, minutes, live=False) for minutes in (NEAREST_MINUTES, ctx.tuning.lately_minutes)]
    names = [name for name in (TOKENS, SPEND) if name in ctx.settings.metric_names]
    return await asyncio.gather(*(span.increase(name) for span in spans for name in names))


def signals_of(
    lately: Sequence[tuple[Increase, Increase]], timed: Sequence[Sequence[Increase]], usage: Sequence[Increase]
) -> GoldenSignals:
    """Return the golden signals of the nearest span with enough requests, or of a longer one that tells more.

    Args:
        lately: The growth of requests and of refusals over each span, the nearest first.
        timed: The growth of the parts of the gateway's histogram over each span.
        usage: What ``model_usage`` returned.
    """
    spans = [
        golden_signals(*pair, quantiles_of(DURATIONS, parts, None), quantiles_of(DURATIONS, parts, "tenant"))
        for pair, parts in zip(lately, timed, strict=True)
    ]
    chosen = spans[-1]
    if spans[0].seconds > 0 and lately[0][0].total >= MIN_REQUESTS:
        chosen = min(spans, key=lambda one: (len(one.total.why), one.refused_by is None))  # of equal ones the first
    return with_usage(chosen, usage)
