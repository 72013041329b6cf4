"""The helpers for a project that has none: five files of the reference gateway's own code, typed, and without it."""

import subprocess
import sys
from pathlib import Path

from optimus_tui.child_processes import minimal_environment
from optimus_tui.scaffold.helpers import ABOUT, INIT, helpers
from optimus_tui.scaffold.render import render
from optimus_tui.scaffold.spec import OPERATIONS, ROUTER_TYPES, make_spec
from optimus_tui.scaffold.target import RouterTarget

TARGET = RouterTarget(import_root="", folder="app/api", into="app/main.py", prefix="", helpers="app.optimus_gateway")


def test_they_are_five_files_that_import_only_those_before_them_and_nothing_of_the_gateway() -> None:
    files = helpers().files
    assert list(files) == list(ABOUT) and len(files) == 5
    for place, (name, file) in enumerate(files.items()):
        assert file.imports <= set(list(files)[:place]), name
        assert "backend" not in file.text


def test_they_are_typed_formatted_and_clean(tmp_path: Path, types_known: Path) -> None:
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


def test_a_router_brings_what_it_imports_and_no_more() -> None:
    def files(kind: str, limits: bool, caching: bool) -> list[str]:
        spec = make_spec("x", kind, OPERATIONS, rate_limiting=limits, caching=caching, target=TARGET)
        paths = [file.path for file in render(spec).beside]
        assert all(path.startswith("app/optimus_gateway/") for path in paths)
        return [path.rpartition("/")[2].removesuffix(".py") for path in paths[1:]]

    assert files("direct", limits=True, caching=False) == ["dependencies", "redis_client", "limits"]
    for kind in ROUTER_TYPES:
        assert files(kind, limits=True, caching=True)[-1] == "caching"
        assert "redis_client" not in files(kind, limits=False, caching=False)
