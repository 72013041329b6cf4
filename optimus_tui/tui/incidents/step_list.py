"""The list of an incident's steps, with the proof of the last action below it."""

from typing import Any, ClassVar

from optimus_tui.contract.incident import IncidentState
from optimus_tui.tui.incidents import text as words
from optimus_tui.tui.keys import MOVES, chosen
from optimus_tui.tui.theme import Piece
from optimus_tui.tui.widgets.line_view import LineView


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
