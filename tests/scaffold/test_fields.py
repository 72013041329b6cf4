"""What a field may be: its syntax, its refusals, and that its code holds the bounds that its tests try."""

import ast
import copy
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pydantic
import pytest

from optimus_tui.scaffold import field_values
from optimus_tui.scaffold.field_code import ModelCode
from optimus_tui.scaffold.field_text import make_field, parse_field, parse_fields
from optimus_tui.scaffold.fields import Field, SpecError
from optimus_tui.scaffold.render import render
from optimus_tui.scaffold.spec import make_spec
from tests.scaffold.workshop import FIELDS

LINES = [
    ("name:str", "name: Text"),
    ("name:str?", "name: Text | None = None"),
    ("name:str(max_length=80)", "name: str = Field(min_length=1, max_length=80)"),
    ("name:str(min_length=0)=x", 'name: str = Field(default="x", min_length=0, max_length=2000)'),
    ('name:str(description="its name, (short)")', 'name: Text = Field(description="its name, (short)")'),
    ("count:int( ge=1 , lt=100 )?=5", "count: int | None = Field(default=5, ge=1, lt=100)"),
    ("rate:float(gt=-0.5)", "rate: FiniteFloat = Field(gt=-0.5)"),
    ("price:decimal(ge=0.01)=9.50", 'price: Decimal = Field(default=Decimal("9.50"), ge=Decimal("0.01"))'),
    ("day:date(le=2029-12-31)=2025-02-03",
     "day: dt.date = Field(default=dt.date(2025, 2, 3), le=dt.date(2029, 12, 31))"),
    ("state:enum[open,on hold]=open", 'state: StateOfThing = "open"'),
    ("tags:list[str]", "tags: list[Text] = Field(max_length=100)"),
    ("tags:list[int(ge=0)](min_length=1,max_length=5)?",
     "tags: list[TagsOfThing] | None = Field(default=None, min_length=1, max_length=5)"),
    ("tags:list[int]=[1,2]", "tags: list[int] = Field(default=[1, 2], max_length=100)"),
    ("where:{street:str,zip:str?}", "where: NewWhereOfThing"),
    ("lines:list[{sku:str}]", "lines: list[NewLinesOfThing] = Field(max_length=100)"),
    ("class:str", 'class_: Text = Field(alias="class")'),
    ("model_dump:int=1", 'field_model_dump: int = Field(default=1, alias="model_dump")'),
    ("type:str", "type: Text"),
    ("id_:uuid", "id_: UUID"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line"), LINES)
def test_a_field_is_one_line_of_the_model(text: str, line: str) -> None:
    field = parse_field(text)
    assert ModelCode("Thing", [field]).sent(field).strip() == line


REFUSED = [
    ("a", "needs a type, as in a:str"),
    ("a:text", "needs one of the known types, not 'text'"),
    ("a:str!", "may follow (OPTIONS), ? and =DEFAULT, not '!'"),
    ("a:str?(max_length=3)", "the ? belongs behind the parentheses"),
    ("a:str(ge=1)", "'ge' is not an option for the str of the field a"),
    ("a:int(5)", "'5' is not an option for the int of the field a"),
    ("a:bool(ge=1)", "'ge' is not an option for the bool of the field a"),
    ("a:list[int](ge=1)", "'ge' is not an option for the list of the field a"),
    ("a:list[str(description='x')]", "'description' is not an option for"),
    ("a:int(ge)", "the option ge of the field a needs a value: ge=VALUE"),
    ("a:int(ge=1,ge=2)", "has the option ge twice"),
    ("a:int(ge=1,gt=2)", "has both ge and gt: name one of them"),
    ("a:int(ge=1.5)", "the ge '1.5' of the field a is not a whole number"),
    ("a:int(gt=1,lt=2)", "no value of the field a is between its bounds"),
    ("a:float(ge=2,lt=2)", "no value of the field a is between its bounds"),
    ("a:date(ge=2025-02-30)", "is not a day such as 2025-01-29"),
    ("a:datetime(ge=2025-01-29T10:30:00)", "is not a time with its zone such as 2025-01-29T10:30:00Z"),
    ("a:datetime(ge=2025-02-30T10:30:00Z)", "is not a time with its zone such as"),
    ("a:datetime(ge=0001-01-01T00:00:00+14:00)", "is not a time with its zone such as"),
    ("a:datetime(gt=2025-01-29T10:30:00Z,lt=2025-01-29T11:30:01+01:00)", "is between its bounds: name others"),
    ("a:float(ge=1.1234567)", "not a number of up to 9 digits and 5 after the point"),
    ("a:str(min_length=9,max_length=3)", "can have a length from 9 to 3"),
    ("a:str(min_length=3000)", "can have a length from 3000 to 2000: name a larger max_length"),
    ("a:str(max_length=-1)", "not a length from 0 to 1000000"),
    ("a:int(ge=1", "the options of the field a needs its ) before the end"),
    ("a:str(description='x)", "a text of the field a needs its ' at the end"),
    ("a:enum", "needs one of the known types, not 'enum'"),
    ("a:enum[]", "'' cannot be a value of the enum a"),
    ("a:enum[x,x]", "the enum a has the value x twice"),
    ("a:enum[x,y", "the enum of the field a needs its ] before the end"),
    ("a:enum[x,y]=z", "the default 'z' of the field a is not one of x, y"),
    ("a:list[list[str]]", "needs one of the known types, not 'list[str]]'"),
    ("a:{b:{c:str}}", "the field b is a model in a nested model: one level is possible"),
    ("a:{b:str,b:int}", "the field b is named twice in a"),
    ("a:{}", "'' cannot name a field"),
    ("a:{b:str}=x", "is a nested model, which takes no default: make it optional with ?"),
    ("a:datetime=2025", "is a datetime, which takes no default"),
    ("a:int(ge=1)=0", "the default of the field a is beyond its own ge"),
    ("a:str(max_length=2)=abc", "the default of the field a is beyond its own max_length"),
    ("a:list[int](max_length=1)=[1,2]", "the default of the field a is beyond its own max_length"),
    ("a:list[int]=1", "the default '1' of the field a is not a list: write [] or [a,b]"),
    ("a:str" + " " * 5000, "the field a is too long"),
    ("A:str", "'A' cannot name a field: it must be a lower-case letter"),
    ("a:str(description='" + "x" * 81 + "')", "must be one line of 80 characters"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), REFUSED)
def test_a_field_that_cannot_be_is_refused_with_the_remedy(text: str, sentence: str) -> None:
    with pytest.raises(SpecError) as refused:
        parse_field(text)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 300


def test_fields_that_would_be_one_in_the_code_are_refused() -> None:
    for texts in (["class:str", "class_:str"], ["a_b:enum[x,y]", "a__b:enum[x,y]"]):
        with pytest.raises(SpecError, match="would have one name in the code: rename one"):
            parse_fields(texts)
    with pytest.raises(SpecError, match="41 fields are too many"):
        parse_fields([f"f{number}:str" for number in range(39)] + ["g:{x:str}"])


def test_the_wizards_single_answers_are_the_same_field() -> None:
    assert make_field("a", "int(ge=1)", True, "3") == parse_field("a:int(ge=1)?=3")
    assert make_field("a", "enum[x,y]") == parse_field("a:enum[x,y]")
    with pytest.raises(SpecError, match="give these separately"):
        make_field("a", "int=3")


def some_field(rng: random.Random, name: str, nested: bool = False) -> str:
    """A random field whose bounds leave a value."""
    low, high = sorted((rng.randint(-50, 50), rng.randint(-50, 50)))
    fine = rng.choice(("", ".5", ".25", ".00001"))
    below, above = rng.choice(("ge", "gt")), rng.choice(("le", "lt"))
    limits = rng.choice((f"{below}={low}", f"{above}={high}", f"{below}={low},{above}={high + 2}"))
    exact = rng.choice((f"{below}={low}{fine}", f"{above}={high}{fine}", f"{below}={low},{above}={low + 1}"))
    short = rng.randint(0, 9)
    lengths = rng.choice((f"max_length={short + 1}", f"min_length={short},max_length={short + rng.randint(1, 9)}"))
    kinds = [
        "str", f"str({lengths})", f"int({limits})", f"float({exact})", f"decimal({exact})", "bool", "uuid", "email",
        "url", f"date({below}=20{10 + short}-02-28,{above}=20{20 + short}-03-01)", "datetime", "enum[a,b c,d]", "int",
        f"datetime({below}=20{10 + short}-02-28T23:59:58Z,{above}=20{20 + short}-03-01T10:30-05:00)",
        f"datetime({below}=2025-02-28T23:59:58Z,{above}=2025-03-01T00:00+00:00)",
    ]  # fmt: skip
    if not nested:
        inner = ",".join(some_field(rng, f"inner{number}", nested=True) for number in range(rng.randint(1, 3)))
        kinds += [f"{{{inner}}}"] * 3
    kind = rng.choice(kinds)
    if rng.random() < 0.3:
        kind = f"list[{kind}]({lengths})"
    return f"{name}:{kind}{rng.choice(('', '?'))}"


def model_tree(fields: Sequence[str]) -> ast.Module:
    """The code of the models of a router with these fields, without the router."""
    tree = ast.parse(render(make_spec("things", "direct", ["create", "patch"], fields=fields)).router.content)
    theirs: list[ast.stmt] = [
        node
        for node in tree.body
        if (isinstance(node, ast.ClassDef) and [ast.unparse(base) for base in node.bases] == ["BaseModel"])
        or (isinstance(node, ast.Import | ast.ImportFrom) and "backend" not in ast.unparse(node))
        or (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).endswith(("Text", "Email", "Url", "OfThing")))
        or (isinstance(node, ast.AnnAssign) and ast.unparse(node.target) in ("EXAMPLE", "UNSENT"))
    ]
    return ast.Module(theirs, [])


def models_of(tree: ast.Module) -> dict[str, Any]:
    """The models themselves."""
    names: dict[str, Any] = {"__name__": "generated"}
    exec(compile(ast.fix_missing_locations(tree), "generated", "exec"), names)
    return names


def with_value(body: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    """As the generated tests have it."""
    name, _, inner = place.partition(".")
    if not inner:
        return {**body, name: value}
    if isinstance(body[name], list):
        return {**body, name: [{**body[name][0], inner: value}, *body[name][1:]]}
    return {**body, name: {**body[name], inner: value}}


def judge_models(tree: ast.Module, fields: Sequence[Field]) -> None:
    """Ask of the models what the generated tests ask of the router."""
    models = models_of(tree)
    new, changes, answered = models["NewThing"], models["ThingChanges"], models["Thing"]
    bodies = [field_values.body(fields), field_values.body(fields, 1)]
    values = {"BODY": bodies[0]}
    edges = [with_value(bodies[0], place, eval(code, values)) for place, code in field_values.edges(fields)]
    for body in [*bodies, *edges]:
        for model in (new, changes):
            assert model.model_validate(body).model_dump(mode="json", by_alias=True) == body
        read = answered.model_validate({**body, "id": "1"}).model_dump(mode="json", by_alias=True)
        assert read == {**body, "id": "1"}
    wrong = [with_value(bodies[0], place, eval(code, values)) for place, code in field_values.beyond(fields)]
    wrong += [with_value(bodies[0], f"{field.name}.unknown", 1) for field in fields if field.fields]
    for model in (new, changes):
        for each in [*wrong, {**bodies[0], "unknown": 1}]:
            with pytest.raises(pydantic.ValidationError):
                model.model_validate(each)
    for field in fields:
        assert changes.model_validate({field.name: bodies[1][field.name]}).model_fields_set == {field.attribute}
    with pytest.raises(pydantic.ValidationError):
        changes.model_validate({})
    assert changes.model_json_schema()["minProperties"] == 1
    old = answered.model_validate({**field_values.old_body(fields), "id": "1"}).model_dump(mode="json", by_alias=True)
    assert old == {**field_values.old_body(fields, whole=True), "id": "1"}
    least = new.model_validate(field_values.least_body(fields))
    assert least.model_dump(mode="json", by_alias=True) == field_values.whole_body(fields)


@pytest.mark.parametrize("seed", range(12))
def test_random_fields_take_what_is_at_each_bound_and_refuse_what_is_beyond(seed: int) -> None:
    rng = random.Random(seed)
    texts = [some_field(rng, f"field{number}") for number in range(8)]
    judge_models(model_tree(texts), parse_fields(texts))


def mutants(tree: ast.Module) -> Iterator[tuple[str, ast.Module]]:
    """Each change of one bound, default, value or type of what is sent, and the tree with it."""
    swaps = {"ge": "gt", "gt": "ge", "le": "lt", "lt": "le"}
    example = next(each for each in tree.body if ast.unparse(each).startswith("EXAMPLE"))
    spared = {id(each) for each in ast.walk(example)}
    for number, node in enumerate(ast.walk(tree)):
        if id(node) in spared:
            continue
        changes: list[tuple[str, Callable[[Any], None]]] = []
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            changes = [("+1", lambda each: setattr(each, "value", each.value + 1)),
                       ("-1", lambda each: setattr(each, "value", each.value - 1))]  # fmt: skip
        elif isinstance(node, ast.Constant) and node.value in ("forbid", "open", "work", "from", "class", "type"):
            changes = [("another text", lambda each: setattr(each, "value", "ignore"))]
        elif isinstance(node, ast.keyword) and node.arg in swaps:
            changes = [("open end", lambda each: setattr(each, "arg", swaps[each.arg]))]
        elif isinstance(node, ast.BinOp) and ast.unparse(node.right) == "None":
            changes = [("never null", lambda each: setattr(each, "op", ast.BitAnd()))]
        for what, change in changes:
            other = copy.deepcopy(tree)
            changed = next(each for place, each in enumerate(ast.walk(other)) if place == number)
            change(changed)
            yield f"{what}: {ast.unparse(node)}", other


@pytest.mark.parametrize("fields", FIELDS[-2:], ids=["plain", "nested"])
def test_every_bound_that_is_changed_in_what_is_sent_is_found(fields: tuple[str, ...]) -> None:
    parsed, tree, count, survived = parse_fields(fields), model_tree(fields), 0, []
    judge_models(tree, parsed)
    for what, mutant in mutants(tree):
        count += 1
        try:
            judge_models(mutant, parsed)
        except (AssertionError, pytest.fail.Exception, pydantic.ValidationError, TypeError, ValueError, LookupError):
            continue
        survived.append(what)
    assert count > 40
    assert survived == []


def test_each_bound_is_tried_on_both_sides() -> None:
    def tried(field: Field) -> tuple[list[str], list[str]]:
        return [code for _, code in field_values.edges([field])], [code for _, code in field_values.beyond([field])]

    assert tried(parse_field("a:int(ge=1,lt=9)")) == (["1", "8"], ["None", "0", "9"])
    assert tried(parse_field("a:str(max_length=8)")) == (['"x"', '"x" * 8'], ["None", '""', '"x" * 9'])
    assert tried(parse_field("a:decimal(gt=0)")) == (['"0.5"'], ["None", '"NaN"', '"0"'])
    assert tried(parse_field("a:enum[x,y]")) == (['"x"', '"y"'], ["None", '"none of these"'])
    assert tried(parse_field("a:list[int](max_length=2)")) == (["[]", "[3] * 2"], ["None", "[3] * 3"])


def test_a_change_refuses_nothing_and_null_where_null_is_no_value() -> None:
    changes = models_of(model_tree(["name:str", "note:str?"]))["ThingChanges"]
    assert changes.model_validate({"note": None}).model_fields_set == {"note"}
    for wrong in ({}, {"name": None}, {"other": 1}):
        with pytest.raises(pydantic.ValidationError):
            changes.model_validate(wrong)
