"""What is published: the sdist builds the wheel, the wheel holds styles and templates, and what is installed runs."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from optimus_tui import __version__
from optimus_tui.dialects.load import PRESETS

ROOT = Path(__file__).parents[2]


def run(*words: str | Path, cwd: Path, path: Path | None = None) -> str:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "OPTIMUS"))}
    if path is not None:
        env["PYTHONPATH"] = str(path)
    done = subprocess.run([str(word) for word in words], cwd=cwd, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the sdist and the wheel that was built from it."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    return out


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    wheel = next(built.glob("*.whl"))
    quiet = ("--no-deps", "--no-index", "--no-compile", "--quiet", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "install", *quiet, "--target", target, wheel, cwd=target)
    return target


def files_below(folder: Path) -> set[str]:
    return {
        str(path.relative_to(ROOT))
        for path in folder.rglob("*")
        if path.is_file() and not any(part.endswith("cache__") or part.startswith(".") for part in path.parts)
    }


def test_the_wheel_holds_every_style_and_template_and_no_litter(built: Path) -> None:
    names = set(zipfile.ZipFile(next(built.glob("*.whl"))).namelist())
    wanted = files_below(ROOT / "styles") | files_below(ROOT / "templates")
    assert {f"optimus_tui/{name}" for name in wanted} <= names
    assert "optimus_tui/styles/dashboard.tcss" in names
    presets = {f"optimus_tui/dialects/presets/{path.name}" for path in PRESETS.glob("*.toml")}
    assert len(presets) > 20 and presets <= names
    assert "optimus_tui/py.typed" in names, "without it type checkers take nothing of ours for typed"
    assert "optimus_tui/templates/orchestrator/src/backend/app.py" in names
    litter = [name for name in names if "__pycache__" in name or "_cache/" in name or name.endswith(".pyc")]
    assert litter == []
    assert not [name for name in names if name.startswith("tests/")]


def test_the_sdist_holds_what_a_packager_needs(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"}
    assert wanted | {"tests/conftest.py", ".github/commit_subject.py"} <= names


def test_what_is_installed_runs_and_finds_its_own_files(installed: Path, tmp_path: Path) -> None:
    shown = run(sys.executable, "-m", "optimus_tui", "--version", cwd=tmp_path, path=installed)
    assert shown == f"optimus-tui {__version__}\n"
    script = next((installed / "bin").glob("optimus-tui"))
    assert run(sys.executable, script, "--version", cwd=tmp_path, path=installed) == shown
    where = "from optimus_tui.assets import asset_dir; print(asset_dir('styles'), asset_dir('templates'))"
    found = run(sys.executable, "-c", where, cwd=tmp_path, path=installed).split()
    assert found == [str(installed / "optimus_tui" / name) for name in ("styles", "templates")]
    run(sys.executable, "-m", "optimus_tui", "init", "mine", cwd=tmp_path, path=installed)
    assert (tmp_path / "mine" / "src" / "backend" / "app.py").is_file()
