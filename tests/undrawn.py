"""Leave out drawings that nobody sees: of an application without a terminal, a screen is drawn when a test reads it.

Textual draws every change of such an application, too, and throws it away: that took a third of the time of the tests
with screens. At night everything is drawn, as it is in real terminals (``tests.terminal``) and for the monkey, which
reads nothing.
"""

import pytest
from textual._compositor import Compositor

from tests.amounts import WHOLE

_update = Compositor.render_update


def _when_read(compositor: Compositor, full: bool = False, *screens: object, **more: object) -> object:
    """Draw a whole screen that is asked for, as for a picture; take changed regions as drawn."""
    if full:
        return _update(compositor, full, *screens, **more)  # type: ignore[arg-type]
    compositor._dirty_regions.clear()
    return None


def draw_when_read() -> None:
    """Draw nothing from now on but what is read."""
    if not WHOLE:
        Compositor.render_update = _when_read  # type: ignore[method-assign, assignment]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw every change, also if nobody reads the screen: for tests in which drawing may fail."""
    monkeypatch.setattr(Compositor, "render_update", _update)
