"""A project whose helpers are older than the generator gets one sentence, and no router that cannot be imported."""

import re
from pathlib import Path

import pytest

from optimus_tui.actions.drafts.routers import plan_router
from optimus_tui.actions.files.tree import WriteRefused
from optimus_tui.scaffold.layout import find_target
from optimus_tui.scaffold.spec import RouterSpec, make_spec
from optimus_tui.tools.answer import ToolFailure
from tests.scaffold.layouts import FLAT, ask, make_project
from tests.scaffold.workshop import new_gateway

COHERENCE = "src/backend/utils/cache_coherence.py"


def _older(gateway: Path) -> Path:
    """Take out of a new gateway what one of an earlier ``init`` does not have."""
    place = gateway / COHERENCE
    text = place.read_text()
    text = re.sub(r"\ndef cached_below\(.*?\n\n\n", "\n", text, flags=re.DOTALL)
    place.write_text(re.sub(r"\n +gone(: bool = False|=gone),", "", text))
    return gateway


def _spec(root: Path, **given: object) -> RouterSpec:
    return make_spec("items", "proxy", target=find_target(root), **given)  # type: ignore[arg-type]


def test_a_gateway_of_an_earlier_init_is_refused_with_what_it_lacks_and_the_remedy(tmp_path: Path) -> None:
    gateway = _older(new_gateway(tmp_path))
    with pytest.raises(WriteRefused) as refused:
        plan_router(gateway, _spec(gateway, operations=("get", "delete"), parent="orders"))
    assert str(refused.value) == (
        f"src/backend/ is older than this router needs, it lacks cached_below in {COHERENCE}, gone= of invalidating(): "
        "bring these files of src/backend/ up to those of a new project (optimus-tui init NAME), or leave caching out"
    )


def test_a_router_that_needs_nothing_of_it_is_written_there(tmp_path: Path) -> None:
    gateway = _older(new_gateway(tmp_path))
    assert plan_router(gateway, _spec(gateway, caching=False)).changes


def test_a_new_gateway_lacks_nothing_whatever_is_asked_for(tmp_path: Path) -> None:
    gateway = new_gateway(tmp_path)
    for kind in ("proxy", "hybrid", "direct"):
        assert plan_router(gateway, make_spec("items", kind, parent="orders", target=find_target(gateway))).changes


def test_helpers_that_were_added_earlier_are_named_too(tmp_path: Path) -> None:
    project = make_project(tmp_path, FLAT)
    spec = _spec(project)
    for file in plan_router(project, spec).draft.beside:
        place = project / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(file.content.replace("def answer_for(", "def older_answer_for("))
    with pytest.raises(
        WriteRefused, match=r"it lacks answer_for in optimus_gateway/\w+\.py: move optimus_gateway/ away"
    ):
        plan_router(project, spec)


async def test_the_tool_says_so_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(_older(new_gateway(tmp_path)))
    with pytest.raises(ToolFailure, match="it lacks cached_below"):
        await ask(router_name="items", router_type="proxy", parent="orders")
    assert (await ask(router_name="items", router_type="proxy", include_caching=False)).files
