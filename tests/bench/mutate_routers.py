"""How many mutants of a generated router its own tests kill: ``python -m tests.bench.mutate_routers [KIND …]``.

Needs cosmic-ray (the extra ``bench``). Each mutant is tried in a fork of a process that has imported what the tests
import. One that cannot be imported is not counted: it would not start. ``--every N`` tries each N-th.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from optimus_tui.scaffold.render import render
from optimus_tui.scaffold.spec import OPERATIONS, RouterSpec, make_spec
from tests.bench.equivalent_mutants import reason_for
from tests.bench.router_mutants import Mutant, mutants
from tests.scaffold.workshop import fill, new_gateway

PATIENCE = 5
"""A mutant may take so many times as long as the tests of the router itself."""
FIELDS = ("name:str", "price:float", "level:int=3", "note:str?", "day:date")


class Kind(NamedTuple):
    """A router with all operations. Of one that is ``beyond`` another, only those mutants that the other has not."""

    given: dict[str, Any]
    beyond: str = ""


_LISTED: dict[str, Any] = {"filters": ("name", "price", "level", "note", "day")}
_BELOW: dict[str, Any] = {"parent": "shops/tills"}
KINDS = {
    "proxy": Kind({}),
    "direct": Kind({"router_type": "direct"}),
    "direct sqlalchemy": Kind({"router_type": "direct", "storage": "sqlalchemy"}),
    "hybrid": Kind({"router_type": "hybrid"}),
    "proxy filters": Kind(_LISTED, "proxy"),
    "direct filters": Kind({"router_type": "direct", **_LISTED}, "direct"),
    "direct sqlalchemy filters": Kind(
        {"router_type": "direct", "storage": "sqlalchemy", **_LISTED}, "direct sqlalchemy"
    ),
    "hybrid filters": Kind({"router_type": "hybrid", **_LISTED}, "hybrid"),
    "proxy parent": Kind(_BELOW, "proxy"),
    "direct parent": Kind({"router_type": "direct", **_BELOW}, "direct"),
    "direct sqlalchemy parent": Kind({"router_type": "direct", "storage": "sqlalchemy", **_BELOW}, "direct sqlalchemy"),
    "hybrid parent": Kind({"router_type": "hybrid", **_BELOW}, "hybrid"),
}
_IMPORTED = (
    "aiosqlite",
    "asyncio",
    "fakeredis",
    "fastapi.testclient",
    "httpx",
    "pytest_asyncio",
    "sqlalchemy.ext.asyncio",
)
_SOUND, _FAILED, _NO_START = 0, 1, 77


class Outcome(NamedTuple):
    """What became of a mutant: killed, survived, equivalent, or no start."""

    mutant: Mutant
    state: str


def spec_of(kind: str) -> RouterSpec:
    """Return the router of a kind, with all operations."""
    return make_spec(name="products", operations=OPERATIONS, fields=FIELDS, **KINDS[kind].given)


def mutants_of(kind: str, every: int = 1, only: str = "") -> list[Mutant]:
    """Return each ``every``-th mutant of a kind; ``only`` is a part of the change."""
    source, beyond = render(spec_of(kind)).router.content, KINDS[kind].beyond
    known = render(spec_of(beyond)).router.content if beyond else ""
    return [one for one in mutants(source, known, every) if only in one.change]


def try_all(kind: str, every: int = 1, only: str = "") -> Iterator[Outcome]:
    """Yield each mutant of a kind with what became of it."""
    with tempfile.TemporaryDirectory(prefix="optimus-mutants-") as folder:
        gateway = new_gateway(Path(folder))
        (draft,) = fill(gateway, [spec_of(kind)])
        router, module = gateway / draft.router.path, draft.spec.target.module(draft.spec.name)
        _import_what_tests_need(gateway)
        order = gateway / "order.json"
        began = time.monotonic()
        if (code := _run(gateway, draft.test.path, module, order, float("inf"))) != _SOUND:
            raise RuntimeError(f"the tests of {kind} do not pass as they are: {code}")
        seconds = PATIENCE * (time.monotonic() - began)
        for mutant in mutants_of(kind, every, only):
            reason = reason_for(kind, mutant)
            if reason:
                yield Outcome(mutant, "equivalent")
                continue
            router.write_text(mutant.text, "utf-8")
            code = _run(gateway, draft.test.path, module, order, seconds)
            states = {_SOUND: "survived", _NO_START: "no start"}
            yield Outcome(mutant, states.get(code, "killed"))
        _forget(gateway)


def _import_what_tests_need(gateway: Path) -> None:
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(gateway / "src"))
    for name in _IMPORTED:
        __import__(name)
    for path in sorted((gateway / "src/backend").rglob("*.py")):
        if "routers" not in path.parts and path.stem not in ("app", "__init__"):
            __import__(".".join(path.relative_to(gateway / "src").with_suffix("").parts))


def _forget(gateway: Path) -> None:
    """Let the next kind import its own gateway: this one's folder is removed."""
    sys.path.remove(str(gateway / "src"))
    for name in [one for one in sys.modules if one == "backend" or one.startswith("backend.")]:
        del sys.modules[name]


def _run(gateway: Path, test: str, module: str, order: Path, seconds: float) -> int:
    """Return how the tests end in a child of this process; -1 where they take too long."""
    child = os.fork()
    if not child:
        os._exit(_test(gateway, test, module, order))
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -1


class _QuickFirst:
    """Runs what was quick first, so that most mutants die early. The first run keeps the seconds of each test."""

    def __init__(self, order: Path) -> None:
        self.order = order
        self.known: dict[str, float] = json.loads(order.read_text()) if order.exists() else {}
        self.seconds: dict[str, float] = {}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items.sort(key=lambda item: self.known.get(item.nodeid, 0))

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0) + report.duration

    def pytest_sessionfinish(self) -> None:
        if not self.known:
            self.order.write_text(json.dumps(self.seconds))


def _test(gateway: Path, test: str, module: str, order: Path) -> int:
    import pytest

    os.chdir(gateway)
    nothing = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1, 2):
        os.dup2(nothing, handle)
    try:
        __import__(module)
    except BaseException:
        return _NO_START
    plugins = [word for name in ("cacheprovider", "hypothesispytest") for word in ("-p", f"no:{name}")]
    quiet = ["-qx", "--tb=no", "-W", "ignore::pytest.PytestAssertRewriteWarning"]  # they are imported by the parent
    return int(pytest.main([*quiet, *plugins, test], plugins=[_QuickFirst(order)]))


def main() -> int:
    """Try the kinds that were asked for and show the figures."""
    parser = argparse.ArgumentParser(prog="tests.bench.mutate_routers")
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--only", default="", help="a part of the change, to try some mutants again")
    asked = parser.parse_args()
    for kind in asked.kinds or KINDS:
        counted = Counter[str]()
        for outcome in try_all(kind, asked.every, asked.only):
            counted[outcome.state] += 1
            if outcome.state == "survived":
                print(f"{kind} survived: {outcome.mutant.change}", flush=True)
        tried = counted["killed"] + counted["survived"]
        share = f"{100 * counted['killed'] / tried:.1f} %"
        print(f"{kind}: {counted['killed']} of {tried} killed, {share}; {dict(counted)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
