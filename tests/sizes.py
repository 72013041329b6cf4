"""The sizes of a terminal at which what looks different in each is tried: a small one, and at night a large one too."""

import pytest

from tests.amounts import at_night

SMALL, LARGE = (80, 24), (140, 42)
SIZES = [pytest.param(SMALL, id="80x24"), at_night(LARGE, name="140x42")]
