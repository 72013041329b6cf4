"""The tools of Optimus TUI are mounted where it is installed, and not missed where it is not."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHOW = "from backend.app import app; print([r.path for r in app.routes if getattr(r, 'path', '') == '/mcp'])"
TOOLS = "from fastapi import FastAPI\ndef tools_app(token): assert token is None; return FastAPI()\n"


@pytest.mark.parametrize(
    ("source", "mounted"), [(TOOLS, "['/mcp']"), ("", "[]"), ("import no_such_module", "[]")]
)
def test_tools_are_mounted_where_they_can_be(tmp_path: Path, source: str, mounted: str) -> None:
    package = tmp_path / "optimus_tui"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "http_api.py").write_text(source)
    path = f"import sys; sys.path[:0] = {[str(tmp_path), str(ROOT / 'src')]!r}; "
    done = subprocess.run([sys.executable, "-c", path + SHOW], capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.stdout.strip(), done.stderr) == (mounted, "")
