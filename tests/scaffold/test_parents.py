"""A router below others: its name and path, what cannot be a parent, and where its parent is looked up."""

from pathlib import Path

import pytest

from optimus_tui.scaffold.fields import SpecError
from optimus_tui.scaffold.layout import find_target
from optimus_tui.scaffold.options.parents import with_parent
from optimus_tui.scaffold.render import features, next_steps, render
from optimus_tui.scaffold.spec import make_spec
from tests.scaffold.layouts import POETRY, make_project


@pytest.mark.parametrize(
    ("name", "parent", "full", "path"),
    [
        ("items", "orders", "order_items", "/api/orders/{order_id}/items"),
        ("order_items", "orders", "order_items", "/api/orders/{order_id}/items"),
        ("items", "customers/orders", "order_items", "/api/customers/{customer_id}/orders/{order_id}/items"),
        ("children", "people", "person_children", "/api/people/{person_id}/children"),
        ("items", "", "items", "/api/items"),
    ],
)
def test_the_name_says_the_parent_and_the_path_has_its_id(name: str, parent: str, full: str, path: str) -> None:
    spec = make_spec(name, parent=parent)
    assert (spec.name, spec.path) == (full, path)
    assert next_steps(spec, "http://localhost:8020")[-1].startswith(
        f"curl -X GET 'http://localhost:8020{path.format(order_id=1, customer_id=1, person_id=1)}/'".replace("'", "")
    )


@pytest.mark.parametrize(
    ("name", "parent", "argument", "words"),
    [
        ("items", "Orders", "parent", "cannot name a parent"),
        ("items", "/orders", "parent", "cannot name a parent"),
        ("items", "orders/", "parent", "cannot name a parent"),
        ("items", "orders/{x}", "parent", "cannot name a parent"),
        ("items", "class", "parent", "cannot name a parent"),
        ("items", "a/b/c/d", "parent", "4 parents are too many"),
        ("items", "orders/orders", "parent", "one name for their ids"),
        ("items", "order_items/orders", "parent", "one name for their ids"),
        ("items", "x" * 30 + "/" + "y" * 30, "parent", "45 letters"),
        ("x" * 34, "orderings", "router_name", "lower-case letter"),
        ("items", ["orders"], "parent", "cannot name a parent"),
    ],
)
def test_what_cannot_be_a_parent_is_one_sentence(name: str, parent: object, argument: str, words: str) -> None:
    with pytest.raises(SpecError, match=words) as refused:
        make_spec(name, parent=parent)
    assert (refused.value.argument, "\n" in str(refused.value)) == (argument, False)


def test_where_the_project_keeps_the_parent_its_store_is_asked(tmp_path: Path) -> None:
    project = make_project(tmp_path, POETRY)
    target = find_target(project)
    items = make_spec("items", "direct", parent="orders", target=target)
    alone = render(with_parent(project, items))
    assert "class ParentMemory" in alone.router.content
    assert any("no parent is known and every answer is 404" in each for each in features(alone.spec))
    orders = render(make_spec("orders", "direct", ["get"], target=target)).router
    (project / orders.path).write_text(orders.content)
    wired = render(with_parent(project, items))
    assert not any("no parent is known" in each for each in features(wired.spec))
    for file in wired.files:
        assert "from shop.routers.orders import open_store as open_parents\n" in file.content
        assert "ParentMemory" not in file.content
    lists = render(make_spec("orders", "direct", ["list"], target=target)).router
    (project / orders.path).write_text(lists.content)
    assert render(with_parent(project, items)) == alone
    (project / orders.path).write_text("no Python")
    assert render(with_parent(project, items)) == alone


def test_below_two_parents_the_store_of_the_last_is_asked_with_both_ids(tmp_path: Path) -> None:
    project = make_project(tmp_path, POETRY)
    target = find_target(project)
    lines = make_spec("lines", "direct", parent="customers/orders", target=target)
    parent = render(make_spec("orders", "direct", parent="customers", target=target)).router
    (project / parent.path).write_text(parent.content)
    assert parent.path.endswith("/customer_orders.py")
    text = render(with_parent(project, lines)).router.content
    assert "from shop.routers.customer_orders import open_store as open_parents\n" in text
    assert "async def find(self, tenant: str, customer_id: str, key: str)" in text


@pytest.mark.parametrize("kind", ["proxy", "hybrid"])
def test_the_engine_knows_its_own_parents(tmp_path: Path, kind: str) -> None:
    spec = make_spec("items", kind, parent="orders")
    assert with_parent(tmp_path, spec) == spec
    assert "ParentStore" not in render(spec).router.content
