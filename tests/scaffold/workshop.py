"""A gateway of the tests' own, filled with generated routers, and the programs that judge them."""

import itertools
import random
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from optimus_tui.assets import asset_dir
from optimus_tui.child_processes import minimal_environment
from optimus_tui.scaffold.render import Draft, render
from optimus_tui.scaffold.spec import OPERATIONS, ROUTER_TYPES, RouterSpec, make_spec
from tests.amounts import WHOLE

TEMPLATE = asset_dir("templates") / "orchestrator"
BESIDE = str(Path(__file__).parent / "beside")
NAMES = ("products", "order_items", "inventory", "stores", "tenants", "categories", "pages", "base_models", "calendar")
FIELDS: tuple[tuple[str, ...], ...] = (
    (),
    ("title:str", "price:float=9.5", "count:int?", "on:bool=true", "day:date?", "at:datetime"),
    ('note:str?=it\'s "ok" \\ {{7*7}}', "level:int=-3"),
    ("born:date",),
    ("price:decimal", "owner:uuid?", "contact:email", "page:url?", "tags:list[str]"),
    (
        "type:str(max_length=80)",
        "state:enum[open,on hold]=open",
        "price:decimal(ge=0,lt=0.5)",
        "rate:float(gt=0,le=1)?",
        "count:int(ge=-1,le=5)=1",
        "born:date(ge=2000-01-01)?",
        "starts:datetime(ge=2025-01-29T10:30:05Z,lt=2026-01-01T00:00:00Z)?",
        "times:list[datetime(gt=2025-01-29T11:30+01:00,le=2025-01-30T10:30:00Z)]",
        "class:str?",
        "model_x:str=x",
        "json:bool=true",
    ),
    (
        "where:{street:str(min_length=3,description='With number'),kind:enum[home,work]=home,from:int?,id:int(gt=9)}",
        "lines:list[{sku:str,count:int(ge=1)}](min_length=2,max_length=3)?",
        "tags:list[str(max_length=9)](max_length=5)=[]",
        "scores:list[int(ge=0)](min_length=1)",
        "ids:list[uuid]?",
        "day:date=2025-02-03",
        "mail:email=a@b.c",
    ),
)


def new_gateway(folder: Path) -> Path:
    """The reference project without its tests."""
    shutil.copytree(TEMPLATE / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(TEMPLATE / "pyproject.toml", folder)
    (folder / "tests").mkdir()
    return folder


def twelve() -> list[RouterSpec]:
    """Each type with each pair of flags, all operations."""
    flags = itertools.product(ROUTER_TYPES, (True, False), (True, False))
    return [
        make_spec(f"{kind}_{'l' if limits else 'x'}{'c' if cache else 'x'}_things", kind, OPERATIONS,
                  rate_limiting=limits, caching=cache, fields=FIELDS[-1 - number % 6])
        for number, (kind, limits, cache) in enumerate(flags)
    ]  # fmt: skip


def some(count: int, seed: int) -> list[RouterSpec]:
    """Random combinations, each under a name of its own, long ones among them."""
    rng = random.Random(seed)
    return [
        make_spec(
            f"{rng.choice((*NAMES, 'x' * 30))[:34]}_{number}{rng.choice(('s', 'q'))}",
            rng.choice(ROUTER_TYPES),
            rng.sample(OPERATIONS, rng.randint(1, len(OPERATIONS))),
            rate_limiting=rng.random() < 0.5,
            caching=rng.random() < 0.5,
            fields=rng.choice(FIELDS),
            parent=rng.choice(("", "", "carts", "shops/tills")),
        )
        for number in range(count)
    ]


def fill(gateway: Path, specs: Iterable[RouterSpec]) -> list[Draft]:
    """Render and put in place."""
    drafts = [render(spec) for spec in specs]
    for file in (file for draft in drafts for file in (*draft.files, *draft.beside)):
        (gateway / file.path).write_text(file.content, "utf-8")
    return drafts


def quick_tests(*roots: str) -> dict[str, str]:
    """Return the variables of a process that runs generated tests; ``roots``: where it imports from."""
    if WHOLE:
        return {"PYTHONPATH": ":".join(roots)} if roots else {}
    return {
        "PYTHONPATH": ":".join((*roots, BESIDE)),
        "PYTEST_PLUGINS": "signatures_once",
        "PYTEST_ADDOPTS": "-p no:hypothesispytest -p no:valkey -p no:xdist --assert=plain",
    }


def judge(gateway: Path, drafts: Sequence[Draft], types: Path | None = None) -> str:
    """What ruff, mypy and the generated tests object to; empty where all is well.

    Args:
        gateway: The project.
        drafts: What was generated in it.
        types: Where mypy keeps what it knows of the packages; None for a place in the project.
    """
    tool = Path(sys.executable).with_name
    files = [file.path for draft in drafts for file in draft.files]
    ruff = [tool("ruff"), "--isolated", "--no-cache", "--line-length=110", "--target-version=py311"]
    lint = ["--select=F,E9,B,ASYNC,S,I", "--per-file-ignores=tests/*:S101", '--config=src=["src"]']
    steps: list[tuple[str, list[str | Path]]] = [
        ("ruff check", [ruff[0], "check", *ruff[1:], *lint, *files]),  # type: ignore[list-item]
        ("ruff format", [ruff[0], "format", "--check", *ruff[1:], *files]),  # type: ignore[list-item]
        ("mypy", [tool("mypy"), "--strict", "--config-file=", f"--cache-dir={types or '.types'}", *files]),
        (
            "tests",
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "tests"],
        ),
    ]
    said: list[str] = []
    environment = minimal_environment(**quick_tests(str(gateway / "src")), MYPYPATH=str(gateway / "src"))
    for name, command in steps:
        done = subprocess.run(command, cwd=gateway, env=environment, capture_output=True, text=True, timeout=900)
        if done.returncode:
            said.append(f"{name}:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
    return "\n".join(said)


def endless_gateway(folder: Path) -> tuple[Path, Path]:
    """A gateway whose tests never end and start a program of their own; where they write both process ids."""
    gateway, told = new_gateway(folder / "endless"), folder / "pids"
    (gateway / "src/backend/routers/__init__.py").write_text(
        "import os, subprocess, time\n"
        "child = subprocess.Popen(['sleep', '300'])\n"
        f"with open({str(told)!r} + '.part', 'w') as out:\n"
        "    out.write(f'{os.getpid()} {child.pid}')\n"
        f"os.rename({str(told)!r} + '.part', {str(told)!r})\n"
        "time.sleep(300)\n"
    )
    return gateway, told


def pids_in(told: Path) -> list[int]:
    """What the endless tests wrote; nothing before they run."""
    return [int(word) for word in told.read_text().split()] if told.exists() else []


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
