"""A parameter of the path that the handler and its dependencies do not take, and those that something takes."""

import pytest

from tests.patterns_tree import judged

HEAD = """from typing import Annotated
from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel
router = APIRouter()
"""


def unread(given: str, path: str = "/things/{thing_id}", body: str = "return answer()", more: str = "", **others: str):  # type: ignore[no-untyped-def]
    source = f'{HEAD}{more}@router.get("{path}")\ndef read({given}):\n    {body}\n'
    return [one.message for one in judged(source, **others).issues if one.rule == "routes.unread_parameter"]


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("", "/things/{thing_id}"),
        ("id: str", "/things/{thing_id}"),
        ("id: str", "/things/{thing_id:int}"),
        ("owner: str", "/{owner}/things/{thing_id}"),
        ("thing: Annotated[str, Path(alias='thing')]", "/things/{thing_id}"),
        ("request: Request", "/things/{thing_id}"),
    ],
)
def test_a_parameter_that_nothing_takes_is_found(given: str, path: str) -> None:
    assert unread(given, path) == [
        f"The path {path} has {{thing_id}}, and nothing in read() reads it: every value gets the same answer"
    ]


@pytest.mark.parametrize(
    ("given", "more"),
    [
        ("thing_id: int", ""),
        ("*, thing_id: int", ""),
        ("id: int = Path(alias='thing_id')", ""),
        ("id: Annotated[int, Path(alias='thing_id')]", ""),
        ("thing = Depends(thing_of)", "def thing_of(thing_id: int): ...\n"),
        ("thing = Depends(outer)", "def thing_of(thing_id: int): ...\ndef outer(t=Depends(thing_of)): ...\n"),
        ("thing: Thing", "def thing_of(thing_id: int): ...\nThing = Annotated[str, Depends(thing_of)]\n"),
        ("wanted: Wanted = Depends()", "class Wanted(BaseModel):\n    thing_id: int\n"),
        ("wanted: Wanted = Depends()", "class Wanted:\n    def __init__(self, thing_id: int): ...\n"),
        ("thing = Depends(made('x'))", "def made(kind):\n    def inner(thing_id: int): ...\n    return inner\n"),
        ("thing = Depends(made)", "class Made:\n    def __call__(self, thing_id: int): ...\nmade = Made()\n"),
    ],
)
def test_a_parameter_that_a_dependency_takes_is_none(given: str, more: str) -> None:
    assert unread(given, more=more) == []


@pytest.mark.parametrize(
    ("given", "more", "body"),
    [
        ("**given", "", "return answer(given)"),
        ("thing = Depends(thing_of)", "from elsewhere import thing_of\n", "return thing"),
        ("thing: Thing", "from elsewhere import Thing\n", "return thing"),
        ("request: Request", "", "return request.path_params['thing_id']"),
        ("request: Request", "", "return answer(request)"),
        ("request: Request", "", "return request.url.path"),
        ("thing = Depends(thing_of)", "def thing_of(request: Request): return request.path_params\n", "return thing"),
        ("", "", "raise HTTPException(410)"),
        ("", "", "..."),
    ],
)
def test_where_it_cannot_be_told_or_does_not_matter_nothing_is_said(given: str, more: str, body: str) -> None:
    assert unread(given, more=more, body=body) == []


@pytest.mark.parametrize("path", ["/{rest:path}", "/things/{_thing}", "/things"])
def test_what_is_not_meant_to_be_read_is_none(path: str) -> None:
    assert unread("", path) == []


def test_a_prefix_and_what_the_router_depends_on_may_take_it() -> None:
    source = (
        f'{HEAD}def allowed(owner: str): ...\nmine = APIRouter(prefix="/{{owner}}", dependencies=[Depends(allowed)])\n'
    )
    source += '@mine.get("/things/{owner}")\ndef read():\n    return answer()\n'
    assert not [one for one in judged(source).issues if one.rule == "routes.unread_parameter"]


def test_an_alias_in_another_file_is_followed() -> None:
    deps = "from typing import Annotated\nfrom fastapi import Depends\ndef thing_of(thing_id: int): ...\n"
    deps += "Thing = Annotated[str, Depends(thing_of)]\n"
    assert unread("thing: Thing", more="from deps import Thing\n", deps=deps) == []
    assert unread("thing: Thing", "/{other}", more="from deps import Thing\n", deps=deps)


def test_a_request_that_is_handed_to_a_function_of_the_project_is_followed() -> None:
    given, body = "request: Request", "return told(request)"
    assert unread(given, more="def told(request):\n    return request.cookies\n", body=body) != []
    assert unread(given, more="def told(request):\n    return request.url.path\n", body=body) == []
