"""A small gateway tree for the validator's tests, and its verdicts."""

import re
from functools import cache
from pathlib import Path

from optimus_tui.patterns.judge import Verdict, inspect
from optimus_tui.patterns.source.project import Project
from optimus_tui.tools.router_files import ROUTERS, SourceTree

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "templates" / "orchestrator"
CORPUS = Path(__file__).with_name("patterns_corpus")

GOOD = '''"""One good router."""
import logging

from fastapi import APIRouter, Depends
from prometheus_client import Counter

from shop.deps import rate_limited, repository, tenant_id
from shop.models import Thing

log = logging.getLogger(__name__)
READ = Counter("things_read_total", "Things read.")
router = APIRouter()


@router.get("/things/{thing_id}", dependencies=[Depends(rate_limited("thing"))])
async def thing(thing_id: str, tenant: str = Depends(tenant_id), repo=Depends(repository)) -> Thing:
    READ.inc()
    log.info("thing read by %s", tenant)
    return await repo.one(tenant, thing_id)
'''
BAD = """from fastapi import APIRouter

router = APIRouter()


@router.get("/things")
async def list_things():
    return []
"""


def judged(source: str | bytes, path: str = "x.py", **others: str) -> Verdict:
    """The verdict on one file that stands alone, or beside ``others`` (``name="source"`` is ``name.py``)."""
    files = {f"{name}.py": text.encode() for name, text in others.items()}
    data = source.encode() if isinstance(source, str) else source
    return inspect(path, data, Project(files.get, lambda: files))


def rules_of(source: str | bytes, **others: str) -> set[str]:
    """The rules that a file breaks."""
    return {issue.rule for issue in judged(source, **others).issues}


def make_tree(root: Path, **routers: str) -> Path:
    """A gateway's source tree with these routers; the root."""
    folder = root / ROUTERS
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in routers.items():
        (folder / f"{name}.py").write_text(text, "utf-8")
    return root


_LABEL = re.compile(rb"^# expect: (.*)$", re.MULTILINE)
LABELLED = sorted(path for path in CORPUS.rglob("*.py") if _LABEL.search(path.read_bytes()))


def project_at(root: Path) -> Project:
    """Return the project of a tree, read as the tool reads it."""

    def load(path: str) -> bytes | None:
        place = root / path
        return place.read_bytes() if place.is_file() else None

    return Project(load, SourceTree(root).layout)


@cache
def whole_corpus() -> Project:
    """Return the project of all labelled routers, read once."""
    return project_at(CORPUS)


@cache
def verdict_of(path: Path) -> Verdict:
    """Return the verdict of a labelled router, judged once."""
    return inspect(path.relative_to(CORPUS).as_posix(), path.read_bytes(), whole_corpus())


def expected_of(path: Path) -> set[str]:
    """Return the rules that a router's label expects; none where it says nothing."""
    label = _LABEL.search(path.read_bytes())
    assert label is not None
    return {one.strip() for one in label[1].decode().split(",")} - {"nothing"}
