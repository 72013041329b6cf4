"""An HTTPException that a function's own ``except`` turns into another answer, and one that keeps its status."""

import pytest

from tests.patterns_tree import judged

HEAD = """import logging
from fastapi import APIRouter, HTTPException, status
from fastapi.responses import JSONResponse
log = logging.getLogger(__name__)
router = APIRouter()
"""


def lost(body: str, route: bool = True, head: str = HEAD, **others: str) -> list[tuple[int, str]]:
    """Return line and message of what is found in a function of these statements."""
    decorator = '@router.get("/x")\n' if route else ""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    found = judged(f"{head}{decorator}async def read(key: str):\n{lines}", **others).issues
    return [(one.line, one.message) for one in found if one.rule == "errors.status_lost"]


TRY = "try:\n    if not key:\n        raise HTTPException(404)\n"


@pytest.mark.parametrize(
    ("caught", "answered"),
    [
        ("except Exception:\n    raise HTTPException(500)", 500),
        ("except Exception as e:\n    log.error('no: %s', e)\n    raise HTTPException(500, str(e)) from e", 500),
        ("except:\n    raise HTTPException(status_code=status.HTTP_502_BAD_GATEWAY)", 502),
        ("except ValueError:\n    raise\nexcept BaseException:\n    raise HTTPException(400)", 400),
        ("except Exception as e:\n    return JSONResponse({'e': f'{e}'}, status_code=500)", 500),
        ("except Exception as e:\n    return {'error': str(e)}", 200),
        ("except (KeyError, Exception):\n    raise HTTPException(500)", 500),
        ("except:\n    return f'{key} failed'", 200),
    ],
)
def test_an_except_of_everything_that_answers_otherwise_loses_the_status(caught: str, answered: int) -> None:
    found = lost(TRY + caught)
    assert [message for _, message in found] == [
        f"The HTTPException 404 (line 10) is caught here and answered as {answered}"
    ]


@pytest.mark.parametrize(
    "caught",
    [
        "except HTTPException:\n    raise\nexcept Exception:\n    raise HTTPException(500)",
        "except (ValueError, HTTPException):\n    raise HTTPException(400)",
        "except Exception:\n    raise",
        "except Exception as e:\n    log.error('no')\n    raise e",
        "except Exception as e:\n    if isinstance(e, HTTPException):\n        raise e\n    raise HTTPException(500)",
        "except Exception as e:\n    raise HTTPException(getattr(e, 'status_code', 500))",
        "except Exception as e:\n    raise answer_for(e)",
        "except Exception:\n    raise HTTPException(404, 'not found')",
        "except Exception:\n    raise HTTPException(status_from_settings)",
        "except ValueError:\n    raise HTTPException(500)",
        "except Exception:\n    log.error('no')",
        "finally:\n    log.info('done')",
    ],
)
def test_a_status_that_is_kept_or_replaced_on_purpose_is_no_finding(caught: str) -> None:
    assert lost(TRY + caught) == []


HELPER = "def answer_for(error):\n    log.error('no')\n    {}\n    raise HTTPException(500)\n"


@pytest.mark.parametrize(
    ("looks", "raised", "found"),
    [
        ("log.info('so')", "raise answer_for(error)", True),
        ("log.info('so')", "answer_for(error)", True),
        ("if isinstance(error, HTTPException):\n        raise error", "raise answer_for(error)", False),
        ("if isinstance(error, (ValueError, HTTPException)):\n        raise error", "answer_for(error)", False),
        ("log.info('so')", "raise other_for(error)", False),
    ],
)
def test_a_function_that_answers_for_every_exception_loses_the_status(looks: str, raised: str, found: bool) -> None:
    helper = HEAD + HELPER.format(looks)
    assert bool(lost(f"{TRY}except Exception as error:\n    {raised}", head=helper)) is found


@pytest.mark.parametrize(
    "body",
    [
        "try:\n    def inner():\n        raise HTTPException(404)\n    return inner\nexcept Exception:\n"
        "    raise HTTPException(500)",
        "try:\n    work()\nexcept ValueError:\n    raise HTTPException(404)\nexcept Exception:\n"
        "    raise HTTPException(500)",
        "try:\n    work()\nexcept Exception:\n    raise HTTPException(500)\nelse:\n    raise HTTPException(404)",
        "try:\n    try:\n        raise HTTPException(404)\n    except HTTPException:\n        pass\n"
        "except Exception:\n    raise HTTPException(500)",
        "try:\n    raise KeyError(key)\nexcept Exception:\n    raise HTTPException(500)",
    ],
)
def test_what_does_not_reach_the_except_is_no_finding(body: str) -> None:
    assert lost(body) == []


def test_a_raise_inside_loops_branches_and_an_inner_try_reaches_the_outer_except() -> None:
    body = "try:\n    for one in key:\n        with one:\n            try:\n                raise HTTPException(409)\n"
    body += "            except KeyError:\n                pass\nexcept Exception:\n    raise HTTPException(500)"
    assert lost(body)


def test_a_return_is_the_answer_of_a_route_only() -> None:
    body = TRY + "except Exception:\n    return {}"
    assert lost(body)
    assert lost(body, route=False) == []
    assert lost(TRY + "except Exception:\n    raise HTTPException(500)", route=False)


ASKS = "from deps import user_of\n" + HEAD
ASKED = "try:\n    user = await user_of(key)\n    return user\nexcept Exception:\n    raise HTTPException(500)"


@pytest.mark.parametrize(
    ("deps", "found"),
    [
        ("async def user_of(key):\n    raise HTTPException(403)\n", True),
        ("async def user_of(key):\n    return one_of(key)\ndef one_of(key):\n    raise HTTPException(403)\n", True),
        ("async def user_of(key):\n    return user_of(key) or find(key)\n", False),
        (
            "async def user_of(key):\n    try:\n        raise HTTPException(403)\n    except Exception:\n        ...\n",
            False,
        ),
        ("async def user_of(key):\n    yield 1\n    raise HTTPException(403)\n", False),
    ],
)
def test_what_the_functions_of_the_project_raise_counts_across_files(deps: str, found: bool) -> None:
    told = [message for _, message in lost(ASKED, head=ASKS, deps=f"from fastapi import HTTPException\n{deps}")]
    expected = "The HTTPException 403 (line 10, in user_of()) is caught here and answered as 500"
    assert told == ([expected] if found else [])


def test_a_coroutine_that_nobody_awaits_raises_nothing_here() -> None:
    deps = "from fastapi import HTTPException\nasync def user_of(key):\n    raise HTTPException(403)\n"
    assert lost(ASKED.replace("await ", ""), head=ASKS, deps=deps) == []


@pytest.mark.parametrize(
    ("made", "found"),
    [
        ("class Missing(HTTPException):\n    def __init__(self):\n        super().__init__(status_code=404)\n", True),
        ("class Missing(HTTPException):\n    def __init__(self):\n        super().__init__(500, 'no')\n", False),
        ("class Missing(HTTPException):\n    status_code = 404\n", True),
        ("class Missing(Exception):\n    status_code = 404\n", False),
    ],
)
def test_a_class_of_the_project_answers_its_own_status(made: str, found: bool) -> None:
    body = "try:\n    raise Missing()\nexcept Exception:\n    raise HTTPException(500)"
    assert bool(lost(body, head=HEAD + made)) is found
    known = body.replace("except Exception", "except Missing:\n    raise\nexcept Exception")
    assert lost(known, head=HEAD + made) == []


def undeclared(responses: str, body: str, head: str = HEAD, **others: str) -> list[str]:
    """Return what is said of a route with these ``responses=``."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    source = f'{head}@router.get("/x"{responses})\ndef read(key: str):\n{lines}    return answer(key)\n'
    return [one.message for one in judged(source, **others).issues if one.rule == "responses.undeclared"]


MISSES = "if not key:\n    raise HTTPException(404)\nif key == 'taken':\n    raise HTTPException(409)\n"


@pytest.mark.parametrize(
    ("responses", "missing"),
    [
        (", responses={404: {}}", "409 (line 10)"),
        (", responses={status.HTTP_409_CONFLICT: {}}", "404 (line 8)"),
        (", responses={**GONE}", "404 (line 8), 409 (line 10)"),
        (", responses=GONE | {404: {}}", "409 (line 10)"),
        (", responses={'404': {}}", "409 (line 10)"),
    ],
)
def test_a_status_that_responses_leaves_out_is_found(responses: str, missing: str) -> None:
    head = HEAD.replace("router =", "GONE = {410: {}}\nrouter =")
    found = undeclared(responses, MISSES, head)
    lines = missing.replace("line 10", "line 12").replace("line 8", "line 10")
    assert found == [f"responses= of read does not name {lines}, which it raises"]


@pytest.mark.parametrize(
    "responses",
    [
        "",
        ", responses={200: {}}",
        ", responses={404: {}, 409: {}}",
        ", responses={'4XX': {}}",
        ", responses={404: {}, **of_elsewhere()}",
        ", responses=OF_ELSEWHERE",
        ", responses={404: {}, NUMBER: {}}",
    ],
)
def test_where_responses_is_not_used_or_cannot_be_seen_nothing_is_said(responses: str) -> None:
    assert undeclared(responses, MISSES) == []


def test_a_status_that_the_router_or_the_application_names_is_declared() -> None:
    named = HEAD.replace("APIRouter()", "APIRouter(responses={409: {}})")
    assert undeclared(", responses={404: {}}", MISSES, named) == []
    main = "from fastapi import FastAPI\nimport x\napp = FastAPI(responses={409: {}})\napp.include_router(x.router)\n"
    assert undeclared(", responses={404: {}}", MISSES, main=main) == []


def test_what_only_the_router_names_is_asked_of_its_routes() -> None:
    named = HEAD.replace("APIRouter()", "APIRouter(responses={404: {}})")
    assert undeclared("", MISSES, named) == [
        "responses= of the router of read does not name 409 (line 11), which it raises"
    ]
    assert undeclared("", "raise HTTPException(500)", named) == []
    others = "from fastapi import APIRouter\nother = APIRouter(responses={409: {}})\n"
    assert undeclared("", MISSES, named, others=others) != [], "another router's word is not this one's"


def test_what_the_framework_answers_need_not_be_named() -> None:
    assert undeclared(", responses={404: {}}", "raise HTTPException(422)") == []
    assert undeclared(", responses={404: {}}", "raise HTTPException(500)") == []
    assert undeclared(", responses={404: {}}", "raise HTTPException(503)") != []


def test_what_a_called_function_raises_is_named_with_its_place() -> None:
    helper = HEAD + "def check(key):\n    raise HTTPException(409)\n"
    assert undeclared(", responses={404: {}}", "check(key)", helper) == [
        "responses= of read does not name 409 (line 10, in check()), which it raises"
    ]
    assert undeclared(", responses={404: {}, 409: {}}", "check(key)", helper) == []
    caught = "try:\n    check(key)\nexcept HTTPException:\n    return None"
    assert undeclared(", responses={404: {}}", caught, helper) == []


def test_a_route_that_names_other_answers_is_asked_where_the_file_names_client_errors() -> None:
    beside = '@router.get("/y", responses={404: {}})\ndef other(key: str):\n    raise HTTPException(404)\n'
    assert undeclared(", responses={299: {}}", MISSES, HEAD + beside) != []
    assert undeclared(", responses={299: {}}", MISSES) == []
    assert undeclared("", MISSES, HEAD + beside) == []


def test_a_route_that_a_decorator_of_the_project_registers_is_one_as_well() -> None:
    wrapped = HEAD + "def protected(register, path, **more):\n    return register(path, **more)\n"
    source = wrapped + '@protected(router.get, "/x", responses={404: {}})\ndef read(key):\n    {0}\n'
    other = '@protected(router.get, "/y", responses={409: {}})\ndef other(key):\n    return key\n'
    for raised, expected in (("HTTPException(404)", False), ("HTTPException(409)", True)):
        found = {one.rule for one in judged(source.replace("{0}", f"raise {raised}") + other).issues}
        assert ("responses.undeclared" in found) is expected


def test_a_response_that_is_returned_with_a_status_is_an_answer_as_well() -> None:
    body = "if not key:\n    return JSONResponse({}, status_code=400)\nif key == 'a':\n    raise HTTPException(404)"
    assert undeclared(", responses={404: {}}", body) == [
        "responses= of read does not name 400 (line 9), which it answers"
    ]
    assert undeclared(", responses={404: {}, 400: {}}", body) == []
    assert undeclared(", responses={404: {}}", "if not key:\n    return JSONResponse({}, status_code=201)") == []


@pytest.mark.parametrize(("given", "named"), [("error: Exception", False), ("exc", False), ("name: str", True)])
def test_what_turns_an_error_into_a_status_raises_one_that_no_call_tells(given: str, named: bool) -> None:
    name = given.partition(":")[0]
    source = f"""{HEAD}
def answer({given}):
    if {name}:
        raise HTTPException(409)
@router.get("/x", responses={{404: {{}}}})
def read():
    answer(work())
    raise HTTPException(404)
"""
    found = [one.message for one in judged(source).issues if one.rule == "responses.undeclared"]
    assert bool(found) is named


@pytest.mark.parametrize("place", ["", "from errors import BAD\n"])
def test_an_exception_that_is_made_once_and_has_a_name_loses_its_status_like_any_other(place: str) -> None:
    made = "from fastapi import HTTPException\nBAD = HTTPException(status_code=400, detail='bad')\n"
    source = (
        f"from fastapi import APIRouter, HTTPException\n{place or made}router = APIRouter()\n"
        '@router.get("/x")\ndef read(key):\n    try:\n        if not key:\n            raise BAD\n'
        "        return key\n    except Exception:\n        raise HTTPException(500)\n"
    )
    assert "errors.status_lost" in {one.rule for one in judged(source, errors=made).issues}


@pytest.mark.parametrize("deep_first", [True, False])
def test_what_a_function_raises_does_not_hang_on_who_called_it_first(deep_first: bool) -> None:
    chain = (
        "".join(f"def d{at}():\n    return d{at + 1}()\n" for at in range(1, 4)) + "def d4():\n    raise NOT_FOUND\n"
    )
    tried = "def {name}():\n    try:\n        return {call}()\n    except Exception:\n        return None\n"
    deep, near = tried.format(name="deep", call="d1"), tried.format(name="near", call="d3")
    routes = [f'@router.get("/{at}")\n{route}' for at, route in enumerate((deep, near) if deep_first else (near, deep))]
    source = HEAD + chain.replace("NOT_FOUND", "HTTPException(404)") + "".join(routes)
    found = [one.message for one in judged(source).issues if one.rule == "errors.status_lost"]
    assert len(found) == 1, "four calls deep is not followed, two are"
