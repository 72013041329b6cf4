"""The command-line hand-over: same words in, same document and exit code out."""

import subprocess
import sys
from pathlib import Path

CLIENT = Path(__file__).parents[1] / "mcp_client.py"


def run(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the client where nothing is installed but what `place` holds."""
    command = [sys.executable, "-S", str(CLIENT), *arguments]
    environment = {"PYTHONPATH": str(place), "PATH": str(place)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603


def test_without_optimus_tui_it_says_so_in_one_sentence(tmp_path: Path) -> None:
    done = run(tmp_path, "diagnose_gateway_health")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "not installed" in done.stderr


def test_it_hands_on_arguments_output_and_exit_code(tmp_path: Path) -> None:
    package = tmp_path / "optimus_tui"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(
        "import os, sys\nprint(sys.argv[1:], os.environ['BACKEND_ORCHESTRATOR_PATH'])\nsys.exit(3)\n"
    )
    done = run(tmp_path, "validate_enterprise_patterns", '{"check_all_routers": true}')
    expected = ["run", "validate_enterprise_patterns", '{"check_all_routers": true}']
    assert (done.returncode, done.stdout) == (3, f"{expected} {CLIENT.parent}\n")
