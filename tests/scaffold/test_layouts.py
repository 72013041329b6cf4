"""A router goes where a project keeps its own, is registered by one line, and passes its tests there: five layouts."""

import difflib
import re
from pathlib import Path

import pytest

from optimus_tui.actions.drafts.draft_checks import run_checks
from optimus_tui.actions.drafts.routers import plan_router, write_router
from optimus_tui.actions.files.changes import undo_last
from optimus_tui.scaffold.layout import LayoutError, find_target
from optimus_tui.scaffold.render import next_steps
from optimus_tui.scaffold.spec import OPERATIONS, ROUTER_TYPES, make_spec
from optimus_tui.scaffold.target import GATEWAY
from optimus_tui.tools.answer import ToolFailure
from optimus_tui.tools.router import shared_names
from optimus_tui.tools.router_files import judged
from optimus_tui.tools.validate import report_of
from optimus_tui.tools.validation.folders import judge_folders
from tests.amounts import WHOLE
from tests.scaffold.layouts import (
    FLAT,
    FULL_STACK,
    LAYOUTS,
    ROUTER,
    VERSIONED,
    ask,
    content,
    make_project,
    routes_of,
    run_tests,
)
from tests.scaffold.workshop import new_gateway

FOUND = {
    "flat": ("routers/products.py", "tests/test_products.py", "main.py", "optimus_gateway", "/products"),
    "versioned": (
        "app/api/v1/endpoints/products.py", "tests/test_products.py", "app/api/v1/api.py", "app.optimus_gateway",
        "/api/v1/products",
    ),
    "poetry": (
        "src/shop/routers/products.py", "tests/test_products.py", "src/shop/main.py", "shop.optimus_gateway",
        "/products",
    ),
    "uv": (
        "inventory/products/router.py", "inventory/tests/test_products.py", "inventory/app.py",
        "inventory.optimus_gateway", "/products",
    ),
    "full-stack": (
        "backend/app/api/routes/products.py", "backend/tests/api/routes/test_products.py", "backend/app/api/main.py",
        "app.optimus_gateway", "/api/v1/products",
    ),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_place_is_the_one_of_the_other_routers(tmp_path: Path, layout: str) -> None:
    target = find_target(make_project(tmp_path, LAYOUTS[layout]))
    spec = make_spec("products", target=target)
    assert (*spec.paths, target.into, target.helpers, target.url_prefix + "/products") == FOUND[layout]


KINDS = ("hybrid", "proxy", "direct", "direct", "proxy")
ALL = [(layout, kind, on) for layout in LAYOUTS for kind in ROUTER_TYPES for on in (True, False)]
SOME = [(layout, kind, layout != "uv") for layout, kind in zip(LAYOUTS, KINDS, strict=True)]


@pytest.mark.parametrize(("layout", "kind", "on"), ALL if WHOLE else SOME)
def test_it_is_registered_its_tests_pass_there_and_undo_leaves_nothing(
    tmp_path: Path, layout: str, kind: str, on: bool
) -> None:
    """Every layout once; with ``OPTIMUS_WHOLE`` with each type and operation, with and without limits and caching.

    The store of a direct one is a table: in one layout through the project's own session, in others through ours.
    """
    project = make_project(tmp_path / "project", LAYOUTS[layout])
    before, target = content(project), find_target(project)
    operations = OPERATIONS if WHOLE or kind == "hybrid" else ("list", "create", "delete")
    storage = "sqlalchemy" if kind == "direct" else "memory"
    spec = make_spec("products", kind, operations, storage=storage, rate_limiting=on, caching=on, target=target)
    plan = plan_router(project, spec, shared_names)
    assert not plan.replaced
    runs_tests = layout == "uv"
    checks = {check.name: check for check in run_checks(plan.draft, plan.root, None, judged, None, runs_tests)}
    assert [check.status for check in checks.values()] == ["passed"] * 4 + ["passed" if runs_tests else "not run"], (
        checks
    )
    write_router(plan)
    path = FOUND[layout][-1]
    routes, old = routes_of(target, project, make_project(tmp_path / "old", LAYOUTS[layout]))
    assert {f"get {path}", f"post {path}", f"delete {path}/{{product_id}}"} <= set(routes)
    assert set(old) < set(routes)
    *_, tests, start, ask = next_steps(spec, "http://localhost:8020")
    printed = run_tests(project, tests)
    assert " passed" in printed and "exit" not in printed, printed
    port = re.search(r"--port (\d+)$", start)
    assert target.asgi in start and port is not None and f"http://localhost:{port[1]}{path}/" in ask
    after = content(project)
    changed = [name for name in before if before[name] != after[name]]
    assert changed == [target.into]
    lines = difflib.ndiff(before[target.into].decode().splitlines(True), after[target.into].decode().splitlines(True))
    assert [line[0] for line in lines if line[0] in "+-"] == ["+", "+"]
    undo_last(project)
    assert content(project) == before


@pytest.mark.parametrize("layout", ["flat", "full-stack"])
def test_what_was_just_written_is_judged_without_a_finding(tmp_path: Path, layout: str) -> None:
    """As ``optimus-tui validate PATH --level production_ready`` judges it, with the profile that is detected."""
    project = make_project(tmp_path, LAYOUTS[layout])
    routers = []
    for name, kind, storage in (
        ("carts", "proxy", "memory"), ("stores", "direct", "memory"), ("tables", "direct", "sqlalchemy"),
        ("shops", "hybrid", "memory"),
    ):  # fmt: skip
        spec = make_spec(name, kind, OPERATIONS, storage=storage, target=find_target(project))
        write_router(plan_router(project, spec, shared_names))
        routers.append(project / spec.paths[0])
    report = report_of(judge_folders(routers, "production_ready", use_cache=False), "2026-01-01T00:00:00Z")
    assert [(one.line, one.issue) for one in report.issues_found] == []
    assert (report.files_validated, report.average_compliance_score) == (4, 1.0)
    assert [one.profile for one in report.profiles] == ["gateway"]


def test_a_second_router_uses_the_helpers_that_are_there_even_changed_ones(tmp_path: Path) -> None:
    project = make_project(tmp_path, FULL_STACK)
    first = make_spec("products", "direct", caching=False, target=find_target(project))
    write_router(plan_router(project, first))
    limits = project / "backend/app/optimus_gateway/limits.py"
    limits.write_text(limits.read_text() + "\nMINE = 1\n")
    second = plan_router(project, make_spec("orders", "direct", target=find_target(project)))
    assert [change.path for change in second.changes] == [
        "backend/app/api/routes/orders.py", "backend/tests/api/routes/test_orders.py",
        "backend/app/optimus_gateway/engine.py", "backend/app/optimus_gateway/caching.py", "backend/app/api/main.py",
    ]  # fmt: skip
    assert not second.replaced
    write_router(second)
    assert limits.read_text().endswith("MINE = 1\n")
    assert " passed" in run_tests(project, next_steps(second.draft.spec, "http://localhost:8020")[-3])


def test_what_was_named_is_remembered_and_holds_the_next_time(tmp_path: Path) -> None:
    project = make_project(tmp_path, {**VERSIONED, "optimus.toml": '# ours\ntheme = "dark"\n'})
    before = content(project)
    named = {"package": "app.api.v2", "into": "app/main.py:application"}
    target = find_target(project, **named)
    plan = plan_router(project, make_spec("products", "direct", target=target), None, named)
    write_router(plan)
    assert (project / "optimus.toml").read_text().startswith('# ours\ntheme = "dark"\n\n[generator]\n')
    again = find_target(project)
    assert (again.folder, again.into, again.receiver) == ("app/api/v2", "app/main.py", "application")
    assert "get /products" in routes_of(target, project)[0]
    undo_last(project)
    assert content(project) == before


async def test_the_tool_drafts_for_the_project_that_it_was_started_in_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path, FULL_STACK)
    before = content(project)
    monkeypatch.chdir(project / "backend/app")
    report = await ask(router_type="direct", include_caching=False)
    assert content(project) == before
    paths = [file.path for file in report.files]
    folder = "app/optimus_gateway"
    helpers = [f"{folder}/{name}.py" for name in ("__init__", "dependencies", "redis_client", "limits")]
    assert paths == ["app/api/routes/products.py", "tests/api/routes/test_products.py", *helpers]
    assert report.registered_in == "app/api/main.py"
    assert "in app/api/main.py: from app.api.routes.products import router as products_router" in report.next_steps
    write_router(plan_router(project / "backend", make_spec("orders", target=find_target(project / "backend"))))
    assert len((await ask(router_type="direct", include_caching=False)).files) == 2


async def test_the_tool_says_what_is_needed_as_the_command_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(make_project(tmp_path, {**TWO, "pyproject.toml": ""}))
    with pytest.raises(ToolFailure) as refused:
        await ask()
    error = refused.value.error
    assert (refused.value.exit_code, error.argument, error.allowed) == (
        2,
        "into",
        ("one/main.py:app", "two/main.py:app"),
    )
    with pytest.raises(LayoutError, match=re.escape(error.message)):
        find_target(tmp_path)
    assert (await ask(into="two/main.py")).files_generated.router == "two/routers/products.py"
    monkeypatch.chdir(make_project(tmp_path / "none", {"pyproject.toml": ""}))
    assert (await ask()).files_generated.router == "src/backend/routers/products.py"


def test_the_gateway_is_found_as_before(tmp_path: Path) -> None:
    assert find_target(new_gateway(tmp_path)) == GATEWAY


NO_APPLICATION = {"pyproject.toml": "", "thing.py": "x = 1\n"}
TWO = {"one/main.py": FLAT["main.py"], "two/main.py": FLAT["main.py"]}


@pytest.mark.parametrize(
    ("files", "given", "argument", "words"),
    [
        (NO_APPLICATION, {}, "project", "has no FastAPI application: a router needs a module with app = FastAPI()"),
        (NO_APPLICATION, {}, "project", "optimus-tui init NAME makes a project"),
        ({"main.py": "from fastapi import FastAPI\napp = (\n"}, {}, "project", "main.py is not Python"),
        (
            TWO,
            {},
            "into",
            "2 places here may register a router: name one with --into; one/main.py:app, two/main.py:app",
        ),
        (FLAT, {"into": f"{'x' * 400}.py"}, "into", "is no file of the project"),
        (FLAT, {"into": "nothing.py"}, "into", "nothing.py is no file of the project; such a file is main.py"),
        (
            FULL_STACK,
            {"into": "scripts/seed.py"},
            "into",
            "is left out, as tests, examples, scripts and links are",
        ),
        (VERSIONED, {"into": "app/__init__.py"}, "into", "registers no router"),
        (FLAT, {"into": "main.py:api"}, "into", "makes no application or router of this name"),
        (FLAT, {"into": "../main.py"}, "into", "../main.py is no file of the project"),
        (FLAT, {"into": "main.py;rm"}, "into", "not a file of the project"),
        (VERSIONED, {"package": "nowhere.api"}, "package", "there is no package nowhere"),
        (VERSIONED, {"package": "app.main"}, "package", "is a module"),
        (VERSIONED, {"package": "app/api"}, "package", "is not a package"),
    ],
)
def test_where_nothing_fits_one_sentence_says_what_is_needed(
    tmp_path: Path, files: dict[str, str], given: dict[str, str], argument: str, words: str
) -> None:
    with pytest.raises(LayoutError) as refused:
        find_target(make_project(tmp_path, files), **given)
    assert words in str(refused.value) and "\n" not in str(refused.value)
    assert refused.value.argument == argument


@pytest.mark.parametrize("choice", ["one/main.py", "two/main.py:app"])
def test_of_two_applications_the_named_one_is_taken(tmp_path: Path, choice: str) -> None:
    target = find_target(make_project(tmp_path, TWO), into=choice)
    assert (target.into, target.folder, target.asgi) == (choice.partition(":")[0], f"{choice[:3]}/routers", "main:app")


def test_a_router_made_by_a_function_is_followed_to_its_application(tmp_path: Path) -> None:
    build = "def build():\n    router = APIRouter(prefix='/v3')\n    router.include_router(zones)\n    return router\n"
    main = "app = FastAPI()\napp.include_router(build())\n"
    files = {
        "svc/__init__.py": "",
        "svc/zones.py": ROUTER.format("zones"),
        "svc/api.py": f"from fastapi import APIRouter\n\nfrom svc.zones import router as zones\n\n\n{build}",
        "svc/main.py": f"from fastapi import FastAPI\n\nfrom svc.api import build\n\n{main}",
    }
    target = find_target(make_project(tmp_path, files))
    assert (target.into, target.receiver, target.url_prefix, target.folder) == ("svc/api.py", "router", "/v3", "svc")


def test_a_prefix_that_the_code_does_not_say_is_named(tmp_path: Path) -> None:
    main = VERSIONED["app/main.py"].replace("PREFIX = '/api/v1'", "import os\nPREFIX = os.environ.get('X', '')")
    target = find_target(make_project(tmp_path, {**VERSIONED, "app/main.py": main}))
    assert target.url_prefix == "{PREFIX}"
