"""What is generated runs, is typed, is formatted, and passes its own tests; a feature that is off leaves no trace."""

import ast
import json
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from optimus_tui.child_processes import minimal_environment
from optimus_tui.clock import Clock
from optimus_tui.contract.tools.traffic import RouterReport
from optimus_tui.scaffold.fields import SpecError
from optimus_tui.scaffold.helpers import INIT, helpers
from optimus_tui.scaffold.render import next_steps, render
from optimus_tui.scaffold.spec import OPERATIONS, ROUTER_TYPES, RouterSpec, class_name, make_spec, singular
from optimus_tui.scaffold.target import RouterTarget
from optimus_tui.settings.tuning import TUNING
from optimus_tui.tools.answer import ToolFailure, answer
from optimus_tui.tools.registry import TOOLS
from tests.amounts import WHOLE, amount
from tests.scaffold.workshop import fill, judge, new_gateway, some, twelve


def test_variants_and_random_ones_are_clean_typed_and_pass_their_own_tests(tmp_path: Path, types_known: Path) -> None:
    """Each type once, and each pair of flags but both off; all twelve combinations with ``OPTIMUS_WHOLE``."""
    gateway = new_gateway(tmp_path)
    flags = dict(zip(ROUTER_TYPES, ((True, False), (False, True), (True, True)), strict=True))
    three = [spec for spec in twelve() if (spec.rate_limiting, spec.caching) == flags[spec.type]]
    assert len(three) == 3
    drafts = fill(gateway, [*(twelve() if WHOLE else three), *some(amount(2, 5), seed=4)])
    assert judge(gateway, drafts, types_known) == ""


def test_the_helpers_are_typed_formatted_and_clean(tmp_path: Path, types_known: Path) -> None:
    package = tmp_path / "optimus_gateway"
    package.mkdir()
    (package / "__init__.py").write_text(INIT)
    for file in helpers().files.values():
        (package / file.name).write_text(file.text)
    tool = Path(sys.executable).with_name
    ruff = ["--isolated", "--no-cache", "--line-length=110", "--target-version=py311"]
    commands: list[list[str | Path]] = [
        [tool("ruff"), "check", *ruff, "--select=F,E9,B,ASYNC,S,I", "."],
        [tool("ruff"), "format", "--check", *ruff, "."],
        [tool("mypy"), "--strict", "--config-file=", f"--cache-dir={types_known}", "optimus_gateway"],
    ]
    for command in commands:
        done = subprocess.run(
            command, cwd=tmp_path, env=minimal_environment(), capture_output=True, text=True, timeout=600
        )
        assert not done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    "spec", [*twelve(), *some(amount(12, 40), seed=9)], ids=lambda spec: f"{spec.name}-{spec.type}"
)
def test_a_feature_that_is_off_leaves_no_trace_and_the_same_answers_give_the_same_bytes(spec: RouterSpec) -> None:
    draft = render(spec)
    assert render(spec) == draft
    for text in (file.content.lower() for file in draft.files):
        assert spec.rate_limiting or not [word for word in ("rate_limit", "ratelimit") if word in text], "limits"
        assert spec.caching or not [word for word in ("cache", "coherence", "invalidat") if word in text], "caching"
        assert spec.has_engine or not [word for word in ("engine", "circuit") if word in text], "engine"
        assert spec.rate_limiting or spec.caching or "redis" not in text
    used = {node.id for node in ast.walk(ast.parse(draft.router.content)) if isinstance(node, ast.Name)}
    assert {"translate_failures", "Tenant", "router"} <= used


def test_the_three_types_do_different_things() -> None:
    texts = [render(make_spec("products", kind, OPERATIONS)).router.content for kind in ("proxy", "direct", "hybrid")]
    assert ["engine.request" in text for text in texts] == [True, False, True]
    assert ["store.find" in text for text in texts] == [False, True, True]
    assert len(set(texts)) == 3


def test_operations_come_in_any_order_and_mean_the_same() -> None:
    assert make_spec("x", operations=["get", "list", "get"]) == make_spec("x", operations=["list", "get"])


@pytest.mark.parametrize(
    ("name", "one", "kind"),
    [
        ("products", "product", "Product"), ("categories", "category", "Category"), ("boxes", "box", "Box"),
        ("status", "status", "Status"), ("news", "news", "News"), ("inventory", "inventory", "Inventory"),
        ("order_items", "order_item", "OrderItem"), ("tenants", "tenant", "TenantItem"), ("series", "series", "Series"),
        ("s", "s", "S"), ("ifs", "ifs", "Ifs"), ("stores", "store", "StoreItem"), ("addresses", "address", "Address"),
        ("people", "person", "Person"), ("statuses", "status", "Status"), ("movies", "movie", "Movie"),
        ("sizes", "size", "Size"), ("caches", "cache", "CacheItem"), ("data", "data", "Data"), ("sms", "sms", "Sms"),
        ("news_items", "news_item", "NewsItem"), ("aliases", "alias", "Alias"), ("class_", "class_", "Class"),
        ("true", "true", "TrueItem"), ("none", "none", "NoneItem"), ("exceptions", "exception", "ExceptionItem"),
        ("timeout_errors", "timeout_error", "TimeoutErrorItem"), ("invoice", "invoice", "Invoice"),
    ],
)  # fmt: skip
def test_one_of_them_is_named_and_hides_nothing_that_is_imported(name: str, one: str, kind: str) -> None:
    assert (singular(name), class_name(singular(name))) == (one, kind)


def test_no_class_that_is_generated_has_the_name_of_one_that_is_imported() -> None:
    specs = [make_spec("x", spec.type, OPERATIONS, rate_limiting=spec.rate_limiting, caching=spec.caching,
                       fields=["a:str", "b:float"]) for spec in twelve()]  # fmt: skip
    trees = [ast.parse(file.content) for spec in specs for file in render(spec).files]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names = {alias.name for node in nodes for alias in node.names if node.module != "backend.routers.x"}
    assert len(names) > 20
    for name in names:
        assert class_name(re.sub("(?<!^)(?=[A-Z])", "_", name).lower()) != name


class Ctx:
    """As much of a context as the tool uses."""

    clock = Clock()
    tuning = TUNING

    class settings:
        gateway_url = "http://gateway.test:8020"  # on another machine: whose port it is does not matter here
        source_path: Path | None = None


def list_all(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


async def test_the_tool_returns_the_draft_and_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(new_gateway(tmp_path))
    before = list_all(tmp_path)
    report = await answer(Ctx(), "generate_enterprise_router", {"router_name": "products"})  # type: ignore[arg-type]
    assert isinstance(report, RouterReport)
    document = json.loads(msgspec.json.encode(report))
    paths = {"router": "src/backend/routers/products.py", "test": "tests/test_products.py"}
    assert document["files_generated"] == paths
    assert [file["path"] for file in document["files"]] == list(paths.values())
    assert all(len(file["sha256"]) == 64 and file["content"].endswith("\n") for file in document["files"])
    steps = document["next_steps"]
    assert "from backend.routers.products import router as products_router" in steps
    assert "app.include_router(products_router)" in steps
    assert "uvicorn backend.app:app --app-dir src --port 8020" in steps
    assert any(
        "http://gateway.test:8020/api/products/" in step and "X-Tenant-ID: demo_dentist" in step for step in steps
    )
    assert list_all(tmp_path) == before
    assert not TOOLS["generate_enterprise_router"].found(report)


def test_the_request_to_try_carries_a_body_where_one_is_needed() -> None:
    spec = make_spec("products", operations=("update", "create"), fields=("title:str", "price:float"))
    words = shlex.split(next_steps(spec, "http://localhost:8020")[-1])
    assert words[:4] == ["curl", "-X", "POST", "http://localhost:8020/api/products/"]
    assert set(json.loads(words[-1])) == {"title", "price"}


@pytest.mark.parametrize(
    ("given", "argument"),
    [
        ({"router_name": "class"}, "router_name"),
        ({"router_name": "../../x"}, "router_name"),
        ({"operations": []}, "operations"),
        ({"operations": ["drop"]}, "operations"),
        ({"router_type": "magic"}, "router_type"),
        ({"include_caching": "yes"}, "include_caching"),
        ({"fields": ["Class:str"]}, "fields"),
        ({"fields": ["a:evil"]}, "fields"),
        ({"path": "/"}, "path"),
    ],
)
async def test_the_tool_refuses_by_the_arguments_name(given: dict[str, object], argument: str) -> None:
    with pytest.raises(ToolFailure) as refused:
        await answer(Ctx(), "generate_enterprise_router", {"router_name": "x", **given})  # type: ignore[arg-type]
    assert (refused.value.exit_code, refused.value.error.argument) == (2, argument)


def test_a_refusal_says_the_rule_row_92_93() -> None:
    for name in (
        "../../x",
        "class",
        "match",
        "_",
        "1a",
        "a\n",
        "ﬁsh",
        "сlass",
        "{{7*7}}",
        "x" * 300,
        "",
        "x.py",
        "CON",
    ):
        with pytest.raises(SpecError, match="lower-case letter, then up to 39"):
            make_spec(name)
    for name in ("app", "main", "routers", "utils", "config", "conftest", "test"):
        with pytest.raises(SpecError, match="none of app, main"):
            make_spec(name)


def test_the_router_is_started_beside_a_gateway_that_runs() -> None:
    with socket.create_server(("127.0.0.1", 0)) as running:
        port = running.getsockname()[1]
        there = next_steps(make_spec("products"), f"http://127.0.0.1:{port}")
        assert not there[-2].endswith(f"--port {port}") and f":{port}/" not in there[-1]
        assert f"localhost:{there[-2].rpartition(' ')[2]}/" in there[-1]
    far = next_steps(make_spec("products"), "https://gateway.internal:8443")
    assert far[-2].endswith("--port 8443") and "https://gateway.internal:8443/api/products/" in far[-1]


def test_a_project_of_its_own_never_gets_the_port_of_the_gateway() -> None:
    spec = make_spec("products", target=RouterTarget(into="main.py", asgi="main:app", helpers="optimus_gateway"))
    start, ask = next_steps(spec, "http://localhost:8000")[-2:]
    port = int(start.rpartition(" ")[2])
    assert port > 8000 and f"http://localhost:{port}/" in ask
