"""Random requests for routers over all options in five layouts: run by hand, ``python -m tests.bench.bench_generator``.

Each is written and its checks and tests pass, or it is refused in one sentence. ``--count 200``, ``--seed 1``.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from optimus_tui.actions.drafts.draft_checks import run_checks
from optimus_tui.actions.drafts.routers import RouterPlan, write_router
from optimus_tui.child_processes import minimal_environment
from optimus_tui.scaffold.target import RouterTarget
from optimus_tui.tools.router_files import judged
from tests.scaffold.layouts import LAYOUTS, make_project, routes_of
from tests.scaffold.requests import Request, plan_request, random_requests


def main() -> None:
    """Write what was asked for, layout by layout, then run all tests of each."""
    options = argparse.ArgumentParser()
    options.add_argument("--count", type=int, default=200)
    options.add_argument("--seed", type=int, default=200)
    options.add_argument("--layout", choices=LAYOUTS, action="append")
    asked = options.parse_args()
    layouts, began = tuple(asked.layout or LAYOUTS), time.monotonic()
    requests = random_requests(asked.count, asked.seed, layouts)
    written, refused, wrong = 0, 0, list[str]()
    with tempfile.TemporaryDirectory() as folder:
        for layout in layouts:
            project = make_project(Path(folder) / layout, LAYOUTS[layout])
            plans = list[RouterPlan]()
            for request in (each for each in requests if each.layout == layout):
                outcome = plan_request(project, request)
                if outcome.plan is None:
                    refused += 1
                    wrong += [] if is_expected(request, outcome.sentence) else [f"{request}: {outcome.sentence}"]
                    continue
                wrong += check(request, outcome.plan)
                write_router(outcome.plan)
                plans.append(outcome.plan)
            written += len(plans)
            failed = run_tests(project, plans)
            wrong += [f"{layout}: {each}" for each in failed]
            say(f"{layout}: {len(plans)} written, {len(failed)} failures in tests, {time.monotonic() - began:.0f} s")
    say(f"{written} written, {refused} refused in one sentence, {len(wrong)} wrong ({time.monotonic() - began:.0f} s)")
    for each in wrong:
        say(each)
    sys.exit(bool(wrong))


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def is_expected(request: Request, sentence: str) -> bool:
    """Whether a refusal is of a mistake, and one sentence."""
    return request.mistaken and bool(sentence) and "\n" not in sentence


def check(request: Request, plan: RouterPlan) -> list[str]:
    """What is wrong with a plan: a mistake that was not noticed, or a check that does not pass."""
    found = [f"{request}: not refused"] if request.mistaken else []
    for one in run_checks(plan.draft, plan.root, None, judged, None, False):
        if one.status != "passed" and one.name != "tests":
            found.append(f"{request}: {one.name} {one.status}: {one.detail} {one.output[-600:]}")
    return found


def run_tests(project: Path, plans: list[RouterPlan]) -> list[str]:
    """Run the tests of all routers of a project in one process, and see that its application has them all."""
    if not plans:
        return []
    target: RouterTarget = plans[0].draft.spec.target
    (routes,) = routes_of(target, project)
    missing = [
        f"{each.draft.spec.name} is not registered"
        for each in plans
        if not any(each.draft.spec.path in route for route in routes)
    ]
    plugins = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--noconftest", "--tb=short")
    command = [sys.executable, "-m", "pytest", "-q", *plugins, *(each.draft.test.path for each in plans)]
    environment = minimal_environment(PYTHONPATH=str(project / target.import_root), PATH=os.environ["PATH"])
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    if done.returncode and not re.search(r"^(FAILED|ERROR) ", done.stdout, re.MULTILINE):
        return [*missing, f"exit {done.returncode}: {done.stdout[-2000:]}{done.stderr[-500:]}"]
    return [*missing, *re.findall(r"^(?:FAILED|ERROR) .*", done.stdout, re.MULTILINE)]


if __name__ == "__main__":
    main()
