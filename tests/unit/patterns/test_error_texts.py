"""An exception's text in an answer: however it gets there, and only where others may have written it."""

import pytest

from tests.patterns_tree import rules_of

_ROUTE = '''
import logging
from fastapi import APIRouter, HTTPException
from fastapi.responses import JSONResponse
log = logging.getLogger(__name__)
router = APIRouter()

class ShopError(Exception):
    """Becomes an answer."""
    def __init__(self, status_code: int, message: str) -> None:
        self.status_code, self.message = status_code, message

class Closed(Exception):
    """Raised by this project alone."""

class Answers:
    @staticmethod
    def error(message: str) -> Answer:
        return Answer(ok=False, message=message)

    @staticmethod
    def counted(message: str) -> int:
        return len(message)

def checked(name: str) -> str:
    if not name:
        raise ValueError("a name is needed")
    return name

@router.post("/x")
async def make(name: str, store: Store) -> dict:
    try:
        {body}
    except {kind} as error:
        log.warning("failed: %s", error)
        {answer}
    return {{}}
'''


def _tells(answer: str, kind: str = "Exception", body: str = "await store.add(name)") -> bool:
    return "errors.text_told" in rules_of(_ROUTE.format(answer=answer, kind=kind, body=body))


@pytest.mark.parametrize(
    "answer",
    [
        "raise HTTPException(500, str(error))",
        'raise HTTPException(500, f"failed: {error}")',
        "raise ShopError(502, str(error)) from error",
        'return {"error": str(error)}',
        'return JSONResponse({"error": str(error)})',
        'return Answers.error(f"failed: {error}")',
        "text = str(error)\n        raise HTTPException(400, detail=text)",
        "raise HTTPException(500, traceback.format_exc())",
    ],
)
def test_a_text_is_told_in_whichever_answer_it_stands(answer: str) -> None:
    assert _tells(answer)


@pytest.mark.parametrize(
    "answer",
    [
        'return Answers.error("failed")',
        "return Answers.counted(str(error))",
        'raise HTTPException(500, "the store failed")',
        "raise HTTPException(error.status_code)",
        'raise HTTPException(502, f"no answer ({type(error).__name__})")',
        "raise RuntimeError(str(error))",
        "if isinstance(error, Closed):\n            raise HTTPException(409, str(error))",
        'return {"done": False}',
    ],
)
def test_what_is_not_its_text_is_not_told(answer: str) -> None:
    assert not _tells(answer)


def test_the_text_of_an_error_class_of_ones_own_is_ones_own() -> None:
    answer = "raise HTTPException(409, str(error))"
    assert not _tells(answer, kind="Closed")
    assert not _tells(answer, kind="ValueError", body="checked(name)")
    assert _tells(answer, kind="ValueError")
    assert _tells(answer, kind="(Closed, OSError)")


@pytest.mark.parametrize(
    ("typed", "shown", "tells"),
    [
        ("Exception", "str(exc)", True),
        ("Exception", "f'failed: {exc}'", True),
        ("Exception", "exc.detail", False),
        ("Exception", "type(exc).__name__", False),
        ("requests.RequestException", "str(exc)", True),
        ("Closed", "str(exc)", False),
        ("HTTPException", "str(exc)", False),
    ],
)
def test_a_handler_of_the_application_tells_what_any_exception_holds(typed: str, shown: str, tells: bool) -> None:
    source = f"""import requests
from fastapi import FastAPI, HTTPException
from fastapi.responses import JSONResponse
class Closed(Exception): ...
def install(app):
    @app.exception_handler({typed})
    async def failed(request, exc: {typed}):
        return JSONResponse({{"error": {shown}}}, status_code=500)
"""
    assert ("errors.text_told" in rules_of(source)) is tells


def test_a_text_that_is_kept_for_the_answer_below_is_told() -> None:
    kept = _ROUTE.replace("return {{}}", "return {{'error': failed}}")
    source = kept.format(kind="Exception", body="await store.add(name)", answer="failed = str(error)")
    assert "errors.text_told" in rules_of(source)
    assert "errors.text_told" not in rules_of(source.replace("'error': failed", "'error': name"))
    assert "errors.text_told" not in rules_of(source.replace('@router.post("/x")', ""))


def test_a_health_route_tells_it_as_well() -> None:
    source = _ROUTE.replace('post("/x")', 'get("/health")')
    answer = "return {'status': 'down', 'error': str(error)}, 503"
    assert "errors.text_told" in rules_of(source.format(kind="Exception", body="await store.ping()", answer=answer))


_HANDLED = """from fastapi import FastAPI, HTTPException
from fastapi.responses import JSONResponse
app = FastAPI()
@app.exception_handler(HTTPException)
async def answer(request, exc):
    if exc.status_code {test}:
        return JSONResponse({{"error": {told}}}, status_code=500)
    return JSONResponse({{"error": exc.detail}}, status_code=exc.status_code)
@app.get("/x")
async def x():
    try:
        return await load()
    except Exception as error:
        raise HTTPException({status}, detail=str(error))
"""


@pytest.mark.parametrize(
    ("test", "told", "status", "tells"),
    [
        ("== 500", "'internal'", 500, False),
        (">= 500", "'internal'", 502, False),
        ("== 500", "'internal'", 502, True),
        (">= 500", "'internal'", 400, True),
        (">= 500", "exc.detail", 500, True),
        (">= 500", "str(exc)", 500, True),
    ],
)
def test_what_the_application_puts_a_sentence_of_its_own_in_place_of_is_not_told(
    test: str, told: str, status: int, tells: bool
) -> None:
    source = _HANDLED.format(test=test, told=told, status=status)
    assert ("errors.text_told" in rules_of(source)) is tells


_SERVICE = """
import docker
class Machines:
    def __init__(self):
        self.client = docker.from_env()
    def stop(self, name):
        try:
            self.client.containers.get(name).stop()
        except docker.errors.DockerException as error:
            {answer}
"""


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("return str(error)", True),
        ('return {"success": False, "message": str(error)}', True),
        ('return {"success": False}', False),
        ("raise StoppedError(str(error)) from error", False),
    ],
)
@pytest.mark.parametrize("body", ["return machines.stop(name)", "stopped = machines.stop(name)\n    return stopped"])
def test_a_text_that_the_called_function_returns_is_told_by_the_route(answer: str, told: bool, body: str) -> None:
    route = (
        "from fastapi import APIRouter, Depends\nfrom service import Machines\nrouter = APIRouter()\n"
        f'@router.post("/stop")\ndef stop(name: str, machines: Machines = Depends(Machines)):\n    {body}\n'
    )
    assert ("errors.text_told" in rules_of(route, service=_SERVICE.format(answer=answer))) is told


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ('found.append({"name": name, "error": str(error)})', True),
        ('found[name] = f"failed: {error}"', True),
        ('found.append({"name": name, "error": "failed"})', False),
        ("failed.append(str(error))", False),
    ],
)
def test_a_text_in_the_list_that_is_answered_is_told(kept: str, told: bool) -> None:
    route = (
        'from fastapi import APIRouter\nrouter = APIRouter()\n@router.get("/x")\ndef read():\n'
        "    found, failed = made()\n    for name in names():\n        try:\n            load(name)\n"
        f"        except Exception as error:\n            {kept}\n    log.info(failed)\n    return found\n"
    )
    assert ("errors.text_told" in rules_of(route)) is told


_PROBES = """
from fastapi import APIRouter, HTTPException
from probes import ask, checked
from pydantic import BaseModel
router = APIRouter()
class Health(BaseModel):
    parts: dict
async def look() -> dict:
    try:
        await store.ping()
    except Exception as error:
        return {"ok": False, "error": str(error)}
    return {"ok": True}
async def asked() -> dict:
    try:
        return {"answer": await store.ask(), "of": "store"}
    except Exception as error:
        return {"answer": f"failed: {error}", "of": "nobody"}
def slow(name):
    try:
        return store.read(name)
    except Exception as error:
        return str(error)
def quick(name):
    return store.read(name)
async def counted() -> int:
    try:
        return await store.count()
    except Exception as error:
        log.warning("no count: %s", error)
        return 0
@router.get("/x")
async def read(name: str):
    BODY
"""
_ASKS = """
import httpx
async def ask(name):
    try:
        httpx.get(name)
    except httpx.HTTPError as error:
        return None, f"failed: {error}"
    return 1, None
def checked(name):
    result = Result()
    try:
        httpx.get(name)
    except Exception as error:
        result.ok, result.error = False, str(error)
    return result
"""


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("return await look()", True),
        ("parts = {}\n    parts['store'] = await look()\n    return Health(parts=parts)", True),
        ("found = await look()\n    return {'store': found}", True),
        ("return [one for one in (await gather(look(), look())) if one]", True),
        ("found = await look()\n    return {'store': found['error']}", True),
        ("found = await look()\n    return {'store': found['ok']}", False),
        ("found = await look()\n    return {'ok': all(found.values())}", False),
        ("found = await asked()\n    return {'result': found['answer']}", True),
        ("found = await asked()\n    return {'result': found['of']}", False),
        ("found = await to_thread(slow, name)\n    return found", True),
        ("found = await run_sync(lambda: slow(name))\n    return found", True),
        ("found = await to_thread(quick, name)\n    return found", False),
        ("found = await look()\n    if found['error']:\n        return {'ok': False}\n    return {'ok': True}", False),
        ("found = await counted()\n    return {'count': found}", False),
        (
            "value, error = await ask(name)\n    if error:\n        raise HTTPException(502, error)\n    return value",
            True,
        ),
        ("value, error = await ask(name)\n    return {'value': value}", False),
        ("value, error = await ask(name)\n    log.warning(error)\n    return {'ok': error is None}", False),
        (
            "found = checked(name)\n    if not found.ok:\n        raise HTTPException(400, found.error)\n    return 1",
            True,
        ),
        ("found = checked(name)\n    return {'ok': found.ok}", False),
    ],
)
def test_a_text_that_a_called_function_keeps_is_followed_to_the_answer(body: str, told: bool) -> None:
    assert ("errors.text_told" in rules_of(_PROBES.replace("BODY", body), probes=_ASKS)) is told


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("error = None\ntry:\n    load()\nexcept Exception as e:\n    error = str(e)\nreturn {'error': error}", True),
        ("error = None\ntry:\n    load()\nexcept Exception as e:\n    error = kind_of(str(e))\nreturn error", False),
        (
            "last = None\ntry:\n    load()\nexcept Exception as e:\n    last = e\nraise HTTPException(500, f'{last}')",
            True,
        ),
        (
            "last = None\ntry:\n    load()\nexcept Exception as e:\n    last = e\nraise HTTPException(500) from last",
            False,
        ),
        ("made = Answer()\ntry:\n    load()\nexcept Exception as e:\n    made.error = str(e)\nreturn made", True),
        (
            "made = Answer()\ntry:\n    load()\nexcept Exception as e:\n    made.kind = type(e).__name__\nreturn made",
            False,
        ),
        ("made = {}\ntry:\n    load()\nexcept Exception as e:\n    made.update(error=str(e))\nreturn made", True),
        (
            "found = []\ntry:\n    load()\nexcept Exception as e:\n    found.append(str(e))\nreturn {'n': len(found)}",
            False,
        ),
    ],
)
def test_a_text_that_a_branch_keeps_is_followed_to_the_answer(body: str, told: bool) -> None:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    head = "from fastapi import APIRouter, HTTPException\nrouter = APIRouter()\n"
    assert ("errors.text_told" in rules_of(f'{head}@router.get("/x")\ndef read():\n{lines}')) is told


@pytest.mark.parametrize(("message", "told"), [("str(exc)", True), ("'failed'", False)])
def test_an_exception_handler_that_lets_a_helper_make_its_answer_tells(message: str, told: bool) -> None:
    source = (
        "from fastapi import FastAPI\nclass Answers:\n    @classmethod\n    def error(cls, msg):\n"
        "        return made(msg)\ndef install(app: FastAPI):\n    @app.exception_handler(Exception)\n"
        f"    async def broken(request, exc: Exception):\n        return Answers.error(msg={message})\n"
    )
    assert ("errors.text_told" in rules_of(source)) is told


@pytest.mark.parametrize(
    ("caught", "shown", "told"),
    [("Exception", "str(exc)", True), ("Exception", "'failed'", False), ("Closed", "str(exc)", False)],
)
def test_an_exception_handler_is_known_by_its_decorator(caught: str, shown: str, told: bool) -> None:
    source = (
        "from fastapi import FastAPI\nfrom fastapi.responses import JSONResponse\napp = FastAPI()\n"
        "class Closed(Exception): ...\n"
        f"@app.exception_handler({caught})\nasync def broken(request, exc):\n"
        f"    return JSONResponse({{'details': {shown}}}, status_code=500)\n"
    )
    assert ("errors.text_told" in rules_of(source)) is told


_TRIES = "try:\n        work()\n    except Exception as e:\n        "


@pytest.mark.parametrize(
    ("service", "told"),
    [
        (f"{_TRIES}raise HTTPException(500, str(e))", True),
        (f"{_TRIES}raise Failed(500, f'{{e}}')", True),
        (f"{_TRIES}raise HTTPException(500, 'failed')", False),
        ("return inner()", True),
        ("try:\n        return inner()\n    except Exception:\n        raise HTTPException(500) from None", False),
        ("try:\n        return inner()\n    except HTTPException:\n        raise", True),
    ],
)
def test_a_service_that_raises_an_answer_with_any_text_tells_it_at_its_route(service: str, told: bool) -> None:
    source = (
        "from fastapi import APIRouter\nfrom service import load\nrouter = APIRouter()\n"
        '@router.get("/x")\ndef read():\n    return load()\n'
    )
    other = (
        "from fastapi import HTTPException\nclass Failed(Exception):\n"
        "    def __init__(self, status_code, detail): ...\n"
        f"def inner():\n    {_TRIES}raise HTTPException(500, str(e))\ndef load():\n    {service}\n"
    )
    assert ("errors.text_told" in rules_of(source, service=other)) is told
