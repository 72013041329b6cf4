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
