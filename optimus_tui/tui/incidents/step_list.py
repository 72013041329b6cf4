"""The list of an incident's steps, with the proof of the last action below it."""

from typing import Any, ClassVar

from optimus_tui.contract.incident import IncidentState, Step
from optimus_tui.tui.incidents import text as words
from optimus_tui.tui.keys import MOVES, chosen
from optimus_tui.tui.theme import Piece
from optimus_tui.tui.widgets.line_view import LineView
from optimus_tui.workflow.proof import confirmed_at


class StepList(LineView):
    """The steps with their state; the cursor chooses whose evidence is shown."""

    BINDINGS: ClassVar[Any] = chosen(*MOVES[:-1])
    moved = "screen.show_step"
    head_lines = 0
    table = words.STEPS

    def __init__(self) -> None:
        super().__init__(id="steps")
        self.state = IncidentState()
        self.running = ""
        self.proof: list[str] = []
        self._has_room = False

    def on_resize(self) -> None:
        """Show or hide the proof below the steps, as there is room for it."""
        if self.state.steps:
            self.show(self.state, self.running, self._has_room)

    def show(self, state: IncidentState, running: str, has_room: bool) -> None:
        """Draw the steps.

        Args:
            state: The incident.
            running: How far the running step is, in words; empty if none runs.
            has_room: Whether the whole proof of the last action is drawn below the steps, if it fits there.
        """
        self.state, self.running, self._has_room = state, running, has_room
        self.proof = words.proof_lines(state, self.body_width) if has_room else []
        self.styles.height = len(state.steps) + len(self.proof) + 2
        # The layout follows later: until then the proof would stand on the lines of the steps.
        if self.scrollable_content_region.height < len(state.steps) + len(self.proof):
            self.proof = []
        self.foot_lines = len(self.proof)
        self.set_rows([step.plan.id for step in state.steps])
        self.refresh()

    def cells_of(self, index: int) -> words.StepLine:
        """Return one step with its state."""
        return words.StepLine(self.state, index, self.running, bool(self.proof))

    def foot(self, line: int, width: int) -> list[Piece]:
        """Return a line of the proof."""
        return [(" " * 4 + self.proof[line], "quiet")]


class ActFollower:
    """Tells which step to show once something is done: the last one, unless the operator has gone elsewhere since."""

    def __init__(self, state: IncidentState) -> None:
        """Follow what is done from now on."""
        self._acts, self._acting = len(state.action_records), False
        self._placed, self._moved_at = "", 0.0

    def goes_to(self, step: Step) -> None:
        """Note that the screen itself goes to a step."""
        self._placed = step.plan.id

    def note_shown(self, step: Step | None, wall: float) -> None:
        """Note that another step is shown, at ``wall`` in wall-clock seconds: the operator went there or the screen."""
        if step is not None and step.plan.id != self._placed:
            self._placed, self._moved_at = "", wall

    def step_to_show(self, state: IncidentState, shown: Step, *, acting: bool) -> Step | None:
        """Return the step to go to now; None to stay.

        Args:
            state: The incident.
            shown: The step that is shown.
            acting: True while something is done outside of the product.
        """
        records, began = state.action_records, acting and not self._acting
        is_new, self._acting = len(records) > self._acts, acting
        self._acts = len(records)
        last = next((step for step in state.steps if step.plan.kind == "apply"), None)
        if last is shown or not (began or (is_new and self._moved_at <= confirmed_at(records[-1]))):
            return None
        return last
