"""Types come before names: what a call is made on decides what it does, not the words in front of it."""

import pytest

from tests.patterns_tree import rules_of

_HANDLER = """
import requests, subprocess
from fastapi import APIRouter
router = APIRouter()

@router.get("/x/{{x_id}}")
async def read(x_id: str) -> str:
{body}
"""


def _found(body: str, head: str = "", **others: str) -> set[str]:
    indented = "\n".join(f"    {line}" for line in body.splitlines())
    return rules_of(head + _HANDLER.format(body=indented), **others)


def test_what_comes_out_of_a_call_is_data_and_neither_blocks_nor_asks_again() -> None:
    asked = 'answer = requests.get("https://a.example/x", timeout=2)\n'
    assert "async.blocking" in _found(asked + "return answer.text")
    data = "def load():\n    return requests.get(engine_url(), timeout=2).json()\n\nLOADED = load()\n"
    assert "async.blocking" not in _found('return LOADED.get("name", "")', f"import requests\n{data}")
    assert "breaker.missing" not in _found('return request.json().get("a").get("b")')


@pytest.mark.parametrize("awaits", [True, False])
def test_an_awaited_call_does_not_block_whatever_its_type_looks_like(awaits: bool) -> None:
    body = "client = requests.Session()\n" + ("return await client.get('/x')" if awaits else "return client.get('/x')")
    assert ("async.blocking" in _found(body)) != awaits


def test_a_nested_function_is_judged_by_its_own_lines() -> None:
    both = "def quiet():\n    return 1\ndef loud():\n    return subprocess.run(['ls'])\n"
    assert "async.blocking" not in _found(both + "return quiet()")
    assert "async.blocking" in _found(both + "return loud()")


def test_a_generator_that_is_handed_over_has_not_run_yet() -> None:
    lines = "def lines():\n    for name in ('a', 'b'):\n        yield subprocess.run([name])\n"
    assert "async.blocking" not in _found("return StreamingResponse(lines())", lines)
    assert "async.blocking" in _found("return StreamingResponse(lines())", lines.replace("yield ", ""))


_REPOSITORY = """from typing import Generic, TypeVar
from sqlalchemy.orm import Session
T = TypeVar("T")
class Repository(Generic[T]):
    def __init__(self, session: Session):
        self.session = session
    def one(self, key):
        return self.session.get(Thing, key)
class Things(Repository[int]):
    pass
class Fast(Repository[int]):
    def one(self, key):
        return KNOWN[key]
def things() -> Things:
    return Things(session())
def fast() -> Fast:
    return Fast(session())
"""


@pytest.mark.parametrize(
    ("given", "blocks"),
    [
        ("repo: Things = Depends(things)", True),
        ("repo: Repository[int]", True),
        ("repo: Things = Depends(fast)", False),
        ("repo: Repository[int] = Depends(fast)", False),
    ],
)
def test_a_method_is_found_above_a_generic_class_and_what_is_handed_over_goes_first(given: str, blocks: bool) -> None:
    route = (
        "from fastapi import APIRouter, Depends\nfrom repos import Fast, Repository, Things, fast, things\n"
        f'router = APIRouter()\n@router.get("/x")\nasync def read(key: int, {given}):\n    return repo.one(key)\n'
    )
    assert ("async.blocking" in rules_of(route, repos=_REPOSITORY)) is blocks


def test_what_was_too_deep_once_is_told_from_nearer() -> None:
    """A chain of names is asked from its far end first: the near ones may not be kept as unknown."""
    chain = "".join(f"def make_{at}():\n    return make_{at + 1}()\n" for at in range(40))
    source = (
        f"import httpx\nfrom fastapi import APIRouter\nrouter = APIRouter()\n{chain}def make_40():\n"
        "    return httpx.Client()\n"
        'async def far():\n    return make_0().get("x")\n'
        '@router.get("/x")\nasync def near():\n    return make_38().get("x")\n'
    )
    assert "async.blocking" in rules_of(source)
