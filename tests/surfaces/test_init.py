"""``init DIR``: everything or nothing, and never over a file that exists."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from optimus_tui.__main__ import run
from optimus_tui.assets import asset_dir
from optimus_tui.cli.routers.init import copy_template
from optimus_tui.wording.safe import safe_text

SOURCE = asset_dir("templates") / "orchestrator"


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_reference_system_is_copied_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "new dir" / "gateway"
    assert run(["init", str(target)]) == 0
    made = tree(target)
    assert "src/backend/app.py" in made and "src/ai_engine/app.py" in made and "pyproject.toml" in made
    assert made["src/backend/app.py"] == (SOURCE / "src/backend/app.py").read_bytes()
    assert not [name for name in made if "__pycache__" in name or name.endswith(".pyc")]
    shown = capsys.readouterr().out
    assert f"cd '{target}'" in shown and "uvicorn backend.app:app --port 8020" in shown
    compiled = [sys.executable, "-m", "compileall", "-q", str(target / "src")]
    assert subprocess.run(compiled, timeout=60).returncode == 0
    assert [path.name for path in target.parent.iterdir()] == ["gateway"], "a draft was left behind"


def test_an_empty_directory_and_one_with_other_files_are_filled(tmp_path: Path) -> None:
    empty, used = tmp_path / "empty", tmp_path / "used"
    empty.mkdir()
    (used / "src").mkdir(parents=True)
    (used / "notes.txt").write_text("mine")
    assert run(["init", str(empty)]) == 0
    assert run(["init", str(used)]) == 0
    assert (used / "notes.txt").read_text() == "mine"
    assert tree(empty).keys() == tree(used).keys() - {"notes.txt"}


def test_each_project_has_passwords_of_its_own_which_only_its_owner_reads(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert run(["init", str(tmp_path / name)]) == 0
    texts = [(tmp_path / name / ".env").read_text() for name in ("one", "two")]
    assert (tmp_path / "one" / ".env").stat().st_mode & 0o777 == 0o600
    settings = [
        dict(line.split("=", 1) for line in text.splitlines() if "=" in line and line[0] != "#") for text in texts
    ]
    for one in settings:
        assert one["REDIS_URL"] == f"redis://:{one['REDIS_PASSWORD']}@127.0.0.1:6379/0"
        assert f":{one['POSTGRES_PASSWORD']}@" in one["POSTGRES_DSN"]
    assert len({one[name] for one in settings for name in ("REDIS_PASSWORD", "POSTGRES_PASSWORD")}) == 4
    assert ".env" in (tmp_path / "one" / ".gitignore").read_text().splitlines()
    composed = (tmp_path / "one" / "docker-compose.prod.yml").read_text()
    assert "noeviction" in composed and set(re.findall(r"\$\{(\w+)", composed)) == {
        "REDIS_PASSWORD",
        "POSTGRES_PASSWORD",
    }


def test_an_env_file_that_exists_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MINE=1\n")
    assert run(["init", str(tmp_path)]) == 0
    assert (tmp_path / ".env").read_text() == "MINE=1\n"


def test_a_file_that_exists_is_named_and_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pyproject.toml").write_text("mine")
    before = tree(tmp_path)
    assert run(["init", str(tmp_path)]) == 2
    assert "pyproject.toml" in capsys.readouterr().err
    assert tree(tmp_path) == before
    assert run(["init", str(tmp_path / "twice")]) == 0
    capsys.readouterr()
    assert run(["init", str(tmp_path / "twice")]) == 2
    said = capsys.readouterr().err
    assert "nothing was written" in said and "more" in said and said.count("\n") == 1


def test_links_that_lead_out_are_refused_row_98(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outside, target = tmp_path / "outside", tmp_path / "target"
    outside.mkdir()
    target.mkdir()
    (target / "src").symlink_to(outside)
    assert run(["init", str(target)]) == 2
    assert "not a plain directory" in capsys.readouterr().err
    assert tree(outside) == {} and [path.name for path in target.iterdir()] == ["src"]
    (target / "src").unlink()
    (target / "pyproject.toml").symlink_to(outside / "escaped")
    assert run(["init", str(target)]) == 2
    assert not (outside / "escaped").exists()


def test_a_source_with_links_and_caches_copies_only_its_files(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "pkg" / "__pycache__").mkdir(parents=True)
    (source / "pkg" / "a.py").write_text("a")
    (source / "pkg" / "__pycache__" / "a.pyc").write_text("x")
    (source / "leak").symlink_to("/etc/hostname")
    os.mkfifo(source / "pipe")
    assert copy_template(source, tmp_path / "target") == 1
    assert tree(tmp_path / "target") == {"pkg/a.py": b"a"}


def test_a_write_that_fails_half_way_leaves_nothing_row_99(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, left = os.open, [5]

    def full(path: str, flags: int, *rest: int, **more: int) -> int:
        if flags & os.O_CREAT:
            left[0] -= 1
            if not left[0]:
                raise OSError(28, "No space left on device")
        return real(path, flags, *rest, **more)

    used = tmp_path / "used"
    used.mkdir()
    (used / "notes.txt").write_text("mine")
    for target in (used, tmp_path / "fresh"):
        left[0] = 5
        with monkeypatch.context() as patched:
            patched.setattr(os, "open", full)
            with pytest.raises(OSError, match="No space"):
                copy_template(SOURCE, target)
    assert tree(used) == {"notes.txt": b"mine"}
    assert sorted(path.name for path in used.iterdir()) == ["notes.txt"]
    assert not (tmp_path / "fresh").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["used"]


@pytest.mark.parametrize("name", ["file", "file/below", "a\0b", "x" * 300])
def test_places_where_nothing_can_be_made_are_one_sentence(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    assert run(["init", name]) == 2
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1 and shown.out == ""
    assert f"init: {safe_text(name, 2000)}" in shown.err
