"""The baseline knows a finding again after a move, a rename and a reformat, and excuses no new one."""

import hashlib
import json
from pathlib import Path

import pytest

from optimus_tui.__main__ import run

HEAD = "from fastapi import APIRouter\n\nrouter = APIRouter()\n"
ONE = """

@router.get("/things", tags=["things"])
async def list_things(limit: int = 10, name: str = "x"):
    try:
        return [limit]
    except Exception:
        pass
"""
OTHER = ONE.replace("things", "others")
REFORMATTED = """

@router.get(
    '/things',
    tags=['things'],
)
async def list_things(
    limit: int = 10,   # a comment
    name: str = 'x',
):
    # another
    try:
        return [
            limit
        ]
    except (Exception):

        pass
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("BACKEND_ORCHESTRATOR_PATH", raising=False)
    tree = tmp_path / "shop"
    (tree / "api").mkdir(parents=True)
    monkeypatch.chdir(tree)
    Path("pyproject.toml").touch()
    Path("optimus.toml").write_text('[validate]\nprofile = "gateway"\nlevel = "production_ready"\n')


def known(text: str, *more: str) -> None:
    """Write these routers, and the baseline of what is found in them."""
    for name, content in zip(("api/things.py", "api/more.py"), (text, *more), strict=False):
        Path(name).write_text(HEAD + content)
    assert run(["validate", "api", "--write-baseline", "--baseline", "known.json"]) == 0


def new(capsys: pytest.CaptureFixture[str], place: str = "api") -> list[tuple[str, str, int]]:
    """Return rule, file and line of what the baseline does not excuse."""
    capsys.readouterr()
    run(["validate", place, "--baseline", "known.json", "--format", "json"])
    document = json.loads(capsys.readouterr().out)
    return [(one["rule"], one["file"], one["line"]) for one in document["issues_found"]]


def test_a_reformat_leaves_everything_known(capsys: pytest.CaptureFixture[str]) -> None:
    known(ONE)
    Path("api/things.py").write_text(HEAD + REFORMATTED)
    assert new(capsys) == []


@pytest.mark.parametrize("place", ["api/renamed.py", "lib/v2/things.py"])
def test_a_renamed_file_or_folder_leaves_everything_known(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    known(ONE)
    Path(place).parent.mkdir(parents=True, exist_ok=True)
    Path("api/things.py").rename(place)
    assert new(capsys, ".") == []
    Path(place).write_text(HEAD + REFORMATTED)
    assert new(capsys, ".") == []
    Path(place).write_text(HEAD + ONE.replace("return [limit]", "return [limit, name]"))
    assert new(capsys, ".") == [], "it was also edited"


def test_a_renamed_function_leaves_everything_known(capsys: pytest.CaptureFixture[str]) -> None:
    known(ONE + OTHER)
    Path("api/things.py").write_text(HEAD + ONE.replace("list_things", "all_things") + OTHER)
    found = new(capsys)
    assert [one for one in found if one[0] not in ("logging.missing", "metrics.missing", "caching.missing")] == []


def test_an_edit_in_the_same_function_leaves_what_is_about_the_function_known(
    capsys: pytest.CaptureFixture[str],
) -> None:
    known(ONE)
    Path("api/things.py").write_text(HEAD + ONE.replace("return [limit]", "return [limit, name]"))
    assert new(capsys) == []


def test_a_new_route_is_new_though_an_old_one_with_the_same_fault_was_mended(
    capsys: pytest.CaptureFixture[str],
) -> None:
    known(ONE)
    Path("api/things.py").write_text(HEAD + OTHER)
    assert "limits.missing" in {rule for rule, _, _ in new(capsys)}


def test_a_finding_of_several_routes_is_reported_at_the_new_one(capsys: pytest.CaptureFixture[str]) -> None:
    known(ONE)
    Path("api/things.py").write_text(HEAD + ONE + OTHER)
    lines = {rule: line for rule, _, line in new(capsys)}
    first = (HEAD + ONE).count("\n")
    assert lines["limits.missing"] == first + 4
    assert lines["errors.swallowed"] > first
    run(["validate", "api", "--baseline", "known.json"])
    out = capsys.readouterr().out
    assert f"api/things.py:{first + 4}:1: high limits.missing Missing rate limit: nothing counts and refuses " in out
    assert "refuses requests to list_others\n" in out
    assert "list_things" not in out


def test_a_copy_of_a_known_file_is_new(capsys: pytest.CaptureFixture[str]) -> None:
    known(ONE)
    Path("api/copied.py").write_text(HEAD + ONE)
    for place in ("api", "api/copied.py"):
        assert {file for _, file, _ in new(capsys, place)} == {"api/copied.py"}


def test_known_findings_of_files_that_were_not_asked_for_are_not_called_gone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    known(ONE, OTHER)
    run(["validate", "api/more.py", "--baseline", "known.json"])
    assert "of the baseline gone" not in capsys.readouterr().out
    Path("api/things.py").unlink()
    run(["validate", "api/more.py", "--baseline", "known.json"])
    assert "of the baseline gone" in capsys.readouterr().out


def test_a_second_fault_of_the_same_kind_in_a_known_function_is_new(capsys: pytest.CaptureFixture[str]) -> None:
    known(ONE)
    Path("api/things.py").write_text(HEAD + ONE + ONE.partition("list_things")[2].partition(":\n")[2])
    assert [rule for rule, _, _ in new(capsys)].count("errors.swallowed") == 1


def test_a_baseline_of_the_format_before_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    Path("optimus.toml").write_text('[validate]\nprofile = "fastapi"\nlevel = "basic"\n')
    Path("api/things.py").write_text(HEAD + ONE)
    digest = hashlib.sha256(b'async def list_things(limit: int = 10, name: str = "x"):').hexdigest()[:12]
    Path("known.json").write_text(json.dumps({"format": 1, "known": {f"api/things.py logging.missing {digest}": 1}}))
    assert new(capsys) == []
    Path("known.json").write_text(json.dumps({"format": 3, "known": {}}))
    assert run(["validate", "api", "--baseline", "known.json"]) == 2
    Path("known.json").write_text(json.dumps({"format": 2, "known": {"api/things.py": 1}}))
    assert run(["validate", "api", "--baseline", "known.json"]) == 2
    assert "it is not a baseline" in capsys.readouterr().err
