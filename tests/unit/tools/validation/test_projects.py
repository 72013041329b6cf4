"""A project's profile and its [validate] table, as every surface reports them."""

import json
from pathlib import Path
from typing import Any

import pytest

from optimus_tui.__main__ import run
from optimus_tui.context import Context
from optimus_tui.settings.model import Settings
from optimus_tui.tools.answer import ToolFailure, answer, encode, exit_code
from optimus_tui.tools.router_files import ROUTERS
from optimus_tui.tools.validation.folders import root_of
from tests.patterns_tree import BAD, GOOD, make_tree

TOOL = "validate_enterprise_patterns"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("BACKEND_ORCHESTRATOR_PATH", raising=False)
    tree = tmp_path / "shop"
    tree.mkdir()
    monkeypatch.chdir(tree)


def configured(text: str) -> None:
    Path("optimus.toml").write_text(text)


def validated(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[dict[str, Any], int]:
    code = run(["validate", *arguments, "--format", "json"])
    return json.loads(capsys.readouterr().out), code


def rules_in(document: dict[str, Any], file: str = "") -> set[str]:
    return {one["rule"] for one in document["issues_found"] if one["file"].endswith(file)}


async def test_the_tool_answers_as_the_command_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_tree(Path(), bad=BAD, good=GOOD, generated=BAD)
    configured(
        '[validate]\nprofile = "fastapi"\nlevel = "production_ready"\nexclude = ["generated.py"]\n'
        '[validate.rules]\n"limits.missing" = "on"\n[validate.paths."**/good.py"]\nlevel = "basic"\n'
    )
    document, code = validated(capsys)
    report = await answer(Context(Settings(source_path=Path.cwd())), TOOL, {"check_all_routers": True})
    told = json.loads(encode(report))
    for one in (document, told):
        one.pop("timestamp")
    assert told == document
    assert code == exit_code(report) == 1
    assert document["validation_level"] == "production_ready"
    assert document["excluded"] == 1
    (profile,) = document["profiles"]
    assert (profile["profile"], profile["chosen_by"]) == ("fastapi", "chosen in optimus.toml:2")
    assert "multi_tenancy" in profile["not_judged"]
    assert "rate_limiting" not in rules_in(document)
    assert {"limits.missing", "models.response"} <= rules_in(document, "bad.py")
    assert "tenancy.missing" not in rules_in(document)
    report = await answer(
        Context(Settings(source_path=Path.cwd())), TOOL, {"check_all_routers": True, "profile": "gateway"}
    )
    assert "tenancy.missing" in rules_in(json.loads(encode(report)))


def test_without_a_limiter_a_tenant_or_a_cache_the_gateways_rules_are_not_applied(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("api").mkdir()
    Path("api/things.py").write_text(BAD)
    document, _ = validated(capsys, "api")
    (profile,) = document["profiles"]
    assert (profile["profile"], profile["chosen_by"]) == ("fastapi", "detected")
    assert profile["evidence"] == ["no limiter, tenant or cache in 1 file"]
    assert rules_in(document) == {"logging.missing"}
    asked, _ = validated(capsys, "api", "--profile", "gateway")
    assert {"limits.missing", "tenancy.missing"} <= rules_in(asked)
    assert asked["profiles"][0]["chosen_by"] == "asked for"
    Path("pyproject.toml").touch()
    Path("api/deps.py").write_text("from fastapi import Request\n\n\nclass RateLimiter:\n    pass\n")
    for place in ("api", "api/things.py"):  # the project decides, not the files that are named
        document, _ = validated(capsys, place)
        assert document["profiles"][0]["evidence"] == ["limiter: api/deps.py:4 class RateLimiter"]
        assert "limits.missing" in rules_in(document)
        assert "tenancy.missing" not in rules_in(document), "a project without tenants lacks none"


def test_the_summary_says_the_profile_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    Path("api").mkdir()
    Path("api/things.py").write_text(BAD)
    run(["validate", "api"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("profile fastapi, detected (no limiter, tenant or cache in 1 file); not judged: cach")


def test_a_files_priority_decides_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    Path("api").mkdir()
    Path("api/things.py").write_text(BAD)
    assert validated(capsys, "api")[1] == 1
    configured('[validate.rules]\nlogging = "low"\n')
    document, code = validated(capsys, "api")
    assert ([one["priority"] for one in document["issues_found"]], code) == (["low"], 0)
    configured('[validate.paths."api/**"]\nrules = { logging = "off" }\n')
    document, code = validated(capsys, "api")
    assert (document["issues_found"], code) == ([], 0)


def test_a_file_to_which_nothing_applies_has_no_score_and_no_share_in_the_average(
    capsys: pytest.CaptureFixture[str],
) -> None:
    probe = BAD.replace("/things", "/health").replace("list_things", "health")
    Path("api").mkdir()
    Path("api/things.py").write_text(BAD)
    Path("api/probe.py").write_text(probe)
    document, _ = validated(capsys, "api")
    scores = {one["file"]: one["compliance_score"] for one in document["files"]}
    assert scores["api/probe.py"] is None
    assert document["average_compliance_score"] == scores["api/things.py"]
    Path("api/things.py").unlink()
    document, code = validated(capsys, "api")
    assert (document["overall_compliance"], document["average_compliance_score"], code) == (None, None, 0)
    assert run(["validate", "api"]) == 0
    assert "no pattern applies: no score over 1 file" in capsys.readouterr().out


def test_an_excluded_file_is_not_judged_where_it_is_named_either(capsys: pytest.CaptureFixture[str]) -> None:
    Path("api").mkdir()
    Path("api/things.py").write_text(BAD)
    configured('[validate]\nexclude = ["api/th*.py"]\n')
    document, code = validated(capsys, "api/things.py")
    assert (document["files"], document["excluded"], code) == ([], 1, 0)


def test_own_words_count_in_verdicts_and_in_what_is_kept_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    router = BAD.replace("async def list_things()", "async def list_things(club_id: str)")
    make_tree(Path(), clubs=router)
    assert "tenancy.missing" in rules_in(validated(capsys)[0])
    configured('[validate.words]\ntenant = ["club"]\n')
    assert "tenancy.missing" not in rules_in(validated(capsys)[0])
    Path("optimus.toml").unlink()
    assert "tenancy.missing" in rules_in(validated(capsys)[0])


async def test_an_unknown_rule_is_refused_with_file_line_and_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    make_tree(Path(), bad=BAD)
    configured('[validate.rules]\n"limits.mising" = "off"\n')
    assert run(["validate"]) == 2
    sentence = f"{Path.cwd()}/optimus.toml:2: there is no rule limits.mising; did you mean limits.missing?"
    assert sentence in capsys.readouterr().err
    with pytest.raises(ToolFailure) as caught:
        await answer(Context(Settings(source_path=Path.cwd())), TOOL, {"check_all_routers": True})
    assert (caught.value.error.message, caught.value.exit_code) == (sentence, 2)
    configured('[validate.paths."a/**".rules]\nzzzz = "off"\n')
    assert run(["validate", ROUTERS]) == 2
    assert "optimus.toml:2: there is no rule zzzz; optimus-tui rules lists them" in capsys.readouterr().err


def test_code_of_a_virtual_environment_is_not_judged(capsys: pytest.CaptureFixture[str]) -> None:
    Path("venv/lib").mkdir(parents=True)
    Path("venv/pyvenv.cfg").touch()
    Path("venv/lib/limits.py").write_text("import slowapi\n")
    Path("main.py").write_text(BAD)
    document, _ = validated(capsys, ".")
    assert [one["file"] for one in document["files"]] == ["main.py"]
    assert document["profiles"][0]["profile"] == "fastapi"


@pytest.mark.parametrize("mark", ["setup.py", "requirements.txt", "Pipfile"])
def test_a_folder_with_a_stray_init_is_a_project_of_its_own(mark: str, tmp_path: Path) -> None:
    """Beside it lie other projects, whose limiters and tenants say nothing of it."""
    folder = tmp_path / "shop"
    (folder / "api").mkdir()
    for name in ("__init__.py", mark, "api/__init__.py"):
        (folder / name).write_text("")
    assert root_of(folder / "api") == root_of(folder) == folder


def test_routes_of_tests_are_judged_only_where_they_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("app/tests").mkdir(parents=True)
    for name in ("app/main.py", "app/tests/fake.py", "app/test_main.py"):
        Path(name).write_text(BAD)
    document, _ = validated(capsys, ".")
    assert [one["file"] for one in document["files"]] == ["app/main.py"]
    assert document["notes"] == ["2 test files left out: name a file or its folder to judge it"]
    for place, files in (("app/tests", ["app/tests/fake.py"]), ("app/test_main.py", ["app/test_main.py"])):
        document, _ = validated(capsys, place)
        assert ([one["file"] for one in document["files"]], document["notes"]) == (files, [])
