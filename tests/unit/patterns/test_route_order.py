"""Routes that never answer: read from the source, and compared with what the framework itself does."""

import random

import pytest

from optimus_tui.patterns.facts.model import Module
from optimus_tui.patterns.route_order import hidden_routes
from optimus_tui.patterns.source.project import Project
from optimus_tui.patterns.source.view import View
from tests.patterns_tree import judged

HEAD = "from fastapi import APIRouter, FastAPI\nrouter = APIRouter()\napp = FastAPI()\n"


def route(decorator: str, name: str, indent: str = "") -> str:
    return f"{indent}@{decorator}\n{indent}async def {name}():\n{indent}    return read()\n"


def hidden(source: str, path: str = "x.py", **others: str) -> list[str]:
    """Return the handlers that are said never to answer."""
    files = {f"{name}.py": text.encode() for name, text in others.items()} | {path: source.encode()}
    project = Project(files.get, lambda: files)
    module = project.read(path, source.encode())
    assert isinstance(module, Module)
    found = hidden_routes(View(module, source.encode(), project))
    return [one.entry.handler.name for one in found if one.entry.handler is not None]


def both(first: str, second: str) -> list[str]:
    return hidden(HEAD + route(first, "first") + route(second, "second"))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ('router.get("/things/{thing}")', 'router.get("/things/newest")'),
        ('router.get("/things/{thing}")', 'router.get("/things/{other}")'),
        ('router.get("/things/{thing}")', 'router.get("/things/{other:int}")'),
        ('router.get("/things/{thing}")', 'router.get("/things/{name}.json")'),
        ('router.get("/{rest:path}")', 'router.get("/things/{thing}/parts")'),
        ('router.post("/things")', 'router.post("/things")'),
        ('router.api_route("/things", methods=["GET", "POST"])', 'router.post("/things")'),
        ('router.websocket("/ws/{room}")', 'router.websocket("/ws/lobby")'),
        ('router.get("/things/{kind}/{thing}")', 'router.get("/things/new/{thing}")'),
    ],
)
def test_a_route_whose_requests_an_earlier_one_takes_is_hidden(first: str, second: str) -> None:
    assert both(first, second) == ["second"]


def test_the_more_exact_route_may_stand_first() -> None:
    assert both('router.get("/things/newest")', 'router.get("/things/{thing}")') == []
    assert both('router.get("/things/{thing}/parts")', 'router.get("/{rest:path}")') == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ('router.get("/things/{thing}")', 'router.post("/things/newest")'),
        ('router.get("/things/{thing}")', 'router.get("/things/")'),
        ('router.get("/things/{thing}")', 'router.get("/things/{thing}/parts")'),
        ('router.get("/things/{thing:int}")', 'router.get("/things/{name}")'),
        ('router.get("/things/{thing:uuid}")', 'router.get("/things/newest")'),
        ('router.get("/things/{name}.json")', 'router.get("/things/{name}")'),
        ('router.get("/things/{thing:slug}")', 'router.get("/things/newest")'),
        ('router.get("/things")', 'router.get("/things/")'),
        ('router.get("/things/{thing}")', 'router.get("/things/{rest:path}")'),
        ('router.get("/{room}")', 'router.websocket("/{room}")'),
        ('router.get("/things/{thing}")', 'router.api_route("/things/new", methods=["GET", "POST"])'),
        ("router.get(UNKNOWN)", 'router.get("/things")'),
        ('router.get(PATH + "/{thing}")', 'router.get("/things/new")'),
        ('router.get("/a", version="1")', 'router.get("/a", version="2")'),
    ],
)
def test_a_route_that_some_request_reaches_is_not_hidden(first: str, second: str) -> None:
    assert both(first, second) == []


def test_the_order_of_decorators_and_branches_counts() -> None:
    stacked = '@router.get("/me")\n@router.get("/{user}")\nasync def one(): ...\n'
    assert hidden(HEAD + stacked) == []  # by itself: the same answer either way
    either = "if DEBUG:\n" + route('router.get("/a")', "first", "    ")
    either += "else:\n" + route('router.get("/a")', "second", "    ")
    assert hidden(HEAD + either) == []
    sometimes = "if DEBUG:\n" + route('router.get("/a")', "first", "    ") + route('router.get("/a")', "usual")
    assert hidden(HEAD + sometimes) == []
    inside = "if DEBUG:\n" + route('router.get("/{a}")', "first", "    ") + route('router.get("/b")', "second", "    ")
    assert hidden(HEAD + inside) == ["second"]
    always = route('router.get("/{a}")', "first") + "if DEBUG:\n" + route('router.get("/b")', "second", "    ")
    assert hidden(HEAD + always) == ["second"]


def test_a_name_that_is_given_another_router_starts_anew() -> None:
    parts = [HEAD, route('router.get("/{a}")', "first"), "router = APIRouter()\n", route('router.get("/b")', "second")]
    assert hidden("".join(parts)) == []


def test_two_routers_of_a_file_hide_each_other_where_they_are_included() -> None:
    two = "one = APIRouter(prefix='/x')\ntwo = APIRouter()\n"
    two += route('one.get("/{a}")', "first") + route('two.get("/x/b")', "second")
    assert hidden(HEAD + two) == []
    assert hidden(HEAD + two + "app.include_router(one)\napp.include_router(two)\n") == ["second"]
    assert hidden(HEAD + two + "app.include_router(two)\napp.include_router(one)\n") == []
    assert hidden(HEAD + two + "app.include_router(one, prefix='/v1')\napp.include_router(two)\n") == []
    assert hidden(HEAD + two + "for part in (one, two):\n    app.include_router(part, prefix=BASE)\n") == ["second"]
    assert hidden(HEAD + two + "app.include_router(one, **given())\napp.include_router(two, **given())\n") == []


PARTS = {
    "users": "from fastapi import APIRouter\nrouter = APIRouter(prefix='/users')\n"
    + route('router.get("/{user}")', "one"),
    "me": "from fastapi import APIRouter\nrouter = APIRouter()\n" + route('router.get("/users/me")', "me"),
    "api": "from fastapi import APIRouter\nimport me, users\napi = APIRouter(prefix='/api')\n"
    "api.include_router(users.router)\napi.include_router(me.router)\n",
}


@pytest.mark.parametrize(
    "main",
    [
        "from fastapi import FastAPI\nfrom api import api\napp = FastAPI()\napp.include_router(api)\n",
        "from fastapi import FastAPI\nimport me, users\napp = FastAPI()\nfor one in [users.router, me.router]:\n"
        "    app.include_router(one, prefix=settings.PREFIX)\n",
        "from fastapi import FastAPI\nfrom users import router as u\nfrom me import router as m\ndef make():\n"
        "    app = FastAPI()\n    add(app)\n    return app\ndef add(target):\n    target.include_router(u)\n"
        "    target.include_router(m)\n",
        "from fastapi import FastAPI\nimport me, users\napp = FastAPI()\ndef add(target, part):\n"
        "    target.include_router(part, prefix='/x')\nadd(app, users.router)\nadd(app, me.router)\n",
        "from fastapi import FastAPI\nimport me, users\napp = FastAPI()\ndef add():\n"
        "    app.include_router(users.router)\n    app.include_router(me.router)\nadd()\n",
        "from fastapi import FastAPI\nimport me\napp = FastAPI()\napp.mount('/', files)\n"
        "app.include_router(me.router)\n",
    ],
)
def test_routers_of_other_files_count_in_the_order_of_their_inclusion(main: str) -> None:
    assert hidden(PARTS["me"], "me.py", main=main, **PARTS) == ["me"]
    assert hidden(PARTS["users"], "users.py", main=main, **PARTS) == []


def test_a_route_that_answers_in_one_of_two_applications_is_not_hidden() -> None:
    main = "from fastapi import FastAPI\nimport me, users\napp = FastAPI()\napp.include_router(users.router)\n"
    main += "app.include_router(me.router)\nsmall = FastAPI()\nsmall.include_router(me.router)\n"
    assert hidden(PARTS["me"], "me.py", main=main, **PARTS) == []


def test_a_package_that_gathers_its_own_modules_is_followed() -> None:
    api = "from fastapi import APIRouter\nfrom . import me, users\nrouter = APIRouter()\n"
    api += "router.include_router(users.router)\nrouter.include_router(me.router)\n"
    main = "from fastapi import FastAPI\nfrom api import router\ndef make():\n    app = FastAPI()\n"
    main += "    app.include_router(router)\n    app = wrapped(app)\n    return app\n"
    files = {"api/__init__.py": api, "api/me.py": PARTS["me"], "api/users.py": PARTS["users"], "main.py": main}
    data = {path: text.encode() for path, text in files.items()}
    project = Project(data.get, lambda: data)
    module = project.read("api/me.py", data["api/me.py"])
    assert isinstance(module, Module)
    found = hidden_routes(View(module, data["api/me.py"], project))
    assert [one.by.module.path for one in found] == ["api/users.py"]


def test_a_helper_that_makes_the_prefix_from_its_argument_tells_nothing_of_the_order() -> None:
    main = "from fastapi import FastAPI\nimport me, users\napp = FastAPI()\ndef add(part, name):\n"
    main += "    app.include_router(part, prefix=f'/{name}')\nadd(users.router, 'a')\nadd(me.router, 'b')\n"
    assert hidden(PARTS["me"], "me.py", main=main, **PARTS) == []


def test_a_route_that_is_registered_after_the_inclusion_takes_nothing() -> None:
    source = HEAD + route('router.get("/{a}/b")', "early") + "app.include_router(router)\n"
    source += route('app.get("/x/b")', "second") + route('router.get("/y/{rest:path}")', "late")
    assert hidden(source + route('app.get("/y/z")', "third")) == ["second"]


def test_functions_that_register_on_each_other_end() -> None:
    circle = "def one(app):\n    two(app)\n    app.include_router(router)\ndef two(app):\n    one(app)\none(app)\n"
    assert hidden(HEAD + "router.include_router(router)\n" + circle) == []


def test_the_finding_names_the_route_and_the_one_before_it() -> None:
    source = HEAD + route('router.get("/{a}")', "first") + route('router.get("/b")', "second")
    found = [one for one in judged(source).issues if one.rule == "routes.hidden"]
    assert [(one.line, one.message) for one in found] == [
        (8, "GET /b never answers: GET /{a} (line 5) is registered before it and takes its requests")
    ]


PIECES = ("/a", "/b", "/{p}", "/{q:int}", "/{r:path}", "/x{s}", "/{t}.j")


def test_what_is_hidden_is_what_starlette_never_calls() -> None:
    starlette = pytest.importorskip("starlette.routing")
    chance = random.Random(7)
    values = {"{p}": "k9", "{q:int}": "982451653", "{r:path}": "u/v", "{s}": "k8", "{t}": "k7"}
    for _ in range(400):
        paths = ["".join(chance.choices(PIECES, k=chance.randint(1, 3))) for _ in range(4)]
        if any(path.count("{") > 1 for path in paths):
            continue
        source = HEAD + "".join(route(f'router.get("{path}")', f"f{at}") for at, path in enumerate(paths))
        found = hidden(source)
        routes = [starlette.Route(path, lambda request: None) for path in paths]
        for at, path in enumerate(paths):
            asked = path
            for piece, value in values.items():
                asked = asked.replace(piece, value)
            scope = {"type": "http", "method": "GET", "path": asked, "headers": []}
            first = next(i for i, one in enumerate(routes) if one.matches(scope)[0].value == 2)
            if first == at:
                assert f"f{at}" not in found, (paths, path)
            elif ":path" not in path:
                assert f"f{at}" in found, (paths, path)
