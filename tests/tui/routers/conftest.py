"""Fixtures of the wizard and the compliance screen: a dashboard that reads nothing, and the source of a gateway."""

import shutil
from pathlib import Path

import pytest

from optimus_tui.assets import asset_dir


@pytest.fixture(autouse=True)
def _here(offline: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def gateway(tmp_path: Path) -> Path:
    """Return a copy of the reference gateway's project."""
    root = tmp_path / "shop"
    shutil.copytree(asset_dir("templates") / "orchestrator", root, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    return root
