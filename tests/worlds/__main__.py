"""Run the worlds and print the table: ``python -m tests.worlds [--only PATTERN] [--jobs N] [--fast]``.

Exit code 1 where a verdict is wrong or a healthy system is accused.
"""

import argparse
import fnmatch
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from tests.worlds.catalogue import all_worlds, play_named
from tests.worlds.judging import ACCUSED, RIGHT, UNKNOWN, WRONG, Verdict

WIDE = {"question": 46, "wanted": 44, "given": 90}


def _chosen(only: str | None, fast: bool) -> Iterator[str]:
    for name, told in all_worlds().items():
        if fast and not told.fast:
            continue
        if only and only not in name and not fnmatch.fnmatch(name, only):
            continue
        missing = [binary for binary in told.needs if not shutil.which(binary)]
        if missing:
            print(f"left out {name}: no {', '.join(missing)} on this machine")
            continue
        yield name


def _row(verdict: Verdict, whole: bool) -> str:
    def cut(text: str, width: int) -> str:
        flat = " ".join(text.split())
        return flat if whole or len(flat) <= width else flat[: width - 1] + "…"

    parts = [cut(getattr(verdict, name), width).ljust(0 if whole else width) for name, width in WIDE.items()]
    return f"  {verdict.outcome:8} {'  |  '.join(parts)}"


def main() -> int:
    """Print a table and a summary; the exit code."""
    options = argparse.ArgumentParser(prog="python -m tests.worlds")
    options.add_argument("--only", help="a part of the name, or a pattern")
    options.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options.add_argument("--fast", action="store_true", help="only the worlds that CI runs")
    options.add_argument("--whole", action="store_true", help="do not cut the texts")
    options.add_argument("--bad", action="store_true", help="only rows that are wrong or accuse")
    given = options.parse_args()
    names, counts = list(_chosen(given.only, given.fast)), Counter[str]()
    failing: list[str] = []
    with ProcessPoolExecutor(given.jobs, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(play_named, name) for name in names]):
            name, verdicts, took = done.result()
            counts.update(one.outcome for one in verdicts)
            bad = any(one.outcome in (WRONG, ACCUSED) for one in verdicts)
            failing += [name] if bad else []
            if given.bad and not bad:
                continue
            print(f"{name}  {took:.1f} s  {all_worlds()[name].about}")
            for one in verdicts:
                if not given.bad or one.outcome in (WRONG, ACCUSED):
                    print(_row(one, given.whole))
            sys.stdout.flush()
    total = sum(counts.values())
    share = f"{counts[RIGHT] / total:.1%}" if total else "-"
    print(
        f"\n{len(names)} worlds, {total} verdicts: {counts[RIGHT]} right ({share}), "
        f"{counts[UNKNOWN]} honestly unknown, {counts[WRONG]} wrong, {counts[ACCUSED]} healthy accused"
    )
    for name in sorted(failing):
        print(f"  not passed: {name}")
    return 1 if failing else 0


if __name__ == "__main__":
    sys.exit(main())
