"""validate_enterprise_patterns as the contract and the examples have it, and what the predecessor gets wrong."""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from optimus_tui.context import Context
from optimus_tui.settings.model import Settings
from optimus_tui.tools.answer import ToolFailure, answer, encode, exit_code
from optimus_tui.tools.router_files import ROUTERS, examine
from tests.patterns_tree import BAD, GOOD, REFERENCE, make_tree

TOOL = "validate_enterprise_patterns"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


async def ask(root: Path | None, **arguments: Any) -> tuple[dict[str, Any], int]:
    report = await answer(Context(Settings(source_path=root)), TOOL, arguments)
    return json.loads(encode(report)), exit_code(report)


async def refused(root: Path | None, **arguments: Any) -> ToolFailure:
    with pytest.raises(ToolFailure) as caught:
        await ask(root, **arguments)
    assert caught.value.exit_code == 2
    return caught.value


async def test_the_document_of_all_routers_has_the_shape_of_example_6(tmp_path: Path) -> None:
    make_tree(tmp_path, old_router=BAD, other=BAD.replace("things", "others"), good=GOOD, __init__='"""Routers."""\n')
    document, code = await ask(tmp_path, check_all_routers=True, validation_level="production_ready")
    assert code == 1
    assert document["files_validated"] == 3
    assert document["overall_compliance"] in ("good", "acceptable", "needs_improvement")
    assert 0 < document["average_compliance_score"] < 1
    issue = next(one for one in document["issues_found"] if one["rule"] == "limits.missing")
    assert issue["file"] == "src/backend/routers/old_router.py"
    assert issue["priority"] == "high"
    assert "EnterpriseRateLimiter" in issue["fix"]
    assert {"file", "line", "column", "issue", "rule", "priority", "fix", "why"} <= issue.keys()
    advice = next(one for one in document["recommendations"] if "rate_limiting" in one["issue"])
    assert advice["issue"] == "Widespread issue: rate_limiting"
    assert advice["affected_files"] == 2
    assert advice["recommendation"] == "Implement rate_limiting patterns across all routers"
    assert document["skipped"] == [] and document["without_routes"] == 1
    assert {"file", "compliance_score", "patterns"} <= document["files"][0].keys()


async def test_the_reference_gateway_is_excellent_and_its_exit_code_0() -> None:
    document, code = await ask(REFERENCE, check_all_routers=True, validation_level="production_ready")
    assert (document["overall_compliance"], document["files_validated"], code) == ("excellent", 5, 0)


async def test_the_word_excellent_is_nowhere_but_in_overall_compliance(tmp_path: Path) -> None:
    bad = BAD.replace("list_things", "list_excellent_things").replace("/things", "/excellent")
    make_tree(tmp_path, excellent_router=bad, Excellent=bad)
    document, _ = await ask(tmp_path, check_all_routers=True, validation_level="production_ready")
    assert document["overall_compliance"] != "excellent"
    assert "excellent" not in msgspec.json.encode(document).decode().lower()
    assert document["issues_found"][0]["file"].endswith("Excellen[t].py")
    assert (tmp_path / document["issues_found"][0]["file"].replace("[t]", "t")).exists()
    make_tree(tmp_path / "two", excellent=GOOD)
    document, _ = await ask(tmp_path / "two", check_all_routers=True)
    assert document["overall_compliance"] == "excellent"
    assert msgspec.json.encode(document).decode().lower().count("excellent") == 1


async def test_each_level_includes_the_one_before_it(tmp_path: Path) -> None:
    make_tree(tmp_path, router=BAD.replace("return []", "print(1)\n    return []"))
    rules = []
    for level in ("basic", "comprehensive", "production_ready"):
        document, _ = await ask(tmp_path, router_path="router.py", validation_level=level)
        rules.append({one["rule"] for one in document["issues_found"]})
    assert rules[0] < rules[1] < rules[2]
    document, _ = await ask(tmp_path, router_path="router.py")
    assert document["validation_level"] == "comprehensive"


@pytest.mark.parametrize(
    "path",
    ["../app.py", "../../../../../../../../etc/passwd", "/etc/passwd", "a/../../x.py", "~/x.py", "C:\\x.py", "..\\x.py",
     "x\0.py", "missing.py", ".", "linked.py", "fifo.py", "folder", "notes.txt"],
)  # fmt: skip
async def test_a_path_that_leaves_the_routers_or_is_no_router_is_refused_by_name(path: str, tmp_path: Path) -> None:
    import os

    make_tree(tmp_path, good=GOOD)
    (tmp_path / ROUTERS / "linked.py").symlink_to("/etc/passwd")
    (tmp_path / ROUTERS / "folder").mkdir()
    (tmp_path / ROUTERS / "notes.txt").write_text("x")
    (tmp_path / "src" / "backend" / "app.py").write_text(GOOD)
    os.mkfifo(tmp_path / ROUTERS / "fifo.py")
    failure = await refused(tmp_path, router_path=path)
    assert failure.error.argument == "router_path"
    assert failure.error.message.startswith("router_path ")
    assert "root:" not in failure.error.message


async def test_arguments_are_never_guessed(tmp_path: Path) -> None:
    make_tree(tmp_path, good=GOOD)
    assert "router_path" in (await refused(tmp_path)).error.message
    assert (await refused(tmp_path, router_path="good.py", check_all_routers=True)).error.argument == "router_path"
    failure = await refused(tmp_path, check_all_routers=True, validation_level="strict")
    assert failure.error.allowed == ("basic", "comprehensive", "production_ready")
    assert (await refused(None, check_all_routers=True)).error.code == "bad_configuration"
    assert "BACKEND_ORCHESTRATOR_PATH" in (await refused(tmp_path / "none", check_all_routers=True)).error.message


async def test_a_tree_without_routers_is_no_compliance(tmp_path: Path) -> None:
    make_tree(tmp_path)
    document, code = await ask(tmp_path, check_all_routers=True)
    assert (document["files_validated"], document["average_compliance_score"], code) == (0, None, 1)
    assert document["overall_compliance"] == "needs_improvement"


PREDECESSORS_BAD = {
    "comments": "# EnterpriseRateLimiter tenant_id try: except Depends( logger cache invalidate\n",
    "empty": "",
    "docstring": '"""rate_limiter cache_manager tenant_id"""\n',
    "syntax": "from x import EnterpriseRateLimiter, tenant_id\ndef broken(:\n",
    "evaluates": "import logging\nfrom x import EnterpriseRateLimiter, Depends, tenant_id, cache\neval('1')\n",
}


@pytest.mark.parametrize("name", PREDECESSORS_BAD)
async def test_what_the_predecessor_gave_full_marks_scores_nothing(name: str, tmp_path: Path) -> None:
    make_tree(tmp_path, **{name: PREDECESSORS_BAD[name]})
    document, code = await ask(tmp_path, router_path=f"{name}.py", validation_level="production_ready")
    assert (document["files"][0]["compliance_score"], document["overall_compliance"], code) == (
        0,
        "needs_improvement",
        1,
    )
    assert document["issues_found"]


async def test_what_the_predecessor_gave_nothing_scores_high(tmp_path: Path) -> None:
    from tests.patterns_tree import CORPUS

    names = ("class_with_call", "renamed_imports", "local_limit_dependency")
    make_tree(tmp_path, **{name: (CORPUS / "good" / f"{name}.py").read_text() for name in names})
    document, code = await ask(tmp_path, check_all_routers=True, validation_level="production_ready")
    assert (document["overall_compliance"], document["average_compliance_score"], code) == ("excellent", 1.0, 0)


async def test_a_helper_beside_the_routers_is_counted_and_judged_when_it_is_named(tmp_path: Path) -> None:
    make_tree(tmp_path, good=GOOD, shapes="class Shape:\n    pass\n")
    document, code = await ask(tmp_path, check_all_routers=True)
    assert (document["files_validated"], document["skipped"], document["without_routes"], code) == (1, [], 1, 0)
    document, _ = await ask(tmp_path, router_path="shapes.py")
    assert document["issues_found"][0]["rule"] == "file.no_routes"


def test_kept_verdicts_follow_the_file_and_its_neighbours(tmp_path: Path) -> None:
    from optimus_tui.tools.router_files import examine

    router = GOOD.replace(
        "from shop.deps import rate_limited,", "from backend.deps import rate_limited\nfrom shop.deps import"
    )
    make_tree(tmp_path, x=router)
    deps = tmp_path / "src" / "backend" / "deps.py"
    path, kept = f"{ROUTERS}/x.py", tmp_path / "kept"

    def found() -> set[str]:
        (one,) = examine(tmp_path, [path], cache_folder=kept).judged
        return {issue.rule for issue in one.verdict.issues}

    assert found() == set()
    deps.write_text("def rate_limited(name):\n    def check():\n        pass\n    return check\n")
    assert found() == {"limits.missing"}
    assert found() == {"limits.missing"}
    deps.unlink()
    assert found() == set()
    for file in kept.iterdir():
        file.write_bytes(b"\xff broken")
    (tmp_path / path).write_text(router + 'eval("1")\n')
    assert found() == {"unsafe.eval"}


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    from optimus_tui.tools.router_files import examine

    make_tree(tmp_path, x=GOOD)
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    assert len(examine(tmp_path, [f"{ROUTERS}/x.py"], cache_folder=blocked / "below").judged) == 1


def test_five_hundred_unchanged_files_are_not_judged_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_tree(tmp_path, **{f"r{at}": f"{GOOD}# {at}\n" for at in range(500)})
    paths = [f"{ROUTERS}/r{at}.py" for at in range(500)]
    first = examine(tmp_path, paths, cache_folder=tmp_path / "kept")
    monkeypatch.setattr("optimus_tui.tools.router_files.inspect", None)
    again = examine(tmp_path, paths, cache_folder=tmp_path / "kept")
    assert again == first


def test_a_file_for_a_newer_python_is_a_notice_and_its_score_is_unknown(tmp_path: Path) -> None:
    make_tree(tmp_path, good=GOOD, newer="from fastapi import APIRouter\nx = = 1\n@router.get('/x')\n")
    (tmp_path / "pyproject.toml").write_text(f'[project]\nrequires-python = ">=3.{sys.version_info.minor + 1}"\n')
    outcome = examine(tmp_path, [f"{ROUTERS}/good.py", f"{ROUTERS}/newer.py"])
    assert [one.path for one in outcome.judged] == [f"{ROUTERS}/good.py"]
    ((_, path, reason),) = outcome.skipped
    assert path == f"{ROUTERS}/newer.py" and reason.startswith("its score is unknown, line 2")


def test_a_new_file_that_includes_a_router_is_seen_by_kept_verdicts(tmp_path: Path) -> None:
    make_tree(tmp_path, bad=BAD)
    paths = [f"{ROUTERS}/bad.py"]
    first = examine(tmp_path, paths, cache_folder=tmp_path / "kept").judged[0].verdict
    assert "limits.missing" in {issue.rule for issue in first.issues}
    (tmp_path / "src/backend/main.py").write_text(
        "from fastapi import Depends, FastAPI\nfrom fastapi_limiter.depends import RateLimiter\n"
        "from backend.routers.bad import router\napp = FastAPI()\n"
        "app.include_router(router, dependencies=[Depends(RateLimiter(times=5, seconds=60))])\n"
    )
    again = examine(tmp_path, paths, cache_folder=tmp_path / "kept").judged[0].verdict
    assert "limits.missing" not in {issue.rule for issue in again.issues}
