"""``record``: run the dashboard's loops without a screen, so that windows and stand-ups have a history.

Exit code 0: the time asked for is over; 130 (or 128 and the signal's number): interrupted; 3: nothing could be
recorded. An outage is a sample like any other. A bug ends one loop; it is reported, and the loop starts again.
"""

import asyncio
import contextlib
import signal
import traceback
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from optimus_tui import garbage
from optimus_tui.cli import exits
from optimus_tui.cli.flags import connection_flags, merge_flags, settings_of
from optimus_tui.cli.output import print_error
from optimus_tui.context import Context
from optimus_tui.contract.services import HealthReport
from optimus_tui.wording.numbers import clause, clock, plural, size
from optimus_tui.wording.safe import redact
from optimus_tui.wording.truth import verdict_mark

if TYPE_CHECKING:
    from optimus_tui.sampling.alert_book import AlertBook
    from optimus_tui.sampling.sampler import Loop
    from optimus_tui.settings.model import Settings

    Loops = Callable[[], Mapping[str, Loop]]

STATUS_SECONDS = 60.0
RESTART_SECONDS = 10.0
PACES = {"keys": 6.0, "limits": 5.0, "feed": 8.0}
"""Nobody looks at a screen: keys are swept every half minute, counters read every ten seconds, the feed every two."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _positive(ctx: click.Context, option: click.Parameter, minutes: float | None) -> float | None:
    if minutes is not None and not minutes > 0:
        raise click.BadParameter("the time must be more than 0 minutes", ctx, option)
    return minutes


@click.command("record")
@connection_flags
@click.option("--minutes", type=float, callback=_positive, help="Stop after this time; without it, when interrupted.")
@click.pass_context
def command(ctx: click.Context, /, minutes: float | None, **given: object) -> int:
    """Watch the system without a screen and keep samples of it; one line a minute on stderr."""
    return asyncio.run(record(settings_of(merge_flags(ctx, given)), minutes))


async def record(settings: "Settings", minutes: float | None = None) -> int:
    """Record until the time is over or a signal arrives, and return the exit code."""
    from optimus_tui.sampling.alert_book import AlertBook
    from optimus_tui.sampling.record import Recorder
    from optimus_tui.sampling.sampler import Sampler

    context = Context(settings, keep_log=False)
    book = AlertBook(lambda: context.store, context.clock)
    heard = Heard(book)
    try:
        if fault := await context.store.ready():
            print_error(fault.message + clause(fault.remedy, " (", ")"))
            return exits.UNREACHABLE
        recorder = Recorder(lambda: context.store, context.clock)
        sampler = Sampler(context, recorder.listen(heard.take))
        for source, factor in PACES.items():
            sampler.pace(source, factor)
        garbage.started()
        print_error(f"recording {settings.environment} to {context.store.path}")
        async with _running(lambda: {**sampler.loops(), "alerts": book.run}), _signals() as arrived:
            number = await _wait(context, heard, arrived, minutes)
        recorder.flush()
        await book.sync()
    finally:
        store = context.store
        await context.aclose()
    print_error(f"stopped: {plural(store.saved, 'set')} kept{_losses(store.waiting + store.lost)}")
    if number:
        if number == signal.SIGINT:
            return exits.INTERRUPTED
        return 128 + number
    if store.saved:
        return exits.HEALTHY
    return exits.UNREACHABLE


class Heard:
    """Collects what the status line needs of the last reports, and passes each to the alerts."""

    def __init__(self, book: "AlertBook") -> None:
        self.health: HealthReport | None = None
        self._book = book

    def take(self, subject: str, report: object) -> None:
        """Take a report from the sampling loops."""
        if isinstance(report, HealthReport):
            self.health = report
            self._book.take(report)

    def words(self) -> str:
        """Return a status such as ``needs attention: gateway healthy, redis unreachable, 3 findings``."""
        if self.health is None:
            return "nothing seen yet"
        states = []
        gateway, engine = self.health.gateway, self.health.engine
        if gateway is not None and gateway.value is not None:
            states.append(f"gateway {gateway.value.service.status}")
        if engine is not None and engine.value is not None:
            states.append(f"engine {engine.value.status}")
        if self.health.server is not None:
            states.append(f"redis {'unreachable' if self.health.server.fault else 'connected'}")
        found = self.health.findings
        signs = any(one.first_signs for one in found)
        verdict = verdict_mark(self.health.overall, [one.rule for one in found], first_signs=signs).word.lower()
        return f"{verdict}: {', '.join([*states, plural(len(self.health.findings), 'finding')])}"


async def _wait(context: Context, heard: Heard, arrived: "asyncio.Queue[int]", minutes: float | None) -> int:
    """Say once a minute how it goes; 0 when the time is over, else the signal's number."""
    loop = asyncio.get_running_loop()
    if minutes is not None:
        ends = loop.time() + minutes * 60
    else:
        ends = float("inf")
    while (left := ends - loop.time()) > 0:
        try:
            async with asyncio.timeout(min(left, STATUS_SECONDS)):
                return await arrived.get()
        except TimeoutError:
            if loop.time() < ends:
                await _say(context, heard)
    return 0


async def _say(context: Context, heard: Heard) -> None:
    store = context.store
    used = size(await store.used_bytes())
    lines = [f"{clock(context.clock.wall())} UTC {plural(store.saved, 'set')} kept, {used}; {heard.words()}"]
    if store.fault:
        lines.append(store.fault.message)
    print_error("; ".join(lines) + _losses(store.waiting + store.lost))


def _losses(count: int) -> str:
    if count:
        return f", {plural(count, 'set')} not on disk"
    return ""


@contextlib.asynccontextmanager
async def _running(loops: "Loops") -> AsyncIterator[None]:
    """Run all loops, each in a task of its own."""
    tasks = [asyncio.create_task(_kept_alive(name, loops), name=name) for name in loops()]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _kept_alive(name: str, loops: "Loops") -> None:
    """Run one source's loop, and start it again after a bug."""
    while True:
        loop = loops()[name]
        try:
            await loop()
        except Exception as error:
            print_error(
                f"{name}: {_place_of(error)}; a bug in this program: it starts again in {RESTART_SECONDS:.0f} s"
            )
        await asyncio.sleep(RESTART_SECONDS)


def _place_of(error: Exception) -> str:
    """Return where an error was raised and its type, without the values of variables."""
    frames = traceback.extract_tb(error.__traceback__)
    place = ""
    if frames:
        place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno} "
    return f"{place}{type(error).__name__}: {redact(str(error))[:200]}"


@contextlib.asynccontextmanager
async def _signals() -> AsyncIterator["asyncio.Queue[int]"]:
    """Yield the signals that end a recording, as they arrive."""
    loop, arrived = asyncio.get_running_loop(), asyncio.Queue[int]()
    for number in SIGNALS:
        loop.add_signal_handler(number, arrived.put_nowait, int(number))
    try:
        yield arrived
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
