"""A list that is filtered and sorted: by which fields, and what is refused."""

import ast

import pytest

from optimus_tui.scaffold.fields import SpecError
from optimus_tui.scaffold.lay import WIDTH
from optimus_tui.scaffold.render import features, render
from optimus_tui.scaffold.spec import make_spec

FIELDS = ("name:str", "type:str", "price:float", "tags:list[str]", "home:{town:str}", "limit:int", "order_id:uuid")


@pytest.mark.parametrize(
    ("filters", "more", "words"),
    [
        (["nothing"], {}, "'nothing' is not a field that a list can be filtered by"),
        (["Name"], {}, "is not a field"),
        ([3], {}, "is not a field"),
        (["id"], {}, "is not a field"),
        (["tags"], {}, "the field tags has more than one value"),
        (["home"], {}, "the field home has more than one value"),
        (["limit"], {}, "the list has a parameter limit of its own"),
        (["order_id"], {"parent": "orders"}, "the list has a parameter order_id of its own"),
        (["name"], {"operations": ["get"]}, "filters need the operation list"),
    ],
)
def test_what_no_list_is_filtered_by_is_one_sentence(
    filters: list[object], more: dict[str, object], words: str
) -> None:
    with pytest.raises(SpecError, match=words) as refused:
        make_spec("things", fields=FIELDS, filters=filters, **more)  # type: ignore[arg-type]
    assert (refused.value.argument, "\n" in str(refused.value)) == ("filters", False)


def test_filters_come_in_the_order_of_the_fields_each_once() -> None:
    spec = make_spec("things", fields=FIELDS, filters=["price", "name", "price", "order_id"])
    assert [field.name for field in spec.filters] == ["name", "price", "order_id"]
    assert any(each.startswith("Filter and sort of the list: name, price, order_id") for each in features(spec))


@pytest.mark.parametrize("kind", ["proxy", "direct", "hybrid"])
def test_without_filters_nothing_of_them_is_there(kind: str) -> None:
    for file in render(make_spec("things", kind, fields=FIELDS)).files:
        assert "filter" not in file.content.lower() and "Sorting" not in file.content


@pytest.mark.parametrize("kind", ["proxy", "direct", "hybrid"])
def test_each_filter_is_a_parameter_of_the_fields_own_type(kind: str) -> None:
    spec = make_spec("things", kind, fields=FIELDS, filters=["name", "type", "price", "order_id"])
    tree = ast.parse(render(spec).router.content)
    (filters,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Filters"]
    start = filters.body[1]
    assert isinstance(start, ast.FunctionDef)
    types = {each.arg: ast.unparse(each.annotation) for each in start.args.args if each.annotation}
    assert types["price"] == "FiniteFloat | None"
    assert types["order_id"] == "UUID | None"
    assert types["type"] == types["name"] == "Annotated[str | None, Query(max_length=2000)]"


def test_the_longest_line_of_a_filter_is_broken() -> None:
    spec = make_spec("things", fields=("class:str", "at:datetime"), filters=["class", "at"])
    assert all(len(line) <= WIDTH for file in render(spec).files for line in file.content.splitlines())
