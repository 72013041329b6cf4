"""Every rule: its examples, its words, and the page that is made of them."""

from pathlib import Path

import pytest

from optimus_tui.cli.routers.rules import page
from optimus_tui.patterns.judge import WEIGHTS
from optimus_tui.patterns.rules import RULES
from tests.patterns_tree import BAD, GOOD, ROOT, judged, rules_of


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_a_rule_finds_its_bad_example_and_nothing_in_its_good_one(rule) -> None:  # type: ignore[no-untyped-def]
    assert rule.id in rules_of(rule.bad.lstrip())
    assert rule.id not in rules_of(rule.good.lstrip())
    assert rule.title and rule.why.endswith(".") and rule.fix
    assert rule.applies is None or rule.pattern in WEIGHTS


def test_the_page_of_rules_is_the_one_that_the_command_makes_and_the_documentation_points_to_it() -> None:
    assert (ROOT / "docs" / "rules.md").read_text("utf-8") == page(), "optimus-tui rules --format md > docs/rules.md"
    assert "docs/rules.md" in (ROOT / "README.md").read_text("utf-8")
    assert "docs/rules.md" in (ROOT / "ARCHITECTURE.md").read_text("utf-8")


def test_a_finding_points_at_its_line_and_column_in_characters() -> None:
    source = 'x = {"ä": 1, "y": eval("1")}\n' + GOOD
    issue = next(one for one in judged(source).issues if one.rule == "unsafe.eval")
    assert (issue.line, issue.column) == (1, source.index("eval") + 1)
    assert issue.text.startswith("x = {")


def test_an_ignore_needs_a_reason_a_known_rule_and_to_be_a_comment() -> None:
    line = 'TOTAL = eval("1")'
    assert "unsafe.eval" not in rules_of(f"{GOOD}\n{line}  # optimus: ignore[unsafe.eval] a constant of ours\n")
    assert "unsafe.eval" not in rules_of(f"{GOOD}\n# optimus: ignore[security] a constant of ours\n{line}\n")
    without = rules_of(f"{GOOD}\n{line}  # optimus: ignore[unsafe.eval]\n")
    assert {"unsafe.eval", "ignore.without_reason"} <= without
    assert "ignore.without_reason" in rules_of(f"{GOOD}\n{line}  # optimus: ignore[nothing.known] because\n")
    assert "unsafe.eval" in rules_of(f'{GOOD}\nTEXT = "# optimus: ignore[unsafe.eval] no comment"; {line}\n')
    assert "unsafe.eval" in rules_of(f"{GOOD}\n{line}  # optimus: ignore[limits.missing] another rule\n")


def test_what_the_app_of_the_project_does_for_all_routers_counts() -> None:
    router = GOOD.replace("    READ.inc()\n", "").replace("    log.info", "    # log.info")
    app = """
from fastapi import FastAPI
from prometheus_client import Counter
import logging
import x
log = logging.getLogger("app")
SEEN = Counter("requests_total", "Requests.")
app = FastAPI()
app.include_router(x.router)

@app.middleware("http")
async def seen(request, call_next):
    SEEN.inc()
    log.info("request")
    return await call_next(request)
"""
    assert {"logging.missing", "metrics.missing"} <= rules_of(router)
    assert not {"logging.missing", "metrics.missing"} & rules_of(router, app=app)


def test_a_router_that_nothing_includes_yet_is_judged_as_the_only_apps() -> None:
    bare = GOOD.replace(', dependencies=[Depends(rate_limited("thing"))]', "")
    app = "from fastapi import Depends, FastAPI\nfrom limits_of import rate_limited\n"
    app += "app = FastAPI(dependencies=[Depends(rate_limited('all'))])\n"
    assert "limits.missing" not in rules_of(bare, app=app)
    assert "limits.missing" in rules_of(bare, app=f"{app}other = FastAPI()\n")


def test_a_limit_that_the_app_declares_for_a_router_counts_for_that_router_only() -> None:
    bare = GOOD.replace(', dependencies=[Depends(rate_limited("thing"))]', "")
    app = """
from fastapi import Depends, FastAPI
from limits_of import rate_limited
import {name}
app = FastAPI()
app.include_router({name}.router, dependencies=[Depends(rate_limited("all"))])
"""
    assert "limits.missing" in rules_of(bare)
    assert "limits.missing" not in rules_of(bare, app=app.format(name="x"))
    assert "limits.missing" in rules_of(bare, app=app.format(name="y"))


def test_a_dependency_defined_in_another_file_of_the_project_must_do_the_work() -> None:
    source = GOOD.replace("from shop.deps import rate_limited,", "from deps import rate_limited\nfrom shop.deps import")
    stub = "def rate_limited(name):\n    def check():\n        pass\n    return check\n"
    real = (
        "from fastapi import HTTPException\n"
        "def rate_limited(name):\n"
        "    async def check(request, tenant):\n"
        '        if await request.app.state.redis.incr(f"rate_limit:{tenant}:{name}") > 5:\n'
        "            raise HTTPException(429)\n"
        "    return check\n"
    )
    assert "limits.missing" in rules_of(source, deps=stub)
    assert "limits.missing" not in rules_of(source, deps=real)


def test_a_rule_of_more_than_one_line_of_routes_makes_one_finding_where_all_routes_fail() -> None:
    two = GOOD.replace(', dependencies=[Depends(rate_limited("thing"))]', "")
    two += two[two.index("@router") :].replace("/things/", "/others/").replace("async def thing", "async def other")
    found = [issue for issue in judged(two).issues if issue.rule == "limits.missing"]
    assert len(found) == 1
    assert [one.subject for one in found[0].also] == ["other"]


def test_every_rule_module_is_one_small_file() -> None:
    for path in (Path(ROOT) / "optimus_tui" / "patterns" / "rules").glob("*.py"):
        assert path.read_text().count("\n") <= 230, path.name


def test_a_router_made_in_a_function_is_seen_with_what_its_router_declares() -> None:
    source = """
import logging
from fastapi import APIRouter, Depends
from d import metrics, rate_limited, repo, tenant_id
from m import Thing
log = logging.getLogger(__name__)

def make_router(limit):
    router = APIRouter(dependencies=[Depends(rate_limited("x"))])

    @router.get("/t/{i}")
    async def one(i: str, tenant: str = Depends(tenant_id), r=Depends(repo)) -> Thing:
        log.info("read")
        metrics.increment("y")
        return await r.one(tenant, i)

    return router
"""
    assert not judged(source).issues
    assert rules_of(source.replace('dependencies=[Depends(rate_limited("x"))]', "")) == {"limits.missing"}


def test_a_handler_on_two_paths_is_one_subject_and_the_weaker_path_counts() -> None:
    second = '@router.get("/other/{thing_id}", include_in_schema=False)\nasync def thing'
    both = GOOD.replace("async def thing", second)
    found = [issue for issue in judged(both).issues if issue.rule == "limits.missing"]
    assert len(found) == 1
    limited = both.replace("include_in_schema=False", 'dependencies=[Depends(rate_limited("thing"))]')
    assert not judged(limited).issues


@pytest.mark.parametrize(
    "key", ['"cache:thing:" + thing_id', '"cache:thing:%s" % thing_id', '"cache:{}".format(thing_id)']
)
def test_a_shared_cache_key_is_found_however_it_is_put_together(key: str) -> None:
    source = GOOD.replace("return await repo", f"await repo.cache.get({key})\n    return await repo")
    assert rules_of(source) == {"caching.key_without_tenant"}
    assert not rules_of(
        source.replace("thing_id)", 'f"{tenant}{thing_id}")').replace("% thing_id", "% (tenant, thing_id)")
    )


def test_evaluation_under_another_name_is_found() -> None:
    assert rules_of(GOOD + "\nrun = eval\n") == {"unsafe.eval"}
    assert rules_of(GOOD + "\nimport builtins as b\nb.exec('1')\n") == {"unsafe.eval"}


@pytest.mark.parametrize(
    ("tenant", "made_up"),
    [
        ('request.headers.get("X-Tenant-ID", "public")', True),
        ('request.headers.get("X-Tenant-ID") or settings.default_tenant', True),
        ('getattr(request.state, "tenant_id", "main")', True),
        ('request.headers.get("X-Tenant-ID", "")', False),
        ('request.headers["X-Tenant-ID"]', False),
        ('found() or "tenant"', False),
    ],
)
def test_a_tenant_made_up_for_a_caller_who_names_none_is_found(tenant: str, made_up: bool) -> None:
    source = GOOD.replace("from shop.deps import rate_limited, repository, tenant_id", "from shop.deps import *")
    source = source.replace("router =", f"def tenant_id(request):\n    return {tenant}\n\n\nrouter =")
    assert ("tenancy.optional" in rules_of(source)) == made_up
    label = GOOD.replace("READ.inc()", f"READ.labels({tenant})")
    assert "tenancy.optional" not in rules_of(label)


def test_a_database_is_no_upstream_and_a_read_of_it_may_want_what_is_true_now() -> None:
    source = GOOD.replace(
        "    return await repo.one(tenant, thing_id)", "    return await crud.one(db, tenant, thing_id)"
    )
    source = source.replace("repo=Depends(repository)", "db=Depends(repository)")
    assert not rules_of(source)


def test_a_route_that_answers_nothing_has_no_answer_to_describe() -> None:
    source = GOOD.replace("-> Thing:", ":").replace("    return await", "    await")
    assert not rules_of(source)
    assert rules_of(source.replace("    await repo", "    return await repo")) == {"models.response"}


def test_limits_that_are_rows_of_a_table_limit_nobody() -> None:
    source = GOOD.replace(', dependencies=[Depends(rate_limited("thing"))]', "")
    source = source.replace("repo.one(tenant, thing_id)", "crud_rate_limits.create(tenant, rate_limit.model_dump())")
    assert rules_of(source) == {"limits.missing"}


@pytest.mark.parametrize("path", ["/health-check", "/healthz", "/health_check/"])
def test_a_probe_by_any_of_its_names_needs_no_limit(path: str) -> None:
    source = f'@router.get("{path}")\nasync def check() -> bool:\n    return True\n'
    assert not rules_of(f"from fastapi import APIRouter\n\nrouter = APIRouter()\n\n\n{source}")


def test_an_optional_tenant_beside_the_caller_is_a_filter_and_alone_it_is_a_hole() -> None:
    filtered = GOOD.replace(
        "tenant: str = Depends(tenant_id)", "organization_id=Query(None), user=Depends(current_user)"
    )
    filtered = filtered.replace("one(tenant,", "one(user, organization_id,").replace('", tenant)', '", user.id)')
    assert "tenancy.optional" not in rules_of(filtered)
    assert "tenancy.optional" in rules_of(filtered.replace(", user=Depends(current_user)", ""))


@pytest.mark.parametrize(("path", "hole"), [("/admin/mails/forget", False), ("/mails/forget", True)])
def test_an_operator_may_ask_for_one_tenant_or_for_all(path: str, hole: bool) -> None:
    source = (
        "from typing import Annotated\nfrom fastapi import APIRouter, Query\nrouter = APIRouter()\n"
        f'@router.post("{path}")\nasync def forget(tenant_id: Annotated[str | None, Query()] = None) -> int:\n'
        "    return mails.forget(tenant_id)\n"
    )
    assert ("tenancy.optional" in rules_of(source)) is hole


def test_a_message_that_is_waited_for_and_a_dictionary_of_factories_are_no_cached_answers() -> None:
    write = '\n\n@router.post("/things", dependencies=[Depends(rate_limited("add"))], status_code=204)\n'
    write += "async def add(thing: Thing, tenant: str = Depends(tenant_id)) -> None:\n    log.info(tenant)\n"
    waits = "await redis.pubsub().get_message(timeout=1)\n    return await repo"
    assert not rules_of(GOOD.replace("return await repo", waits) + write)
    factory = "\n\ndef tenant_id(kind):\n    _made_cache[kind] = build(kind)\n    return _made_cache[kind]\n"
    alone = GOOD.replace("repository, tenant_id", "repository")
    assert not rules_of(alone + factory + write)
    kept = GOOD.replace("return await repo", "_things_cache[tenant, thing_id] = await repo")
    assert rules_of(kept.replace("-> Thing", "-> None") + write) == {"caching.no_invalidation"}


def test_a_list_as_a_query_parameters_default_is_copied_for_every_request() -> None:
    assert not rules_of(GOOD.replace("thing_id: str, ", 'thing_id: str, q: list[str] = ["a"], '))
    assert rules_of(GOOD + "\n\ndef build(q: list = []) -> list:\n    return q\n") == {"defaults.mutable"}


@pytest.mark.parametrize("by_itself", [True, False])
def test_the_apps_breaker_does_not_protect_a_router_that_asks_with_a_client_of_its_own(by_itself: bool) -> None:
    app = (
        "import httpx\nfrom fastapi import FastAPI\nfrom own import router\nfrom guard import CircuitBreaker\n"
        "breaker = CircuitBreaker()\napp = FastAPI()\napp.include_router(router)\n"
        "async def start():\n    async with breaker.attempt():\n        app.state.http = httpx.AsyncClient(timeout=3)\n"
    )
    asks = (
        "    async with httpx.AsyncClient(timeout=3) as http:\n        return (await http.get('/x')).json()\n"
        if by_itself
        else "    return (await request.app.state.http.get('/x')).json()\n"
    )
    own = (
        "import httpx\nfrom fastapi import APIRouter, Request\nrouter = APIRouter()\n"
        f"@router.get('/x')\nasync def x(request: Request):\n{asks}"
    )
    found = {issue.rule for issue in judged(own, "own.py", app=app, own=own).issues}
    assert ("breaker.missing" in found) is by_itself


def test_reading_an_answer_that_has_arrived_does_not_block() -> None:
    issues = judged(
        "import requests\nfrom fastapi import APIRouter\nrouter = APIRouter()\n@router.get('/x')\nasync def x():\n"
        "    answer = requests.get('/x', timeout=3)\n    answer.raise_for_status()\n    return answer.json()\n"
    ).issues
    assert [one.line for one in issues if one.rule == "async.blocking"] == [6]


def test_only_what_needs_tenants_or_limits_is_left_to_the_gateways_profile() -> None:
    groups = {rule.pattern for rule in RULES.values() if rule.profile == "gateway"}
    assert groups == {"rate_limiting", "multi_tenancy", "caching", "circuit_breaker", "metrics"}
    assert not any(rule.needs for rule in RULES.values() if rule.profile == "fastapi")


def test_a_comment_sets_a_rule_aside_in_the_whole_file() -> None:
    two = BAD + BAD.partition("router = APIRouter()")[2].replace("things", "others")
    assert "limits.missing" in rules_of(two)
    quiet = f"# optimus: ignore-file[limits.missing] an internal tool\n{two}"
    verdict = judged(quiet)
    assert "limits.missing" not in {issue.rule for issue in verdict.issues}
    assert verdict.ignored == 2
    assert "tenancy.missing" in {issue.rule for issue in verdict.issues}
    (reasonless,) = (issue for issue in judged(quiet.replace(" an internal tool", "")).issues if "ignore" in issue.rule)
    assert reasonless.message.endswith("# optimus: ignore-file[rule] reason")
