"""The loop that reads the gateway's ``/metrics`` every ten seconds, keeps the figures, and judges them.

A page that is missing or cannot be parsed is tried again after a minute. The first reads follow each other quickly, so
that several processes behind one address show at once.
"""

from optimus_tui.context import Context
from optimus_tui.contract.metrics import MetricsState
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.sampling.interval_timer import IntervalTimer
from optimus_tui.sampling.sampler_state import SamplerState
from optimus_tui.sampling.staleness import READ_SECONDS, bounded, kept, unforeseen, unreadable_answer

EVERY_SECONDS = 10.0
FIRST_LOOKS, FIRST_SECONDS = 6, 0.5
NOTHING_THERE_SECONDS = 60.0
NO_ANSWER_SECONDS = 5.0
FRESH_SECONDS = 60.0
"""Seconds after which the page of one of several processes is too old to use."""
WINDOW_MINUTES = 5
Pages = dict[tuple[int, float | None], tuple[float, MetricsState]]
"""(Address, start time) of a process → (when it was read, its latest page)."""


async def watch_metrics(context: Context, sampler_state: SamplerState, timer: IntervalTimer) -> None:
    """Hand on ("metrics", Reading[MetricsState]) until cancelled."""
    from optimus_tui.probes.http.metrics import read_metrics

    looks = turn = 0
    latest: Pages = {}
    while True:
        reading: Reading[MetricsState]
        turn += 1
        try:
            at = context.settings.at_gateway(turn - 1)
            reading = await bounded(read_metrics(context.fresh_http, at, context.clock))
        except TimeoutError:
            hung = Fault("timeout", f"no complete answer within {READ_SECONDS:.0f} s")
            reading = kept(None, hung, None, context.clock)
        except unforeseen() as error:
            reading = kept(None, unreadable_answer(error), None, context.clock)
        sampler_state.sink("metrics", reading)
        place = turn % len(context.settings.gateways)
        page = reading.value if reading.value is not None and reading.value.published else None
        if page is not None:
            latest[place, page.process] = reading.taken_mono, page
        if place:
            continue  # The gateway's other addresses, which are other processes, are read without a pause.
        if page is not None:
            looks += 1
            await _judge(context, sampler_state, latest)
            await timer.rest(FIRST_SECONDS if looks < FIRST_LOOKS else EVERY_SECONDS)
        else:
            await _judge_kept(context, sampler_state)
            no_answer = reading.fault is not None and reading.fault.kind != "invalid"
            await timer.rest(NO_ANSWER_SECONDS if no_answer else NOTHING_THERE_SECONDS)


async def _judge_kept(context: Context, sampler_state: SamplerState) -> None:
    """Judge without a page, by Prometheus. Findings that cannot be measured stay until they can."""
    if not context.settings.prometheus_url:
        sampler_state.unmeasured("metrics", ())
        return
    from optimus_tui.tools.figures.gateway_figures import sampled_figures

    figures = await sampled_figures(context, WINDOW_MINUTES, ())
    if figures.requests is None:
        sampler_state.unmeasured("metrics", figures.findings)
    else:
        circuits = [one for one in sampler_state.settled("metrics") if one.rule.startswith("breaker.")]
        sampler_state.settle("metrics", [*figures.findings, *circuits])


async def _judge(context: Context, sampler_state: SamplerState, latest: Pages) -> None:
    """Judge the figures of the last minutes and the latest page of each process."""
    from optimus_tui.tools.figures.gateway_figures import sampled_figures

    oldest = context.clock.mono() - FRESH_SECONDS
    for one in [one for one, (mono, _) in latest.items() if mono < oldest]:
        del latest[one]
    figures = await sampled_figures(context, WINDOW_MINUTES, [state for _, state in latest.values()])
    sampler_state.settle("metrics", figures.findings)
