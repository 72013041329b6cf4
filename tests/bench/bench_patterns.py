"""500 routers: bare ast.parse, the validator cold and warm. ``python tests/bench/bench_patterns.py [ROUNDS=5]``.

Gates: cold at most 4 times the bare parse of the same files, warm at most 0.3 s. CPU time, the best of the rounds.
"""

import ast
import shutil
import sys
import tempfile
import time
from pathlib import Path

from optimus_tui.tools.router_files import ROUTERS, examine

REFERENCE = Path(__file__).parents[2] / "templates" / "orchestrator"
FILES = 500


def make(root: Path) -> list[str]:
    """The reference gateway with 500 routers that differ in their bytes."""
    shutil.copytree(REFERENCE, root, ignore=shutil.ignore_patterns(".venv", "__pycache__", ".*"))
    folder = root / ROUTERS
    sources = [
        path.read_text() for path in sorted(folder.glob("*.py")) if path.name not in ("__init__.py", "system.py")
    ]
    for at in range(FILES):
        (folder / f"r{at}.py").write_text(f"{sources[at % len(sources)]}\n# {at}\n")
    return [f"{ROUTERS}/r{at}.py" for at in range(FILES)]


def main(rounds: int) -> int:
    bare, cold, warm = [], [], []  # type: ignore[var-annotated]
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "tree"
        paths = make(root)
        sources = [(root / path).read_bytes() for path in paths]
        for at in range(rounds):
            started = time.process_time()
            for source in sources:
                ast.parse(source)
            bare.append(time.process_time() - started)
            for times in (cold, warm):
                started = time.process_time()
                outcome = examine(root, paths, cache_folder=Path(place) / f"cache{at}")
                times.append(time.process_time() - started)
                assert len(outcome.judged) == FILES
    ratio = min(cold) / min(bare)
    print(
        f"{FILES} routers: bare parse {min(bare):.3f} s, cold {min(cold):.3f} s = {ratio:.2f} x, warm {min(warm):.3f} s"
    )
    good = ratio <= 4 and min(warm) <= 0.3
    print("within the figures" if good else "NOT within the figures")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
