"""From the sampling loops to messages: one worker a source, none of which can take the screen down with it."""

import asyncio
import importlib
from typing import TYPE_CHECKING, Any

from textual.widget import Widget
from textual.worker import Worker

from optimus_tui.context import CLIENT_MODULES, Context
from optimus_tui.tui.messages import ReportArrived

if TYPE_CHECKING:
    from optimus_tui.sampling.sampler import Sampler


_SCREENS = (
    "optimus_tui.tui.modals.event",
    "optimus_tui.tui.modals.text",
    "optimus_tui.tui.screens.tools",
    "optimus_tui.tui.screens.tenant",
    "optimus_tui.tools.answer",
)
"""What the operator may open next: loaded once data flows, so that no key press pays for it."""

_SETTLED_SECONDS = 2.0


def _load(modules: tuple[str, ...]) -> None:
    """Import in a thread: the event loop goes on painting."""
    for module in modules:
        importlib.import_module(module)


class Bridge:
    """Starts the loops of one context on a widget's worker pool and posts what they hand on to that widget."""

    def __init__(self, owner: Widget, context: Context) -> None:
        self.owner, self.context = owner, context
        self.sampler: Sampler | None = None
        self._workers: list[Worker[Any]] = []

    async def start(self) -> "Sampler":
        """Load the clients off the event loop, then start one worker a source."""
        await asyncio.to_thread(_load, CLIENT_MODULES)
        from optimus_tui.sampling.record import Recorder
        from optimus_tui.sampling.sampler import Sampler

        recorder = Recorder(lambda: self.context.store, self.context.clock)
        self.sampler = sampler = Sampler(self.context, recorder.listen(self._hand_on))
        for name in sampler.loops():
            self.restart(name)
        self.owner.set_timer(_SETTLED_SECONDS, self._load_screens)
        return sampler

    async def _load_screens(self) -> None:
        await asyncio.to_thread(_load, _SCREENS)

    def restart(self, name: str) -> None:
        """Start the loop of one source; also after a bug ended it."""
        if self.sampler is not None:
            loop = self.sampler.loops()[name]
            self._workers.append(
                self.owner.run_worker(
                    loop(), name=f"source:{name}", group=f"source:{name}", exit_on_error=False, exclusive=True
                )
            )

    def _hand_on(self, subject: str, report: object) -> None:
        self.owner.post_message(ReportArrived(subject, report))

    async def stop(self) -> None:
        """Cancel the loops and close the connections."""
        for worker in self._workers:
            worker.cancel()
        self._workers.clear()
        await self.context.aclose()
