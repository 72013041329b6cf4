"""Which lists may grow without an end: those of a store that neither a caller nor the code cuts."""

import pytest

from tests.patterns_tree import rules_of

HEAD = """
import os
from fastapi import APIRouter, Depends
from sqlalchemy import select
from sqlalchemy.orm import Session
from shop.db import session
router = APIRouter()
NAMES = {}
def installed():
    return list(NAMES)
"""
QUERY = "db.execute(select(Thing)).scalars().all()"
SIGNATURE = "db: Session = Depends(session)"


def asked(path: str, name: str, body: str, given: str = SIGNATURE, returns: str = "") -> bool:
    """Return whether the list is said to have no end."""
    route = f'@router.get("{path}")\ndef {name}({given}){returns}:\n    {body}\n'
    return "lists.unbounded" in rules_of(HEAD + route)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/things", "get_things"),
        ("", "get_things"),
        ("/all", "everything"),
        ("/user/list", "of_user"),
        ("/things", "get_things_by_owner_v1"),
        ("/things", "fetch_things"),
        ("/things", "list_all_things"),
        ("/shop/{shop_id}", "get_shop_things"),
    ],
)
def test_a_list_is_known_by_its_name_or_its_path(path: str, name: str) -> None:
    assert asked(path, name, f"found = {QUERY}\n    return found")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/things/{id}", "get_things"),
        ("/settings", "get_settings"),
        ("/status", "get_shop_status"),
        ("/today", "get_todays_meals"),
        ("/address", "get_address"),
        ("/departments/tree", "get_department_tree"),
    ],
)
def test_one_thing_and_what_there_are_few_of_is_no_list(path: str, name: str) -> None:
    assert not asked(path, name, f"found = {QUERY}\n    return found")


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("list_files", 'return os.listdir("/srv/files")'),
        ("list_actions", "return installed()"),
        ("list_names", "return [one for one in NAMES]"),
    ],
)
def test_what_the_machine_or_the_code_itself_has_does_not_grow_with_use(name: str, body: str) -> None:
    assert not asked("/them", name, body, "", " -> list[str]")


def test_a_caller_who_names_what_is_wanted_ends_the_list() -> None:
    assert not asked("/things", "list_things", f"return {QUERY}", f"ids: list[int], {SIGNATURE}")
    assert asked("/things", "list_things", f"return {QUERY}", f"ids: str | None = None, {SIGNATURE}")


def test_a_name_of_a_person_is_no_page() -> None:
    assert asked("/things", "list_things", f"return {QUERY}", f"first_name: str, {SIGNATURE}")


def test_the_tables_of_a_database_are_few() -> None:
    body = "text = 'SELECT {0} FROM {1}'\n    return db.execute(text).fetchall()"
    assert not asked("/names", "get_names", body.format("table_name", "information_schema.tables"))
    assert asked("/names", "get_names", body.format("name", "shop.things"))


def test_what_a_dependency_answers_is_no_parameter() -> None:
    user = "class User:\n    login_count: int = 0\n    max_days: int = 1\ndef signed_in() -> User: ...\n"
    route = (
        f'@router.get("/things")\ndef list_things(user: User = Depends(signed_in), {SIGNATURE}):\n    return {QUERY}\n'
    )
    assert "lists.unbounded" in rules_of(HEAD + user + route)


def test_one_row_that_is_looked_up_first_does_not_end_the_list() -> None:
    asks = "db.query(Shop).first()\n    return db.query(Thing).all()"
    assert asked("/things", "list_things", asks)
    assert not asked("/things", "list_things", "return db.query(Thing).first()")


@pytest.mark.parametrize(
    ("path", "name", "field", "endless"),
    [
        ("/search", "search", "count: int", False),
        ("/search", "search", "page_size: int", True),
        ("/search", "search", "page_size: int = Field(10, le=100)", False),
        ("/things/list", "of_shop", "limit: int = 10", True),
        ("/things", "add", "limit: int = 10", False),
    ],
)
def test_a_list_that_is_asked_for_by_post_is_one_as_well(path: str, name: str, field: str, endless: bool) -> None:
    model = f"from pydantic import BaseModel, Field\nclass Wanted(BaseModel):\n    words: str\n    {field}\n"
    route = (
        f'@router.post("{path}")\ndef {name}(wanted: Wanted, {SIGNATURE}) -> list[Thing]:\n    return find(wanted)\n'
    )
    assert ("lists.unbounded" in rules_of(HEAD + model + route)) is endless


@pytest.mark.parametrize(("more", "endless"), [("", True), ("\n    owner: str", False), ("\n    total: int", True)])
def test_a_model_round_one_list_answers_a_list(more: str, endless: bool) -> None:
    model = f"class Found:\n    things: list[str]{more}\n"
    made = "Found(things=list(db.execute(select(Thing))))"
    route = f'@router.get("/owned")\ndef owned({SIGNATURE}) -> Found:\n    return {made}\n'
    assert ("lists.unbounded" in rules_of(HEAD + model + route)) is endless


@pytest.mark.parametrize(
    ("path", "name", "given", "endless"),
    [
        ("/logs", "logs", "limit: int = 10, offset: int = 0", True),
        ("/search/{words}", "matching", "words: str, skip: int = 0, limit: int = 10", True),
        ("/logs", "logs", "limit: int = Query(10, le=100), offset: int = 0", False),
        ("/logs", "logs", "limit: int = 10", False),
    ],
)
def test_what_is_asked_for_by_a_number_and_a_start_is_a_list(path: str, name: str, given: str, endless: bool) -> None:
    head = HEAD.replace("import APIRouter, Depends", "import APIRouter, Depends, Query")
    route = f'@router.get("{path}")\ndef {name}({given}, {SIGNATURE}):\n    return db.execute(select(Thing))\n'
    assert ("lists.unbounded" in rules_of(head + route)) is endless


@pytest.mark.parametrize(("end", "endless"), [("lte", True), ("le", False)])
def test_a_bound_counts_as_it_is_spelt_also_in_the_class_above(end: str, endless: bool) -> None:
    classes = (
        f"from fastapi import Query\nclass Paged:\n    page: int = 1\n    page_size: int = Query(20, {end}=100)\n"
        "class Wanted(Paged):\n    name: str = ''\n"
    )
    route = (
        f'@router.get("/things")\ndef list_things(wanted: Wanted = Depends(Wanted), {SIGNATURE}):\n'
        "    return found(db.execute(select(Thing)), wanted.page, wanted.page_size)\n"
    )
    assert ("lists.unbounded" in rules_of(HEAD + classes + route)) is endless


def test_a_short_list_that_is_asked_for_is_a_list() -> None:
    assert asked("/basic", "get_list_basic", f"return {QUERY}")


def test_what_a_caller_may_leave_out_does_not_end_the_list() -> None:
    head = HEAD.replace("import APIRouter, Depends", "import APIRouter, Depends, Query")
    for default, endless in (("Query(None)", True), ("Query(default=None)", True), ("Query()", False)):
        route = f'@router.get("/things")\ndef list_things(ids: set[int] | None = {default}, {SIGNATURE}):\n    '
        assert ("lists.unbounded" in rules_of(f"{head}{route}return {QUERY}\n")) is endless


def test_a_file_that_is_there_and_what_the_settings_hold_are_no_lists_without_an_end() -> None:
    assert not asked("/things", "list_things", 'return FileResponse("/srv/things.json")', returns=" -> list[str]")
    head = "from shop.client.settings import Connectors\n"
    route = '@router.get("/connectors")\nasync def available() -> list[str]:\n    return list(Connectors.get_all())\n'
    assert "lists.unbounded" not in rules_of(HEAD + head + route)


@pytest.mark.parametrize(
    ("body", "endless"),
    [
        ("return find(wanted.page, wanted.size)", False),
        ("return find(wanted.page, wanted.limit)", True),
        ("return find(wanted)", True),
        ("return find(**wanted.model_dump())", True),
    ],
)
def test_a_field_of_a_search_that_nothing_reads_says_nothing_of_its_length(body: str, endless: bool) -> None:
    head = f"{HEAD}from pydantic import BaseModel, Field\nclass Wanted(BaseModel):\n    page: int = 1\n"
    head += "    size: int = Field(20, le=100)\n    limit: int | None = None\n"
    route = f'@router.post("/search")\ndef search_things(wanted: Wanted) -> list[Thing]:\n    {body}\n'
    assert ("lists.unbounded" in rules_of(head + route)) is endless
