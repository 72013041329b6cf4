"""``validate`` and ``rules`` on the command line: formats, the baseline's ratchet, exit codes, the hook."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from optimus_tui.__main__ import run
from optimus_tui.patterns.rules import RULES
from optimus_tui.tools.router_files import ROUTERS, examine
from optimus_tui.tools.validate import build
from tests.patterns_tree import BAD, GOOD, ROOT, make_tree


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("BACKEND_ORCHESTRATOR_PATH", raising=False)
    tree = tmp_path / "shop"
    tree.mkdir()
    monkeypatch.chdir(tree)


def test_the_tree_here_is_checked_and_each_finding_names_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    make_tree(Path(), bad=BAD, good=GOOD)
    assert run(["validate", "--level", "basic"]) == 1
    out = capsys.readouterr().out
    assert "src/backend/routers/bad.py:7:1: high limits.missing Missing rate limit" in out
    assert "1.00  src/backend/routers/good.py" not in out, "findings and a summary, no list of files"
    assert "profile gateway, detected (src/backend/routers is the layout of a gateway)" in out
    assert run(["validate", "--level", "basic", "--scores"]) == 1
    assert "1.00  src/backend/routers/good.py" in capsys.readouterr().out


def test_a_good_router_ends_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    make_tree(Path(), good=GOOD)
    assert run(["validate", f"{ROUTERS}/good.py", "--level", "production_ready"]) == 0
    assert "excellent: 1.00 over 1 file" in capsys.readouterr().out


def test_files_and_folders_anywhere_may_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("api").mkdir()
    Path("api/things.py").write_text(BAD)
    assert run(["validate", "api"]) == 1
    assert "api/things.py:7:1" in capsys.readouterr().out
    assert run(["validate", "nowhere.py"]) == 2
    assert "there is no nowhere.py" in capsys.readouterr().err


def test_a_package_without_a_project_file_is_read_from_where_it_lies(capsys: pytest.CaptureFixture[str]) -> None:
    """``from ...deps import …`` leads out of the folder that was named."""
    for folder in ("app", "app/api", "app/api/v1"):
        Path(folder).mkdir()
        Path(folder, "__init__.py").touch()
    hollow = GOOD.replace("rate_limited, ", "").replace("router =", "from ...deps import rate_limited\n\nrouter =")
    Path("app/deps.py").write_text("def rate_limited(name):\n    pass\n")
    Path("app/api/v1/things.py").write_text(hollow)
    assert run(["validate", "app/api/v1"]) == 0, "where no limiter is, it is a notice"
    assert "limits.missing" in capsys.readouterr().out


def test_json_is_the_tools_document(capsys: pytest.CaptureFixture[str]) -> None:
    make_tree(Path(), bad=BAD)
    assert run(["validate", "--format", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["tool"] == "validate_enterprise_patterns"
    assert document["issues_found"][0]["file"] == "src/backend/routers/bad.py"


def _log(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    run(["validate", "--format", "sarif", "--level", "production_ready", *arguments])
    log = json.loads(capsys.readouterr().out)
    assert log["version"] == "2.1.0"
    (sarif,) = log["runs"]
    return sarif


def test_sarif_holds_rules_places_and_fingerprints(capsys: pytest.CaptureFixture[str]) -> None:
    make_tree(Path(), **{"bad one": BAD})
    sarif = _log(capsys)
    rules = {rule["id"]: rule for rule in sarif["tool"]["driver"]["rules"]}
    base = sarif["originalUriBaseIds"]["%SRCROOT%"]["uri"]
    assert base == f"{Path.cwd().as_uri()}/"
    for result in sarif["results"]:
        assert list(rules)[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"] == {"uri": "src/backend/routers/bad%20one.py", "uriBaseId": "%SRCROOT%"}
        assert place["region"]["startLine"] >= 1
    assert rules["limits.missing"]["properties"]["security-severity"] == "5.3"
    assert "security" in rules["limits.missing"]["properties"]["tags"]
    assert "security-severity" not in rules["models.response"]["properties"]
    assert all(rule["helpUri"].startswith("https://") for rule in rules.values())


def test_sarif_names_each_finding_once_and_the_other_routes_of_one(capsys: pytest.CaptureFixture[str]) -> None:
    twice = "\n\n@router.get('/{at}')\nasync def same{at}():\n    eval('1')\n    eval('1')\n    return []\n"
    make_tree(Path(), bad=BAD + "".join(twice.replace("{at}", str(at)) for at in range(2)))
    sarif = _log(capsys)
    marks = [tuple(result["partialFingerprints"].values()) for result in sarif["results"]]
    assert len(marks) == len(set(marks)) > 4
    joined = next(result for result in sarif["results"] if result["ruleId"] == "limits.missing")
    assert "(so do same0, same1)" in joined["message"]["text"]
    lines = [one["physicalLocation"]["region"]["startLine"] for one in joined["relatedLocations"]]
    assert lines == [12, 19]
    assert [one["id"] for one in joined["relatedLocations"]] == [1, 2]


def test_sarif_tells_what_could_not_be_judged_as_a_notice_and_not_as_a_finding(
    capsys: pytest.CaptureFixture[str],
) -> None:
    unseen = GOOD.replace('dependencies=[Depends(rate_limited("thing"))]', "dependencies=guards(1)")
    make_tree(Path(), unseen=unseen.replace("import logging", "import logging\nfrom .nowhere import guards"))
    (invocation,) = _log(capsys)["invocations"]
    notices = invocation["toolExecutionNotifications"]
    assert "limits.missing" in {one["associatedRule"]["id"] for one in notices}
    assert {one["level"] for one in notices} == {"note"}
    assert all("guards" in one["message"]["text"] for one in notices)
    place = notices[0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "src/backend/routers/unseen.py"


def test_a_file_outside_of_the_working_directory_has_a_whole_address(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other place" / "api.py"
    other.parent.mkdir()
    other.write_text(BAD)
    (result, *_) = _log(capsys, str(other))["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": other.as_uri()}


def test_annotations_for_a_workflow_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    make_tree(Path(), **{"a,b:c%d": BAD})
    assert run(["validate", "--format", "github"]) == 1
    line = capsys.readouterr().out.splitlines()[0]
    assert line.startswith("::error file=src/backend/routers/a%2Cb%3Ac%25d.py,line=7,col=1,title=")


def _one_broken_among_good_ones() -> None:
    make_tree(Path(), **{f"good{at}": GOOD for at in range(5)}, later="def broken(:\n")


def test_a_broken_router_among_good_ones_fails_the_command_and_leads_the_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _one_broken_among_good_ones()
    assert run(["validate"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("src/backend/routers/later.py:1:")
    assert "a file is worse than the average: 0.83 over 6 files, the worst 0.00" in out
    assert "excellent" not in out


def test_a_hook_that_greps_the_documents_word_is_told_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    _one_broken_among_good_ones()
    assert run(["run", "validate_enterprise_patterns", '{"check_all_routers": true}']) == 1
    told = capsys.readouterr()
    document = json.loads(told.out)
    assert (document["overall_compliance"], document["average_compliance_score"]) == ("excellent", 0.83)
    sentence = "1 of 6 routers is below 0.80, which the average hides: src/backend/routers/later.py 0.00"
    assert document["notes"] == [sentence]
    assert sentence in told.err
    assert told.out.count("excellent") == 1


def test_a_tree_of_good_routers_hides_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    make_tree(Path(), one=GOOD, two=GOOD)
    assert run(["run", "validate_enterprise_patterns", '{"check_all_routers": true}']) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["notes"] == []
    assert told.err == ""


def test_the_page_says_the_verdict_and_the_worst_file_in_its_first_line() -> None:
    from rich.console import Console

    from optimus_tui.cli.reports.rendering import render

    def headline(**routers: str) -> str:
        make_tree(Path(), **routers)
        outcome = examine(Path(), [f"{ROUTERS}/{name}.py" for name in routers], use_cache=False)
        console = Console(record=True, width=120, file=io.StringIO())
        render(build(outcome, "comprehensive", "2026-01-01T00:00:00Z"), console)
        return console.export_text().splitlines()[0]

    assert headline(one=GOOD).startswith("● EXCELLENT 1.00  validate_enterprise_patterns")
    assert headline(one=GOOD, two="@router.get(").startswith("✖ ACCEPTABLE 0.50, worst file 0.00")
    unsafe = GOOD.replace("    return", "    eval(thing_id)\n    return")
    assert headline(one=GOOD, three=unsafe).startswith("▲ EXCELLENT 0.90, worst file 0.79")


def test_the_baseline_lets_known_findings_pass_and_no_new_one(capsys: pytest.CaptureFixture[str]) -> None:
    make_tree(Path(), bad=BAD)
    assert run(["validate", "--write-baseline", "--baseline", "known.json"]) == 0
    assert run(["validate", "--baseline", "known.json"]) == 0
    Path(ROUTERS, "bad.py").write_text("# moved down\n\n" + BAD)
    assert run(["validate", "--baseline", "known.json"]) == 0
    assert "known findings of the baseline not shown" in capsys.readouterr().out
    Path(ROUTERS, "bad.py").write_text(BAD + "\n\nPAGE = eval('1')\n")
    assert run(["validate", "--baseline", "known.json"]) == 1
    assert "unsafe.eval" in capsys.readouterr().out
    Path(ROUTERS, "bad.py").write_text(GOOD)
    assert run(["validate", "--baseline", "known.json"]) == 0
    assert "--write-baseline brings it up to date" in capsys.readouterr().out


def test_the_baseline_hides_no_new_route_behind_an_old_one_with_the_same_fault(
    capsys: pytest.CaptureFixture[str],
) -> None:
    more = '\n\n@router.get("/things/more")\nasync def more_things():\n    return []\n'
    make_tree(Path(), bad=BAD)
    assert run(["validate", "--write-baseline", "--baseline", "known.json"]) == 0
    Path(ROUTERS, "bad.py").write_text(BAD + more)
    assert run(["validate", "--baseline", "known.json"]) == 1
    assert "limits.missing" in capsys.readouterr().out
    assert run(["validate", "--write-baseline", "--baseline", "known.json"]) == 0
    assert run(["validate", "--baseline", "known.json"]) == 0
    Path(ROUTERS, "bad.py").write_text(BAD)  # one of the two is mended: less than is known is never new
    assert run(["validate", "--baseline", "known.json"]) == 0
    assert "--write-baseline brings it up to date" in capsys.readouterr().out


def test_a_broken_baseline_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    make_tree(Path(), bad=BAD)
    Path("known.json").write_text("[1")
    assert run(["validate", "--baseline", "known.json"]) == 2
    assert "it is not a baseline" in capsys.readouterr().err
    assert run(["validate", "--baseline", "missing.json"]) == 2


def test_without_a_tree_the_sentence_says_how_to_name_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate"]) == 2
    assert "BACKEND_ORCHESTRATOR_PATH" in capsys.readouterr().err


def test_a_link_out_of_the_project_is_skipped_and_seen(capsys: pytest.CaptureFixture[str]) -> None:
    make_tree(Path(), good=GOOD)
    Path(ROUTERS, "linked.py").symlink_to("/etc/passwd")
    assert run(["validate"]) == 1
    assert "it leads out of the source tree" in capsys.readouterr().out


def test_rules_are_listed_described_and_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules"]) == 0
    listed = capsys.readouterr().out
    assert all(rule in listed for rule in RULES)
    assert run(["rules", "limits.missing"]) == 0
    described = capsys.readouterr().out
    assert "bad" in described
    assert "optimus: ignore[limits.missing]" in described
    assert run(["rules", "file.unreadable"]) == 0
    assert "high priority, of the file as such" in capsys.readouterr().out
    assert run(["rules", "no.such"]) == 2
    assert "limits.missing" in capsys.readouterr().err
    assert run(["rules", "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(RULES)


@pytest.mark.parametrize(
    ("path", "judged"),
    [
        ("src/backend/routers/products.py", True),
        ("app/api/v1/items.py", True),
        ("backend/app/api/routes/login.py", True),
        ("main.py", True),
        ("services/admin/routers/latest.py", True),
        ("tests/test_items.py", False),
        ("app/tests/helpers.py", False),
        ("app/test_items.py", False),
        ("conftest.py", False),
        ("alembic/versions/1.py", False),
        ("README.md", False),
    ],
)
def test_the_hook_for_pre_commit_fits_every_layout(path: str, judged: bool) -> None:
    assert _is_hooked(path) is judged


def _is_hooked(path: str) -> bool:
    hook = (ROOT / ".pre-commit-hooks.yaml").read_text()
    files, exclude = (re.search(rf"^  {key}: (.+)$", hook, re.MULTILINE) for key in ("files", "exclude"))
    assert files and exclude
    return bool(re.search(files[1], path)) and not re.search(exclude[1], path)


def test_a_new_project_passes_its_own_hook() -> None:
    hook = (ROOT / ".pre-commit-hooks.yaml").read_text()
    assert "entry: optimus-tui validate" in hook
    assert "id: optimus-validate" in hook
    reference = ROOT / "templates" / "orchestrator"
    matched = [one for one in reference.rglob("*.py") if _is_hooked(one.relative_to(reference).as_posix())]
    assert {reference / ROUTERS, reference / "src" / "ai_engine"} <= {one.parent for one in matched} | {
        one.parent.parent for one in matched
    }
    assert run(["validate", *map(str, matched)]) == 0


def test_the_reference_has_nothing_to_mend_at_any_level(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate", "--level", "production_ready", str(ROOT / "templates" / "orchestrator" / "src")]) == 0
    assert ", 0 findings" in capsys.readouterr().out


def test_routes_that_cannot_be_followed_are_no_pass(capsys: pytest.CaptureFixture[str]) -> None:
    make_tree(
        Path(),
        good=GOOD,
        table="""from fastapi import APIRouter
router = APIRouter()
async def one():
    return {}
for path, handler in (("/one", one),):
    router.add_api_route(path, handler)
""",
    )
    assert run(["validate"]) == 1
    assert "table.py  add_api_route is called in a way that cannot be followed" in capsys.readouterr().out


def test_live_without_redis_says_so_and_ends_with_3(capsys: pytest.CaptureFixture[str]) -> None:
    make_tree(Path(), good=GOOD)
    assert run(["validate", "--live", "--redis-url", "redis://127.0.0.1:1/0", "--format", "json"]) == 3
    captured = capsys.readouterr()
    assert json.loads(captured.out)["files_validated"] == 1
    assert captured.err
