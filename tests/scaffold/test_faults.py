"""The tests that are generated fail when their router is broken. All the faults: tests/bench/bench_routers.py."""

import re
import subprocess
import sys
from pathlib import Path

from optimus_tui.child_processes import minimal_environment
from optimus_tui.scaffold.spec import OPERATIONS, make_spec
from tests.bench.bench_routers import HYBRID, PROXY
from tests.scaffold.workshop import fill, new_gateway, quick_tests

QUICK = {
    "key without tenant", "half an invalidation", "every failure is the same", "one bad item costs the list",
    "deleted is 200", "page not passed on", "another method sent upstream", "no invalidation on create",
    "update for a constant tenant",
    "text without bounds", "missing one made up and cached", "find in all tenants",
}  # fmt: skip


def test_faults_of_all_kinds_are_each_caught_by_the_generated_tests_and_a_sound_router_passes(tmp_path: Path) -> None:
    gateway = new_gateway(tmp_path)
    faults = [(kind, *fault) for kind, faults in (("proxy", PROXY), ("hybrid", HYBRID)) for fault in faults]
    chosen = [("proxy", "sound", "", ""), *(fault for fault in faults if fault[1] in QUICK)]
    assert len(chosen) == 1 + len(QUICK)
    for number, (kind, fault, old, new) in enumerate(chosen):
        (draft,) = fill(gateway, [make_spec("products", kind, OPERATIONS)])
        assert old in draft.router.content, fault
        for file, broken in ((draft.router, draft.router.content.replace(old, new)), (draft.test, draft.test.content)):
            own = gateway / file.path.replace("products", f"products{number}")
            own.write_text(broken.replace("backend.routers.products", f"backend.routers.products{number}"), "utf-8")
            (gateway / file.path).unlink()
    assert failing(gateway) == set(range(1, len(chosen)))


ONE_IS_ENOUGH = """
import pytest

failed = set()


def pytest_runtest_setup(item):
    if item.nodeid.partition("::")[0] in failed:
        pytest.skip("this router is known to be broken")


def pytest_runtest_logreport(report):
    if report.failed:
        failed.add(report.nodeid.partition("::")[0])
"""


def failing(gateway: Path) -> set[int]:
    """The numbers of the routers whose tests fail. After its first failure a router's other tests are left out."""
    (gateway / "tests/conftest.py").write_text(ONE_IS_ENOUGH, "utf-8")
    environment = minimal_environment(**quick_tests(str(gateway / "src")))
    quiet = ["-q", "-rfE", "--tb=no", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *quiet, "tests"],
        cwd=gateway, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    return {int(number) for number in re.findall(r"^(?:FAILED|ERROR) tests/test_products(\d+)", done.stdout, re.M)}
