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
