"""Runs the sampling loops in workers of the dashboard, and posts their reports to it."""

import asyncio
import contextlib
from typing import TYPE_CHECKING

from textual.widget import Widget
from textual.worker import WorkerState

from optimus_tui import garbage, lean_imports
from optimus_tui.context import CLIENT_MODULES, Context
from optimus_tui.tui.messages import ReportArrived

if TYPE_CHECKING:
    from optimus_tui.index.cache import CacheIndex
    from optimus_tui.sampling.sampler import Sampler
    from optimus_tui.settings.model import Settings


_SCREENS = (
    "optimus_tui.tui.dialogs.sheets",
    "optimus_tui.tui.tools.screen",
    "optimus_tui.tui.tenant.screen",
    "optimus_tui.tools.answer",
)
"""What the operator may open next: loaded once data flows, so that no key press waits for it."""

_SETTLED_SECONDS = 2.0
STOP_SECONDS = 2.0
"""How long the end waits for what was cancelled."""


class SamplingBridge:
    """The sampling loops of one context. Every method but ``start`` does nothing while they are not running."""

    def __init__(self, owner: Widget, context: Context) -> None:
        """Start nothing yet.

        Args:
            owner: Whose workers run the loops, and who gets ``ReportArrived``.
            context: What they read with.
        """
        self.owner, self.context = owner, context
        self.sampler: Sampler | None = None

    @property
    def cache_index(self) -> "CacheIndex | None":
        """Return the index of the cache keys; None before the loops run."""
        if self.sampler is not None:
            return self.sampler.cache_index
        return None

    async def start(self) -> "Sampler":
        """Import the clients in a thread, then start one worker for each source."""
        garbage.started()
        await asyncio.to_thread(lean_imports.load, CLIENT_MODULES)
        from optimus_tui.sampling.record import Recorder
        from optimus_tui.sampling.sampler import Sampler

        recorder = Recorder(lambda: self.context.store, self.context.clock)
        self.sampler = sampler = Sampler(self.context, recorder.listen(self._hand_on))
        for name in sampler.loops():
            self.restart(name)
        self.owner.set_timer(_SETTLED_SECONDS, self._load_screens)
        return sampler

    async def _load_screens(self) -> None:
        await asyncio.to_thread(lean_imports.load, _SCREENS)
        garbage.loaded()

    def restart(self, name: str) -> None:
        """Start, or start again, the loop of one source."""
        if self.sampler is not None:
            loop = self.sampler.loops()[name]
            source = f"source:{name}"
            self.owner.run_worker(loop, name=source, group=source, exit_on_error=False, exclusive=True)

    def refresh(self) -> None:
        """Make every loop read again now."""
        if self.sampler is not None:
            self.sampler.refresh()

    def scan_again(self) -> None:
        """Begin a new scan over all keys, with TTLs."""
        if self.sampler is not None:
            self.sampler.scan_again()

    def use(self, settings: "Settings") -> None:
        """Use other thresholds from the next reading on."""
        if self.sampler is not None:
            self.sampler.use(settings)

    def watch_keys(self, keys: tuple[bytes, ...]) -> None:
        """Read the details of these cache keys only."""
        if self.sampler is not None:
            self.sampler.watch_keys(keys)

    def pace(self, source: str, factor: float) -> None:
        """Change how often a source is read: 2.0 means half as often, 0 not at all."""
        if self.sampler is not None:
            self.sampler.pace(source, factor)

    def _hand_on(self, subject: str, report: object) -> None:
        self.owner.post_message(ReportArrived(subject, report))

    async def stop(self) -> None:
        """Cancel the dashboard's background work, wait for its end, and close the connections.

        Work that went on would open a new client in the closed context, which nothing would close.
        """
        workers = [one for one in self.owner.workers if self.owner in one.node.ancestors_with_self]
        for worker in workers:
            worker.cancel()
        begun = [one.wait() for one in workers if one.state is not WorkerState.PENDING]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await asyncio.gather(*begun, return_exceptions=True)
        self.sampler = None
        await self.context.aclose()
