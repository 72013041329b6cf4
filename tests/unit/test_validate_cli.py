"""``validate`` and ``rules`` on the command line: formats, the baseline's ratchet, exit codes, the hook."""

import json
from pathlib import Path

import pytest

from optimus_tui.__main__ import run
from optimus_tui.patterns.rules import RULES
from optimus_tui.tools.pattern_files import ROUTERS
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
    assert "1.00  src/backend/routers/good.py" in out


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


def test_json_is_the_tools_document(capsys: pytest.CaptureFixture[str]) -> None:
    make_tree(Path(), bad=BAD)
    assert run(["validate", "--format", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["tool"] == "validate_enterprise_patterns"
    assert document["issues_found"][0]["file"] == "src/backend/routers/bad.py"


def test_sarif_holds_rules_places_and_fingerprints(capsys: pytest.CaptureFixture[str]) -> None:
    make_tree(Path(), **{"bad one": BAD})
    assert run(["validate", "--format", "sarif", "--level", "production_ready"]) == 1
    log = json.loads(capsys.readouterr().out)
    assert log["version"] == "2.1.0"
    (sarif,) = log["runs"]
    rules = [rule["id"] for rule in sarif["tool"]["driver"]["rules"]]
    for result in sarif["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "src/backend/routers/bad%20one.py"
        assert place["region"]["startLine"] >= 1
        assert result["partialFingerprints"]
    assert "limits.missing" in rules


def test_annotations_for_a_workflow_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    make_tree(Path(), **{"a,b:c%d": BAD})
    assert run(["validate", "--format", "github"]) == 1
    line = capsys.readouterr().out.splitlines()[0]
    assert line.startswith("::error file=src/backend/routers/a%2Cb%3Ac%25d.py,line=7,col=1,title=")


def test_the_baseline_lets_known_findings_pass_and_no_new_one(capsys: pytest.CaptureFixture[str]) -> None:
    make_tree(Path(), bad=BAD)
    assert run(["validate", "--write-baseline", "--baseline", "known.json"]) == 0
    assert run(["validate", "--baseline", "known.json"]) == 0
    Path(ROUTERS, "bad.py").write_text("# moved down\n\n" + BAD)
    assert run(["validate", "--baseline", "known.json"]) == 0
    assert "known findings of the baseline are not shown" in capsys.readouterr().out
    Path(ROUTERS, "bad.py").write_text(BAD + "    eval('1')\n")
    assert run(["validate", "--baseline", "known.json"]) == 1
    assert "unsafe.eval" in capsys.readouterr().out
    Path(ROUTERS, "bad.py").write_text(GOOD)
    assert run(["validate", "--baseline", "known.json"]) == 0
    assert "--write-baseline makes it smaller" in capsys.readouterr().out


def test_a_broken_baseline_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    make_tree(Path(), bad=BAD)
    Path("known.json").write_text("[1")
    assert run(["validate", "--baseline", "known.json"]) == 2
    assert "it is no baseline" in capsys.readouterr().err
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
    assert run(["rules", "no.such"]) == 2
    assert "limits.missing" in capsys.readouterr().err
    assert run(["rules", "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(RULES)


def test_the_hook_for_pre_commit_calls_the_command_on_routers() -> None:
    hook = (ROOT / ".pre-commit-hooks.yaml").read_text()
    assert "entry: optimus-tui validate" in hook
    assert "id: optimus-validate" in hook
    assert r"files: (^|/)routers/.*\.py$" in hook


def test_live_without_redis_says_so_and_ends_with_3(capsys: pytest.CaptureFixture[str]) -> None:
    make_tree(Path(), good=GOOD)
    assert run(["validate", "--live", "--redis-url", "redis://127.0.0.1:1/0", "--format", "json"]) == 3
    captured = capsys.readouterr()
    assert json.loads(captured.out)["files_validated"] == 1
    assert captured.err
