"""The dashboard as it is, but for the latency guard: a busy machine of the tests is no suffering server.

``tests.live.actions.calm_dashboard CONFIG ENVIRONMENT``
"""

import os
import sys
from pathlib import Path

from optimus_tui.settings.load import load
from optimus_tui.tui.app import run
from tests.live.actions.driver import CALM

if __name__ == "__main__":
    chosen = {"config": sys.argv[1], "env": sys.argv[2]}
    sys.exit(run(load(chosen, os.environ, Path.cwd(), None), tuning=CALM))
