"""A router's table as code, and the files that a project without a database lacks.

Pure except for reading the templates.
"""

from typing import NamedTuple

from optimus_tui.assets import asset_dir
from optimus_tui.scaffold.fields import TYPES, literal
from optimus_tui.scaffold.lay import lay
from optimus_tui.scaffold.spec import RouterSpec
from optimus_tui.scaffold.target import RouterTarget

FILES = {"backend.database": "database", "backend.sessions": "sessions", "backend.tables": "tables"}
"""The modules that a router with a table imports besides the helpers, and their files."""
PACKAGES = ("sqlalchemy[asyncio]", "aiosqlite")
"""What such a router and its tests import besides; the database's own driver is the project's choice."""
_COLUMNS = {
    "int": "sa.BigInteger",
    "float": "sa.Double",
    "bool": "sa.Boolean",
    "date": "sa.Date",
    "datetime": "sa.DateTime(timezone=True)",
    "decimal": 'sa.Numeric().with_variant(sa.Text(), "sqlite")',
    "uuid": "sa.Uuid",
}
_DOCUMENT = "sa.JSON(none_as_null=True)"


class TableCode(NamedTuple):
    """The table as lines of code.

    Attributes:
        columns: A line for each field.
        entries: What a row holds, by the field's name in an answer.
        documents: The columns that hold JSON, and what callers call them.
        times: The columns that hold a time, as code for a tuple; empty for none.
        order: The columns of its index, by which lists are sorted.
        named: The owner of a row, as arguments.
        of_row: The owner of a row in the tests.
        key: The owner in the tests, as a dictionary.
    """

    columns: tuple[str, ...]
    entries: dict[str, str]
    documents: dict[str, str]
    times: str
    order: list[str]
    named: list[str]
    of_row: str
    key: str


def table_of(spec: RouterSpec) -> TableCode:
    """Return the table of a router."""
    columns, documents, times = list[str](), dict[str, str](), list[str]()
    entries, owner = {"id": "row.id"}, ["tenant", *spec.parent_ids]
    for field in spec.fields:
        kind, held, name = _COLUMNS.get(field.type, "sa.Text"), "str", field.attribute
        if field.type in TYPES:
            held = TYPES[field.type].bare
        entries[field.name] = f"row.{name}"
        if field.is_list or field.type == "model":
            kind, held = _DOCUMENT, "list[Any]" if field.is_list else "dict[str, Any]"
            documents[name] = literal(field.name)
        elif field.type == "datetime":
            times.append(literal(name))
            entries[field.name] = f"row.{name} and utc(row.{name})" if field.optional else f"utc(row.{name})"
        opening = f"    {name}: Mapped[{held}{' | None' * field.optional}] = mapped_column("
        columns.append(lay(opening, [kind], ")"))
    ended = "," if len(times) == 1 else ""
    return TableCode(
        tuple(columns),
        entries,
        documents,
        f"({', '.join(times)}{ended})" if times else "",
        [literal(each) for each in (*owner, "made", "id")],
        [f"{each}={each}" for each in owner],
        f"({', '.join(f'row.{each}' for each in owner)})" if spec.parents else "row.tenant",
        f"dict(zip({tuple(owner)}, owner, strict=True))".replace("'", '"') if spec.parents else '{"tenant": owner}',
    )


def text_of(module: str) -> str:
    """Return the file of one of the modules in ``FILES``."""
    return (asset_dir("templates") / "router" / f"{FILES[module]}.py").read_text("utf-8")


def known_name(target: RouterTarget, module: str) -> tuple[str, str] | None:
    """Return the project's own module and name for what such a module defines; None if it has none."""
    known = {"backend.sessions": target.session, "backend.tables": target.base}.get(module, "")
    place, _, name = known.partition(":")
    if known:
        return (place, name)
    return None


def migration(spec: RouterSpec) -> tuple[tuple[str, str], ...]:
    """Return the commands with which alembic creates the table, each with its purpose; empty without a table."""
    if not spec.has_table:
        return ()
    target, module = spec.target, spec.target.module(spec.name)
    make = f"alembic revision --autogenerate -m 'add {spec.name}' && alembic upgrade head"
    if target.alembic:
        return (
            ("In alembic's env.py, so that it sees the table", f"import {module}"),
            ("Make the table, after a look at the migration", make),
        )
    return (
        ("Begin migrations", f"{target.manager} alembic && alembic init -t async migrations"),
        ("In migrations/env.py", f"from {module} import Base; target_metadata = Base.metadata"),
        ("In alembic.ini", "sqlalchemy.url: what DATABASE_URL says"),
        ("Make the table, after a look at the migration", make),
    )
