"""Protocols: what controllers, screens and dialogs may call of the application and of the dashboard.

Controllers know the dashboard only by these protocols: none imports it, not even for its type. A controller that uses
another one (incidents use actions, drills use incidents, findings use both) gets it from the dashboard and may import
its class; such imports go one way.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from textual.app import App
    from textual.geometry import Size
    from textual.notifications import SeverityLevel
    from textual.screen import Screen
    from textual.worker import Worker

    from optimus_tui.context import Context
    from optimus_tui.contract.actions import Receipt
    from optimus_tui.contract.findings import Finding
    from optimus_tui.contract.incident import Happened, Remedy, Truth
    from optimus_tui.contract.services import HealthReport
    from optimus_tui.incidents.since import ProofProgress
    from optimus_tui.settings.model import Settings
    from optimus_tui.tui.dashboard.finding_places import Place
    from optimus_tui.tui.dashboard.sampling_bridge import SamplingBridge
    from optimus_tui.tui.key_gate import KeyGate
    from optimus_tui.tui.panes.base import Pane
    from optimus_tui.tui.prompt.history import PromptHistory
    from optimus_tui.tui.toasts.queue import Said
    from optimus_tui.tui.widgets.bars import Part, Words


class CommandError(ValueError):
    """Raised for a command line that cannot be run. Its text is one sentence: what is wrong and what would be right."""


REMEDY_COMMAND = ":remedy "
"""The beginning of the command that carries out a remedy of the demo; its name follows."""


class OutsideRemedies(Protocol):
    """The remedies outside of this program, which only the demo has."""

    @property
    def under_way(self) -> str:
        """Return the name of the remedy that is being carried out now; empty if none is."""

    async def fitting(self, finding: "Finding") -> "Sequence[Remedy]":
        """Return the remedies that fit a finding by its rule and subject; none outside of the demo."""

    def known_for(self, finding: "Finding") -> "Sequence[Remedy]":
        """Return what ``fitting`` returns, but without reading a file; empty until the file has been read."""

    async def confirm(self, name: str, finding: "Finding | None" = None) -> None:
        """Ask whether to carry out a remedy for a finding, and start it if confirmed."""


class Demo(Protocol):
    """A running demo. Its texts are safe to show; ``starting`` is True until its services answer."""

    @property
    def ready(self) -> bool:
        """Return True once its services answer."""

    @property
    def starting(self) -> bool:
        """Return True until the services answer or the start has failed."""

    @property
    def progress(self) -> str:
        """Return what it is starting now."""

    @property
    def failed(self) -> str | None:
        """Return why the demo cannot run; None while it can."""

    @property
    def notice(self) -> str:
        """Return a notice about the start for the operator; empty for none."""

    @property
    def note(self) -> str:
        """Return a sentence about the latest change of scenario; empty for none."""

    @property
    def scenario(self) -> str:
        """Return the name of the running scenario."""

    @property
    def scenarios(self) -> Sequence[str]:
        """Return the names of all scenarios."""

    def start(self) -> object:
        """Start its processes, once.

        Raises:
            OSError: They cannot be started.
        """

    def under_way(self, kind: str) -> float:
        """Return for how many seconds a ``switch``, ``fault`` or ``remedy`` has been under way; 0 without one."""

    async def switch(self, name: str) -> None:
        """Change the scenario."""

    # -- drills

    @property
    def drill(self) -> str:
        """Return the drill that the command line asked for; empty for none."""

    @property
    def drills(self) -> Sequence[str]:
        """Return the scenarios that can be drilled."""

    @property
    def remedies(self) -> "Sequence[Remedy]":
        """Return the remedies outside of the product."""

    def truth(self, name: str) -> "tuple[str, Truth]":
        """Return a scenario's description in one sentence, and which findings show its fault and what cures it."""

    async def inject(self, name: str) -> "Happened":
        """Play a scenario for a drill, and return when its fault was in place."""

    async def remedy(self, name: str) -> "Happened":
        """Carry out a remedy outside of the product, such as a restart."""


class AppServices(Protocol):
    """The part of the application that screens and controllers may call."""

    keys: "KeyGate"
    """Knows whether a key is at work, or a dialog was asked for."""
    touched: Callable[[], None] | None
    """Called for every key while actions are armed."""
    quiet_before_key: float
    """Seconds between the key that acts now and the one before it."""
    key_at: float
    """When the key that acts now was pressed, in monotonic seconds."""

    @property
    def demo(self) -> Demo | None:
        """Return the running demo, or None outside of it."""

    @property
    def dashboard(self) -> "DashboardServices | None":
        """Return the dashboard; None before it is opened."""

    @property
    def environments(self) -> list[str]:
        """Return the names of the configured environments."""

    def open_environment(self, name: str = "") -> bool:
        """Close this environment's connections and open the dashboard on another, or on this one as the files are now.

        Returns:
            False if only another start reads the files.

        Raises:
            SettingsError: The files cannot be read, or hold a mistake; the dashboard stays as it is.
        """

    def check_settings(self, settings: "Settings") -> None:
        """Raise SettingsError for a theme that does not exist, and for keys that are unknown or taken."""

    def use_mouse(self, wanted: bool) -> None:
        """Start or stop receiving mouse events."""

    prompt_history: "PromptHistory"
    """What was typed after ``:`` and ``/``."""

    @property
    def messages_said(self) -> "Sequence[Said]":
        """Return the messages that toasts have shown, the oldest first."""

    def notify(
        self, message: str, *, severity: "SeverityLevel", timeout: float | None, whole: str, is_alert: bool
    ) -> None:
        """Show a toast of plain text; ``:messages`` keeps its full text. Answers to keys are shown before alerts."""

    def command_lines(self) -> list[str]:
        """Return the command lines that ``:`` completes."""

    def command_help(self) -> "Sequence[tuple[str, str]]":
        """Return each ``:`` command with what it does."""

    def run_command(self, line: str) -> str:
        """Run a ``:`` command from any screen. Return a sentence if it failed, else nothing."""

    def leave(self) -> None:
        """Leave the program; ask first if typed text or running work would be lost."""

    def is_held(self, seconds: float) -> bool:
        """Return True if the present key came within ``seconds`` after the same key: it may be held down."""

    def keep_report(self, error: BaseException) -> str:
        """Write a crash report and return the sentence that says where it is."""


class SettledRecord(Protocol):
    """The interface through which other controllers ask about findings that proofs have settled."""

    def was(self, finding: "Finding") -> str:
        """Return the sentence of a settled finding as it was before the proof."""


class IncidentRecord(Protocol):
    """The part of the open incident's controller that others may call."""

    @property
    def settled(self) -> "SettledRecord | None":
        """Return what proofs have settled; None before anything was done from here."""

    @property
    def progress(self) -> "ProofProgress | None":
        """Return what came in since the last action of the incident whose proof is awaited; None if none is."""

    def open_number(self) -> str:
        """Return the number of the incident that is open and writable here, or an empty string."""

    def is_open(self) -> bool:
        """Return True if an incident is open here."""

    def alarming(self) -> "list[Finding]":
        """Return the findings of medium severity or worse, the worst first."""

    def too_early(self, finding: "Finding") -> str:
        """Return why a finding does not yet show the effect of what was done for it or its cause; empty if it does."""

    def why_quiet(self, finding: "Finding") -> str:
        """Return why nothing needs to be done about a finding that still shows, such as a proof; else empty."""

    def proof_of(self, action_id: str) -> str:
        """Return how far the proof of an action is, or its result, in words; empty where none is awaited."""

    async def record_action(self, receipt: "Receipt", audit: str, before: "Sequence[Finding]" = ()) -> None:
        """Record a verified action in its incident; without one, watch the finding in ``before`` that it was for."""


class FindingServices(Protocol):
    """The actions on a finding that screens and panes may call."""

    def explain(self, subject: str, findings: "Sequence[Finding]") -> None:
        """Explain findings, the worst first, and carry out what is chosen there."""

    def go_to_row(self, finding: "Finding") -> None:
        """Go to the row that a finding is about; ``esc`` comes back."""

    def go_to(self, place: "Place", subject: str) -> None:
        """Go to a row or a filtered pane; ``esc`` comes back. ``subject``: what sentences call it (safe text)."""

    def open_incident(self, finding: "Finding | None", tenant: str = "") -> None:
        """Show the open incident, else ask for a new one about a finding, or about a tenant by its name."""

    def act_on(self, row: object) -> None:
        """Show the actions for a finding or the row of a pane, and carry out the chosen one."""


class DashboardServices(Protocol):
    """The part of the dashboard that controllers, and the screens above it, may call."""

    settings: "Settings"
    context: "Context"
    bridge: "SamplingBridge"
    """The sampling loops; they run once the first frame is out."""
    health: "HealthReport | None"
    """The last health report; None before the first."""
    current: str
    """The name of the current pane."""

    @property
    def app(self) -> "App[Any]":
        """Return the Textual application: dialogs, toasts, themes."""

    @property
    def optimus(self) -> AppServices:
        """Return the application's own services."""

    @property
    def size(self) -> "Size":
        """Return columns and rows."""

    @property
    def incidents(self) -> IncidentRecord:
        """Return the open incident."""

    @property
    def findings(self) -> FindingServices:
        """Return the controller that explains findings and goes to their rows."""

    def pane(self, name: str) -> "Pane":
        """Return the pane of this name: health, limits, cache or feed."""

    def panes(self) -> "Sequence[Pane]":
        """Return all panes in the order of their numbers."""

    def say(self, sentence: str, severity: str = "information", path: object = None, *, lasting: bool = False) -> None:
        """Show a toast of plain text; ``path`` is the file that it is about.

        A lasting toast stays as long as one with a path.
        """

    def is_on_top(self) -> bool:
        """Return True if no dialog or screen stands above the dashboard."""

    def open_screen(self, screen: "Screen[Any]", on_answer: Callable[[Any], None] | None = None) -> None:
        """Show a screen above the dashboard; ``on_answer`` gets its result."""

    async def ask(self, dialog: "Screen[Any]") -> Any:
        """Show a dialog and wait for its answer. None if it was closed without one."""

    def run_in_background(
        self,
        group: str,
        work: Callable[..., Awaitable[Any]],
        *arguments: Any,
        name: str = "",
        exclusive: bool = True,
        asks: bool = False,
    ) -> "Worker[Any]":
        """Run ``work(*arguments)`` in a worker that ends with the dashboard; a bug in it is shown as a toast.

        ``asks``: it opens a dialog before it does anything slow; keys typed ahead wait for the dialog.
        """

    def cancel_group(self, group: str) -> None:
        """Cancel the workers of a group."""

    def focus_on(self, name: str) -> None:
        """Make a pane current and give it the focus."""

    def draw_status(self) -> None:
        """Draw the status line."""

    def status_line(self, start: "Sequence[Part]", width: int) -> "tuple[Words, Words]":
        """Return the line on top of a screen that begins with ``start``: mode, proof, notes; verdict and clock."""

    def refresh_now(self) -> None:
        """Make every sampling loop read again now."""
