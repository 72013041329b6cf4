"""What counts as a log of a request: a line of its own work, and none of a sign-in or of the settings."""

import pytest

from tests.patterns_tree import rules_of

HEAD = """
from fastapi import APIRouter, Depends
from deps import signed_in
from settings import setting
from work import add
from audit import AuditLogger, audit_logger
router = APIRouter()
"""
DEPS = "import logging\nlog = logging.getLogger()\ndef signed_in(token: str):\n    log.info('in')\n    return token\n"
SETTINGS = "import logging\nlog = logging.getLogger()\ndef setting(name):\n    log.info('no file')\n    return name\n"
WORK = "import logging\nlog = logging.getLogger()\ndef add(thing):\n    log.info('added')\n    return thing\n"
AUDIT = "class AuditLogger:\n    def __call__(self, what): ...\ndef audit_logger():\n    return AuditLogger()\n"


@pytest.mark.parametrize(
    ("handler", "missing"),
    [
        ("def post(user=Depends(signed_in)):\n    return 1", True),
        ("def post():\n    return setting('a')", True),
        ("def post():\n    return add(1)", False),
        ("def post(audit: AuditLogger = Depends(audit_logger)):\n    audit('added')\n    return 1", False),
        ("def post():\n    return 1", True),
    ],
)
def test_a_log_is_one_of_the_requests_own_work(handler: str, missing: bool) -> None:
    told = rules_of(f'{HEAD}@router.post("/things")\n{handler}\n', deps=DEPS, settings=SETTINGS, work=WORK, audit=AUDIT)
    assert ("logging.missing" in told) is missing


CACHE = "import logging\nlog = logging.getLogger()\ndef kept(key):\n    log.debug('hit %s', key)\n    return key\n"
WRITES = "@router.post('/things')\ndef post():\n    return {}\n"
READS = "".join(f"@router.get('/things/{n}')\ndef get{n}():\n    return {{}}\n" for n in range(3))


@pytest.mark.parametrize(
    ("writes", "reads", "missing"),
    [
        ("kept('a')", "kept('b')", True),
        ("add(1)", "kept('b')", False),
        ("1", "add(1)", True),
        ("add(1)", "1", False),
    ],
)
def test_what_is_changed_needs_a_line_and_those_of_a_cache_are_none(writes: str, reads: str, missing: bool) -> None:
    source = f"{HEAD}from cache import kept\n{WRITES.format(writes)}{READS.replace('{}', reads)}"
    told = rules_of(source, deps=DEPS, settings=SETTINGS, work=WORK, audit=AUDIT, cache=CACHE)
    assert ("logging.missing" in told) is missing


_MAIN = """import logging
from fastapi import FastAPI, HTTPException
from shop import ShopError
import x
log = logging.getLogger()
app = FastAPI()
app.include_router(x.router)
{decorator}async def refused(request, exc):
    log.warning("refused")
{call}"""


@pytest.mark.parametrize(("caught", "missing"), [("HTTPException", False), ("Exception", True), ("ShopError", True)])
def test_an_applications_handler_writes_for_its_routes(caught: str, missing: bool) -> None:
    source = 'from fastapi import APIRouter\nrouter = APIRouter()\n@router.get("/x")\ndef x():\n    return 1\n'
    called = _MAIN.format(decorator="", call=f"app.add_exception_handler({caught}, refused)\n")
    decorated = _MAIN.format(decorator=f"@app.exception_handler({caught})\n", call="")
    app, _, rest = decorated.partition("app = ")
    inside = f"{app}def create():\n" + "".join(f"    {line}\n" for line in f"app = {rest}    return app".split("\n"))
    for main in (called, decorated, f"{inside}app = create()\n"):
        assert ("logging.missing" in rules_of(source, main=main)) is missing


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        ("log.info('asked')\n    return await call_next(request)", False),
        ("if refused(request):\n        log.warning('refused')\n    return await call_next(request)", True),
        (
            "try:\n        token(request)\n    except ValueError:\n        log.info('none')\n"
            "    return await call_next(request)",
            True,
        ),
    ],
)
def test_a_middleware_that_writes_of_failures_only_writes_no_line_of_a_request(body: str, missing: bool) -> None:
    main = (
        "import logging\nfrom fastapi import FastAPI\nimport x\nlog = logging.getLogger()\napp = FastAPI()\n"
        f'app.include_router(x.router)\n@app.middleware("http")\nasync def around(request, call_next):\n    {body}\n'
    )
    route = 'from fastapi import APIRouter\nrouter = APIRouter()\n@router.post("/x")\ndef x():\n    return 1\n'
    assert ("logging.missing" in rules_of(route, main=main)) is missing


@pytest.mark.parametrize(
    ("route", "missing"),
    [
        ('@router.get("/")\ndef root():\n    return {"status": "ok"}', False),
        ('@router.get("/")\ndef root() -> Health:\n    return Health(status="OK")', False),
        ('@router.post("/")\ndef add():\n    return 1', True),
        ('@router.get("/")\ndef read(db: Session):\n    return db.query(Thing).all()', True),
    ],
)
def test_a_greeting_at_the_root_needs_no_log(route: str, missing: bool) -> None:
    head = (
        "from fastapi import APIRouter\nfrom sqlalchemy.orm import Session\nrouter = APIRouter()\nclass Health: ...\n"
    )
    assert ("logging.missing" in rules_of(f"{head}{route}\n")) is missing


@pytest.mark.parametrize(("start", "inside", "logs"), [("info", "", False), ("info", "info", True), ("", "info", True)])
def test_what_a_function_writes_that_makes_the_application_is_no_line_about_a_request(
    start: str, inside: str, logs: bool
) -> None:
    app = "import logging\nfrom fastapi import FastAPI\nfrom x import router\nlog = logging.getLogger()\n"
    app += f"def create():\n    log.{start}('starts')\n" if start else "def create():\n"
    app += "    app = FastAPI()\n    @app.middleware('http')\n    async def around(request, call_next):\n"
    app += f"        log.{inside}('asked')\n" if inside else ""
    app += "        return await call_next(request)\n    app.include_router(router)\n    return app\napp = create()\n"
    route = "from fastapi import APIRouter\nrouter = APIRouter()\n@router.post('/things')\n"
    route += "def add() -> Thing:\n    return store.add()\n"
    assert ("logging.missing" not in rules_of(route, main=app)) is logs
