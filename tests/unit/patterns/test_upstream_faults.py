"""Requests to another service that no ``except`` guards, and those that something on the way maps."""

import pytest

from tests.patterns_tree import judged

HEAD = """import requests, httpx, stripe, openai
from fastapi import APIRouter, Depends, FastAPI, HTTPException
from slowapi.errors import RateLimitExceeded
from helpers import careful, guarded, load, signed_in
router = APIRouter()
"""
HELPERS = """import functools, requests
from fastapi import HTTPException
def load():
    return requests.get(url(), timeout=3).json()
def careful():
    try:
        return load()
    except requests.RequestException:
        raise HTTPException(502)
def mapped(function):
    @functools.wraps(function)
    def inner(*args):
        try:
            return function(*args)
        except requests.RequestException:
            raise HTTPException(502)
    return inner
@mapped
def guarded():
    return load()
def signed_in(token: str):
    try:
        return decoded(token)
    except JWTError:
        raise HTTPException(401)
"""


def unmapped(body: str, head: str = HEAD, given: str = "", decorator: str = "") -> list[str]:
    """Return the messages about a route of these statements."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    source = f'{head}@router.get("/x")\n{decorator}def read({given}):\n{lines}'
    return [one.message for one in judged(source, helpers=HELPERS).issues if one.rule == "errors.unmapped"]


@pytest.mark.parametrize(
    "body",
    [
        "return load()",
        "return stripe.Customer.retrieve(key)",
        "return openai.OpenAI().chat.completions.create(model='x')",
        "try:\n    return load()\nexcept ValueError:\n    raise HTTPException(422)",
        "try:\n    return load()\nexcept Exception:\n    raise",
        "try:\n    careful()\nexcept httpx.HTTPError:\n    pass\nreturn load()",
    ],
)
def test_a_request_that_nothing_guards_is_found(body: str) -> None:
    assert len(unmapped(body)) == 1
    assert len(unmapped(body, given="user=Depends(signed_in)")) == 1


@pytest.mark.parametrize(
    "body",
    [
        "return careful()",
        "return guarded()",
        "return 1",
        "try:\n    return load()\nexcept Exception:\n    raise HTTPException(502)",
        "try:\n    return load()\nexcept requests.RequestException:\n    raise HTTPException(502)",
        "with translated_errors():\n    return load()",
        "tasks.add_task(load)",
        "return stripe.Webhook.construct_event(key)",
    ],
)
def test_a_request_that_is_guarded_on_the_way_is_none(body: str) -> None:
    assert unmapped(body) == []
    assert unmapped("return load()", decorator="@mapped_errors\n") == []


@pytest.mark.parametrize(
    ("caught", "maps"),
    [("Exception", True), ("500", True), ("404", False), ("httpx.HTTPError", True), ("RateLimitExceeded", False)],
)
def test_a_handler_of_the_application_counts_where_it_takes_such_faults(caught: str, maps: bool) -> None:
    handler = f"@app.exception_handler({caught})\ndef answer(request, error):\n    return 1\n"
    head = f"{HEAD}app = FastAPI()\napp.include_router(router)\n{handler}"
    assert (unmapped("return load()", head=head) == []) is maps
    added = f"{HEAD}app = FastAPI()\napp.include_router(router)\napp.add_exception_handler({caught}, answer)\n"
    assert (unmapped("return load()", head=added) == []) is maps


@pytest.mark.parametrize(
    ("body", "maps"),
    [
        ("try:\n        return await call_next(request)\n    except Exception:\n        return answer", True),
        ("try:\n        return await call_next(request)\n    except ValueError:\n        return answer", False),
        ("try:\n        return await call_next(request)\n    except RateLimitExceeded:\n        return answer", False),
        (
            "try:\n        note(request)\n    except Exception:\n        pass\n    return await call_next(request)",
            False,
        ),
    ],
)
def test_a_middleware_maps_where_it_catches_what_the_routes_raise(body: str, maps: bool) -> None:
    middleware = f'@app.middleware("http")\nasync def around(request, call_next):\n    {body}\n'
    head = f"{HEAD}app = FastAPI()\napp.include_router(router)\n{middleware}"
    assert (unmapped("return load()", head=head) == []) is maps


@pytest.mark.parametrize(
    ("answer", "name", "hides"),
    [
        ("return {'ok': False, 'why': str(e)}", "read", True),
        ("db.rollback()\n    return {'ok': False, 'why': f'{e}'}", "read", True),
        ("return Answer(ok=False, why=str(e))", "read", True),
        ("return JSONResponse({'why': str(e)})", "read", True),
        ("return JSONResponse({'why': str(e)}, status_code=502)", "read", False),
        ("log.error('failed: %s', e)\n    return {'why': str(e)}", "read", False),
        ("return templates.TemplateResponse('failed.html', {'why': str(e)})", "read", False),
        ("return {'ok': False, 'why': str(e)}", "check_health", False),
        ("raise HTTPException(502) from e", "read", False),
    ],
)
def test_a_route_that_answers_every_failure_with_success_swallows_it(answer: str, name: str, hides: bool) -> None:
    source = f"""from fastapi import APIRouter, HTTPException
from pydantic import BaseModel
router = APIRouter()
class Answer(BaseModel):
    ok: bool
@router.get("/x")
def {name}():
  try:
    return work()
  except Exception as e:
    {answer}
"""
    found = {one.rule for one in judged(source).issues}
    assert ("errors.swallowed" in found) is hides
    assert "errors.swallowed" not in {one.rule for one in judged(source.replace('@router.get("/x")\n', "")).issues}


@pytest.mark.parametrize(("status", "maps"), [("500", False), ("502", True), ("status_of(error)", True)])
def test_a_handler_that_makes_a_500_of_everything_maps_nothing(status: str, maps: bool) -> None:
    answer = f"def answer(request, error):\n    return JSONResponse({{}}, status_code={status})\n"
    app = f"{HEAD}from fastapi.responses import JSONResponse\napp = FastAPI()\napp.include_router(router)\n"
    for head in (
        f"{app}@app.exception_handler(Exception)\n{answer}",
        f"{app}{answer}app.add_exception_handler(Exception, answer)\n",
    ):
        assert (unmapped("return load()", head=head) == []) is maps


def test_a_handler_of_the_projects_own_errors_does_not_take_a_librarys() -> None:
    own = "class ShopError(Exception): ...\n@app.exception_handler(ShopError)\ndef answer(request, error): ...\n"
    head = f"{HEAD}app = FastAPI()\napp.include_router(router)\n{own}"
    assert len(unmapped("return load()", head=head)) == 1
    guarded = "try:\n    return load()\nexcept requests.RequestException:\n    raise ShopError()"
    assert unmapped(guarded, head=head) == []
