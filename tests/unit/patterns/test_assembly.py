"""Routes are led to their applications, however routers are put together; what stands above them counts for them."""

import pytest

from optimus_tui.patterns.judge import Verdict, inspect
from optimus_tui.patterns.source.project import Project

ITEMS = """
from fastapi import APIRouter
router = APIRouter(prefix="/items")

@router.get("/")
async def list_items() -> list[str]:
    return []
"""
LIMITED = "dependencies=[Depends(rate_limited)]"
WAYS = {
    "the app itself": """
## shop/main.py
from fastapi import Depends, FastAPI
from shop.limits import rate_limited
from shop import items
app = FastAPI(dependencies=[Depends(rate_limited)])
app.include_router(items.router)
""",
    "include_router": """
## shop/main.py
from fastapi import Depends, FastAPI
from shop.limits import rate_limited
from shop.items import router
app = FastAPI()
app.include_router(router, dependencies=[Depends(rate_limited)])
""",
    "a router in between": """
## shop/api.py
from fastapi import Depends, FastAPI
from shop.limits import rate_limited
from fastapi import APIRouter
from .items import router as items
api = APIRouter(dependencies=[Depends(rate_limited)])
api.include_router(items)
## shop/main.py
from fastapi import Depends, FastAPI
from shop.limits import rate_limited
from shop.api import api
app = FastAPI()
app.include_router(api)
""",
    "three routers in between, re-exported": """
## shop/v1/__init__.py
from .routes import *
## shop/v1/routes.py
from fastapi import APIRouter
from shop import items
v1 = APIRouter()
v1.include_router(items.router)
## shop/api/__init__.py
from fastapi import APIRouter
from shop.v1 import v1
outer = APIRouter()
outer.include_router(v1)
## shop/main.py
from fastapi import Depends, FastAPI
from shop.limits import rate_limited
from shop.api import outer
app = FastAPI()
app.include_router(outer, dependencies=[Depends(rate_limited)])
""",
    "a factory of the app": """
## shop/main.py
from fastapi import Depends, FastAPI
from shop.limits import rate_limited
from shop.items import router
def create_app() -> FastAPI:
    app = FastAPI(dependencies=[Depends(rate_limited)])
    app.include_router(router)
    return app
""",
    "an app of a factory, filled elsewhere": """
## shop/factory.py
from fastapi import Depends, FastAPI
from shop.limits import rate_limited
def create_app(debug: bool = False):
    made = FastAPI(dependencies=[Depends(rate_limited)])
    return made
## shop/main.py
from shop.factory import create_app
from shop.items import router
app = create_app()
app.include_router(router)
""",
    "a loop over a tuple of routers": """
## shop/main.py
from fastapi import Depends, FastAPI
from shop.limits import rate_limited
from shop import items
from shop.items import router
app = FastAPI()
for one in (items.router, router):
    app.include_router(one, dependencies=[Depends(rate_limited)])
""",
    "a loop over modules": """
## shop/main.py
from fastapi import Depends, FastAPI
from shop.limits import rate_limited
from shop import items
app = FastAPI()
for module in [items]:
    app.include_router(module.router, prefix='/v1', dependencies=[Depends(rate_limited)])
""",
    "a loop over pairs, in another file": """
## shop/registry.py
from shop import items
ROUTERS = [('/v1', items.router)]
## shop/main.py
from fastapi import Depends, FastAPI
from shop.limits import rate_limited
from shop.registry import ROUTERS
app = FastAPI()
for prefix, one in ROUTERS:
    app.include_router(one, prefix=prefix, dependencies=[Depends(rate_limited)])
""",
    "a loop over lists in a list": """
## shop/main.py
from itertools import chain
from fastapi import Depends, FastAPI
from shop.limits import rate_limited
from shop import items
app = FastAPI()
for one in chain.from_iterable([[items.router], []]):
    app.include_router(one, dependencies=[Depends(rate_limited)])
""",
    "a loop over a dictionary": """
## shop/main.py
from fastapi import Depends, FastAPI
from shop.limits import rate_limited
from shop.items import router
ALL = {'items': router}
app = FastAPI()
for name, one in ALL.items():
    app.include_router(one, tags=[name], dependencies=[Depends(rate_limited)])
""",
    "a list that is appended to": """
## shop/main.py
from fastapi import Depends, FastAPI
from shop.limits import rate_limited
from shop.items import router
all_routers = []
all_routers.append(router)
app = FastAPI()
for one in all_routers:
    app.include_router(one, dependencies=[Depends(rate_limited)])
""",
    "a helper that includes": """
## shop/wiring.py
from fastapi import Depends, FastAPI
from shop.limits import rate_limited
def register(app, router, **options):
    app.include_router(router, **options)
def register_limited(app, router):
    register(app, router, dependencies=[Depends(rate_limited)])
## shop/main.py
from fastapi import FastAPI
from shop import items
from shop.wiring import register_limited
app = FastAPI()
register_limited(app, items.router)
""",
    "a list returned by a function": """
## shop/wiring.py
from shop import items
def routers():
    return [items.router]
## shop/main.py
from fastapi import Depends, FastAPI
from shop.limits import rate_limited
from shop.wiring import routers
app = FastAPI(dependencies=[Depends(rate_limited)])
for one in routers():
    app.include_router(one)
""",
    "an object that holds the app": """
## shop/main.py
from fastapi import Depends, FastAPI
from shop.limits import rate_limited
from shop.items import router
class Server:
    def __init__(self):
        self.app = FastAPI(dependencies=[Depends(rate_limited)])
        self.setup()
    def setup(self):
        self.app.include_router(router)
""",
    "a middleware of the app": """
## shop/main.py
from fastapi import FastAPI
from shop.items import router
from shop.middleware import setup
app = FastAPI()
app.include_router(router)
setup(app)
## shop/middleware.py
from slowapi import Limiter
from slowapi.middleware import SlowAPIMiddleware
limiter = Limiter(key_func=str, default_limits=['5/minute'])
def setup(app):
    app.add_middleware(SlowAPIMiddleware)
""",
    "a middleware of the app that it is mounted below": """
## shop/api.py
from fastapi import FastAPI
from shop.items import router
api = FastAPI()
api.include_router(router)
## shop/main.py
from fastapi import FastAPI
from shop.api import api
from shop.limits import RateLimiterMiddleware
app = FastAPI()
app.add_middleware(RateLimiterMiddleware)
app.mount('/api', app=api)
""",
    "an app that a library hands over": """
## shop/start.py
from fastapi import FastAPI
from shop.items import router
def begin(app: FastAPI):
    app.include_router(router)
## shop/main.py
from fastapi import Depends, FastAPI
from shop.limits import rate_limited
from shop.start import begin
app = FastAPI(on_startup=begin, dependencies=[Depends(rate_limited)])
""",
    "an app that was wrapped": """
## shop/main.py
from fastapi import Depends, FastAPI
from shop.limits import rate_limited
from shop.items import router
from shop.timing import timed
def create():
    app = FastAPI(dependencies=[Depends(rate_limited)])
    app.include_router(router)
    app = timed(app)
    return app
""",
}
"""The files of each way, each after a line with its path."""
LIMITS = """
from fastapi import HTTPException
HITS = {}
async def rate_limited(tenant: str):
    HITS[tenant] += 1
    if HITS[tenant] > 5:
        raise HTTPException(429)
class RateLimiterMiddleware:
    async def __call__(self, scope, receive, send):
        await rate_limited(scope["tenant"])
"""


def judge(files: str, path: str = "shop/items.py") -> Verdict:
    """The verdict on one file of a tree."""
    written = {one.partition("\n")[0]: one.partition("\n")[2] for one in files.split("## ")[1:]}
    tree = {"shop/__init__.py": "", "shop/limits.py": LIMITS, "shop/items.py": ITEMS, **written}
    data = {name: text.encode() for name, text in tree.items()}
    return inspect(path, data[path], Project(data.get, lambda: data))


def rules(files: str, path: str = "shop/items.py") -> set[str]:
    """The rules that one file of a tree breaks."""
    return {issue.rule for issue in judge(files, path).issues}


@pytest.mark.parametrize("name", WAYS)
def test_what_stands_above_a_router_counts_for_its_routes(name: str) -> None:
    assert "limits.missing" not in rules(WAYS[name])


@pytest.mark.parametrize("name", WAYS)
def test_without_the_limiter_the_same_route_lacks_one(name: str) -> None:
    text = WAYS[name].replace(LIMITED, "").replace("app.add_middleware", "str").replace("default_limits", "given")
    assert "limits.missing" in rules(text)


OPEN = """
## shop/main.py
from fastapi import Depends, FastAPI
from shop.items import router
from shop.limits import rate_limited
app = FastAPI()
app.include_router(router, dependencies=[Depends(rate_limited)])
"""


def test_only_what_is_declared_on_every_way_counts() -> None:
    assert "limits.missing" not in rules(OPEN)
    assert "limits.missing" in rules(OPEN + "app.include_router(router, prefix='/open')")


def test_an_app_of_the_tests_takes_nothing_away() -> None:
    app = "from fastapi import FastAPI\nfrom shop.items import router\napp = FastAPI()\napp.include_router(router)"
    assert "limits.missing" not in rules(f"{OPEN}\n## tests/conftest.py\n{app}")


def test_dependencies_of_an_app_hold_for_no_app_that_is_mounted_below_it() -> None:
    files = """
## shop/api.py
from fastapi import FastAPI
from shop.items import router
api = FastAPI()
api.include_router(router)
## shop/main.py
from fastapi import Depends, FastAPI
from shop.api import api
from shop.limits import rate_limited
app = FastAPI(dependencies=[Depends(rate_limited)])
app.mount("/api", api)
"""
    assert "limits.missing" in rules(files)


def test_each_class_has_the_router_that_its_base_makes() -> None:
    one = """
## shop/{0}.py
from shop.base import Base
class {0}(Base):
    def setup(self):
        @self.router.get("/{0}")
        async def read_{0}() -> str:
            return ""
"""
    files = """
## shop/base.py
from fastapi import APIRouter
class Base:
    def __init__(self):
        self.router = APIRouter()
        self.setup()
    def get_router(self):
        return self.router
## shop/main.py
from fastapi import Depends, FastAPI
from shop.First import First
from shop.Second import Second
from shop.limits import rate_limited
app = FastAPI()
app.include_router(First().get_router(), dependencies=[Depends(rate_limited)])
app.include_router(Second().get_router())
"""
    files += one.format("First") + one.format("Second")
    assert "limits.missing" not in rules(files, "shop/First.py")
    assert "limits.missing" in rules(files, "shop/Second.py")


def test_routers_that_include_each_other_end() -> None:
    files = """
## shop/items.py
from fastapi import APIRouter
router = APIRouter()
other = APIRouter()
router.include_router(other)
other.include_router(router)
@other.get("/")
async def read() -> str:
    return ""
"""
    assert judge(files).routes == 1


LOST = {
    "a dependency of the project without a file": ("guard", """
## shop/main.py
from fastapi import Depends, FastAPI
from shop.items import router
from shop.generated.guards import guard
app = FastAPI()
app.include_router(router, dependencies=[Depends(guard)])
"""),
    "a list of dependencies that is worked out": ("GUARDS", """
## shop/main.py
from fastapi import FastAPI
from shop.items import router
from shop.generated import GUARDS
app = FastAPI()
app.include_router(router, dependencies=GUARDS)
"""),
    "a router that is found at run time, of nobody known": ("importlib.import_module", """
## shop/plugin.py
import importlib
def setup(app):
    for name in ("items", "orders"):
        app.include_router(importlib.import_module(f"shop.{name}").router)
## shop/main.py
from fastapi import FastAPI
app = FastAPI()
"""),
    "an application that is given by nobody known": ("app", """
## shop/plugin.py
from shop.items import router
def setup(app):
    app.include_router(router)
"""),
    "a middleware of the project without a file": ("Guard", """
## shop/main.py
from fastapi import FastAPI
from shop.items import router
from shop.generated import Guard
app = FastAPI()
app.add_middleware(Guard)
app.include_router(router)
"""),
}  # fmt: skip


@pytest.mark.parametrize("case", LOST)
def test_what_could_not_be_followed_is_not_called_missing(case: str) -> None:
    name, files = LOST[case]
    verdict = judge(files)
    assert not {issue.rule for issue in verdict.issues} & {"limits.missing", "tenancy.missing", "metrics.missing"}
    told = {issue.rule: issue.message for issue in verdict.undecided}
    assert told["limits.missing"] == f"not judged: {name} could not be resolved"
    assert [share.applies for share in verdict.shares if share.rule == "limits.missing"] == [0]


FOUND_AT_RUN_TIME = """
## shop/main.py
import importlib, pkgutil
from fastapi import Depends, FastAPI
from shop.limits import rate_limited
app = FastAPI({of_app})
def routers():
    for found in pkgutil.iter_modules(["shop"]):
        module = importlib.import_module(f"shop.{{found.name}}")
        {include}
routers()
"""


@pytest.mark.parametrize(
    ("include", "of_app", "missing"),
    [
        ("app.include_router(module.router)", "", True),
        ("app.include_router(getattr(module, 'router'))", "", True),
        ("app.include_router(module.router, dependencies=[Depends(rate_limited)])", "", False),
        ("app.include_router(module.router)", "dependencies=[Depends(rate_limited)]", False),
    ],
)
def test_a_router_that_is_found_at_run_time_belongs_to_what_includes_it(
    include: str, of_app: str, missing: bool
) -> None:
    verdict = judge(FOUND_AT_RUN_TIME.format(include=include, of_app=of_app))
    assert ("limits.missing" in {issue.rule for issue in verdict.issues}) is missing
    assert "limits.missing" not in {issue.rule for issue in verdict.undecided}


def test_a_router_that_is_included_by_its_name_is_none_of_those_found_at_run_time() -> None:
    by_name = "from shop.items import router\napp.include_router(router, dependencies=[Depends(rate_limited)])\n"
    files = FOUND_AT_RUN_TIME.format(include="app.include_router(module.router)", of_app="") + by_name
    assert "limits.missing" not in {issue.rule for issue in judge(files).issues}


def test_an_app_of_the_tests_does_not_hide_the_one_that_includes_a_router_at_run_time() -> None:
    app = "from fastapi import FastAPI\nfrom shop.items import router\napp = FastAPI()\napp.include_router(router)"
    limited = FOUND_AT_RUN_TIME.format(
        include="app.include_router(module.router)", of_app="dependencies=[Depends(rate_limited)]"
    )
    main = limited.removeprefix("\n## shop/main.py\n")
    files = {"shop/items.py": ITEMS, "shop/limits.py": LIMITS, "tests/conftest.py": app, "shop/main.py": main}
    data = {path: text.encode() for path, text in files.items()}
    project = Project(data.get, lambda: data)
    inspect("tests/conftest.py", data["tests/conftest.py"], project)
    verdict = inspect("shop/items.py", data["shop/items.py"], project)
    assert "limits.missing" not in {issue.rule for issue in verdict.issues}


def test_a_library_is_followed_by_its_names() -> None:
    verdict = judge(
        OPEN.replace("shop.limits import rate_limited", "authlib.deps import user").replace("rate_limited", "user")
    )
    assert "limits.missing" in {issue.rule for issue in verdict.issues} and not verdict.undecided


def test_what_an_object_of_a_library_makes_is_followed_by_its_name() -> None:
    files = """
## shop/users.py
from fastapi_users import FastAPIUsers
class Users(FastAPIUsers[str, int]):
    pass
users = Users()
somebody = users.current_user(active=True)
"""
    text = OPEN.replace("shop.limits import rate_limited", "shop.users import somebody").replace(
        "rate_limited", "somebody"
    )
    verdict = judge(text + files)
    assert "limits.missing" in {issue.rule for issue in verdict.issues} and not verdict.undecided


def test_an_app_of_the_tests_says_nothing_of_routers_judged_after_it() -> None:
    app = "from fastapi import FastAPI\nfrom shop.items import router\napp = FastAPI()\napp.include_router(router)"
    main = OPEN.removeprefix("\n## shop/main.py\n")
    files = {"shop/items.py": ITEMS, "shop/limits.py": LIMITS, "tests/conftest.py": app, "shop/main.py": main}
    data = {path: text.encode() for path, text in files.items()}
    project = Project(data.get, lambda: data)
    inspect("tests/conftest.py", data["tests/conftest.py"], project)
    verdict = inspect("shop/items.py", data["shop/items.py"], project)
    assert "limits.missing" not in {issue.rule for issue in verdict.issues}


@pytest.mark.parametrize("judged_first", ["tests/conftest.py", "shop/items.py"])
def test_what_tests_do_to_the_app_holds_for_no_route_whatever_is_judged_first(judged_first: str) -> None:
    tests = """
from shop.limits import rate_limited
from shop.main import app
@app.middleware("http")
async def limited(request, call_next):
    await rate_limited(request)
    return await call_next(request)
"""
    main = "from fastapi import FastAPI\nfrom shop.items import router\napp = FastAPI()\napp.include_router(router)"
    files = {"shop/items.py": ITEMS, "shop/limits.py": LIMITS, "tests/conftest.py": tests, "shop/main.py": main}
    data = {path: text.encode() for path, text in files.items()}
    project = Project(data.get, lambda: data)
    inspect(judged_first, data[judged_first], project)
    verdict = inspect("shop/items.py", data["shop/items.py"], project)
    assert "limits.missing" in {issue.rule for issue in verdict.issues}


def test_modules_that_import_a_name_from_each_other_define_it_nowhere() -> None:
    """Python itself would fail there, or takes a third definition at run time."""
    circle = """
## shop/deps.py
from shop.more import Tenant
## shop/more.py
from shop.deps import Tenant
## shop/items.py
from fastapi import APIRouter
from shop.deps import Tenant
router = APIRouter(prefix="/items")

@router.get("/{item_id}")
async def get_item(item_id: str, tenant: Tenant) -> str:
    return item_id
"""
    assert "limits.missing" in rules(circle)


def test_a_limiters_default_holds_for_no_route_without_its_middleware() -> None:
    way = next(text for text in WAYS.values() if "SlowAPIMiddleware" in text)
    assert "limits.missing" not in rules(way)
    assert "limits.missing" in rules(way.replace("app.add_middleware(SlowAPIMiddleware)", "pass"))
    made = way.replace("limiter = Limiter(key_func=str, default_limits=['5/minute'])", "from shop.made import limiter")
    assert made != way
    for text, limited in (
        ("limiter = Limiter(default_limits=['5/minute'])", True),
        ("limiter = Limiter()", False),
        ("limiter = Limiter(default_limits=[])", False),
        ("def get_limiter():\n    return Limiter(enabled=True)\nlimiter = get_limiter()", False),
    ):
        files = f"{made}\n## shop/made.py\nfrom slowapi import Limiter\n{text}\n"
        assert ("limits.missing" not in rules(files)) is limited


def test_what_a_large_application_sets_up_is_seen_to_its_end() -> None:
    many = "\n".join(f"def f{at}(): return 1" for at in range(450))
    called = "\n".join(f"    f{at}()" for at in range(450))
    files = f"""
## shop/many.py
{many}
## shop/main.py
from fastapi import FastAPI
from shop.items import router
from shop.limits import RateLimiterMiddleware
from shop.many import *
app = FastAPI()
app.add_middleware(RateLimiterMiddleware)
app.include_router(router)
def begin():
{called}
"""
    assert "limits.missing" not in rules(files)


def test_a_librarys_middleware_that_limits_without_saying_so_is_known() -> None:
    files = """
## shop/main.py
from fastapi import FastAPI
from guard import SecurityMiddleware
from shop.items import router
app = FastAPI()
app.add_middleware(SecurityMiddleware)
app.include_router(router)
"""
    assert "limits.missing" not in rules(files)
    assert "limits.missing" in rules(files.replace("guard", "shop_guard"))


def test_what_answers_a_refusal_limits_nothing() -> None:
    files = """
## shop/main.py
from fastapi import FastAPI
from slowapi import _rate_limit_exceeded_handler
from slowapi.errors import RateLimitExceeded
from shop.items import router
def create():
    app = FastAPI()
    app.include_router(router)
    @app.exception_handler(RateLimitExceeded)
    async def answer(request, exc):
        return _rate_limit_exceeded_handler(request, exc)
    @app.middleware("http")
    async def seen(request, call_next):
        return await call_next(request)
    return app
app = create()
"""
    assert "limits.missing" in rules(files)


_MADE = """
## shop/items.py
from fastapi import APIRouter, Depends
def get_items_router(get_caller) -> APIRouter:
    router = APIRouter()
    @router.get("/items")
    async def read(caller=Depends(get_caller)) -> str:
        return caller
    return router
## shop/callers.py
from fastapi import HTTPException
async def limited(limiter):
    if not await limiter.is_allowed("items"):
        raise HTTPException(429)
async def anyone():
    return 1
## shop/main.py
from fastapi import FastAPI
from shop.callers import anyone, limited
from shop.items import get_items_router
app = FastAPI()
app.include_router(get_items_router(GIVEN))
"""


@pytest.mark.parametrize(
    ("given", "limits", "judged"),
    [("limited", True, True), ("anyone", False, True), ("get_caller=anyone", False, True), ("*unknown", False, False)],
)
def test_a_dependency_is_what_the_function_that_makes_a_router_is_given(given: str, limits: bool, judged: bool) -> None:
    verdict = judge(_MADE.replace("GIVEN", given), "shop/items.py")
    assert ("limits.missing" in {issue.rule for issue in verdict.issues}) is (judged and not limits)
    assert ("limits.missing" in {issue.rule for issue in verdict.undecided}) is not judged
