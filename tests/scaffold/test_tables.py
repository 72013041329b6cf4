"""A direct router may keep its things in a table: what of SQLAlchemy the project has is used, the rest is added."""

import ast
import asyncio
from datetime import datetime, timedelta, timezone
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from fastapi import HTTPException
from sqlalchemy import exc

from optimus_tui.actions.drafts.routers import plan_router
from optimus_tui.assets import asset_dir
from optimus_tui.scaffold.database.found import base_in, session_in
from optimus_tui.scaffold.fields import SpecError
from optimus_tui.scaffold.layout import find_target
from optimus_tui.scaffold.render import features, next_steps, packages, render
from optimus_tui.scaffold.spec import make_spec
from tests.scaffold.layouts import FLAT, UV, make_project

SESSION = "async def {0}() -> {1}:\n    yield session\n"
ADDED = ["database.py", "sessions.py", "tables.py"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (SESSION.format("get_db", "AsyncIterator[AsyncSession]"), "get_db"),
        (SESSION.format("get_db", "'AsyncGenerator[AsyncSession, None]'"), "get_db"),
        (SESSION.format("get_db", "typing.AsyncGenerator[orm.AsyncSession]"), "get_db"),
        (SESSION.format("get_read_db", "AsyncIterator[AsyncSession]"), "get_read_db"),
        (
            SESSION.format("get_read_db", "AsyncIterator[AsyncSession]")
            + SESSION.format("get_db", "AsyncIterator[AsyncSession]"),
            "get_db",
        ),
        (SESSION.format("_inner", "AsyncIterator[AsyncSession]"), ""),
        (SESSION.format("get_db", "AsyncIterator[Session]"), ""),
        (SESSION.format("get_db", "AsyncIterator[AsyncSession]").replace("async ", ""), ""),
        ("@asynccontextmanager\n" + SESSION.format("get_db", "AsyncIterator[AsyncSession]"), ""),
        ("async def get_db() -> AsyncSession:\n    return session\n", ""),
    ],
)
def test_a_session_is_found_where_a_dependency_yields_one(text: str, name: str) -> None:
    assert session_in(ast.parse(text)) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("class Base(DeclarativeBase):\n    pass\n", "Base"),
        ("class Model(AsyncAttrs, orm.DeclarativeBase):\n    pass\n", "Model"),
        ("Base = declarative_base()\n", "Base"),
        ("class Base(MappedAsDataclass, DeclarativeBase):\n    pass\n", ""),
        ("class User(Base):\n    pass\n", ""),
    ],
)
def test_a_base_is_found_where_tables_can_be_made_of_it(text: str, name: str) -> None:
    assert base_in(ast.parse(text)) == name


def test_what_the_project_has_is_imported_and_only_the_rest_is_added(tmp_path: Path) -> None:
    project = make_project(tmp_path, UV)
    target = find_target(project)
    assert (target.session, target.base, target.alembic) == ("inventory.db:get_db", "inventory.db:Model", True)
    draft = render(make_spec("products", "direct", storage="sqlalchemy", target=target))
    for text in (draft.router.content, draft.test.content):
        assert "from inventory.db import Model as Base, get_db as get_session" in text.replace("(\n    ", "")
    paths = [file.path for file in draft.beside]
    assert "inventory/optimus_gateway/database.py" in paths
    assert not [path for path in paths if path.endswith(("sessions.py", "tables.py"))]


def test_what_it_lacks_is_added_once_and_the_next_router_uses_it(tmp_path: Path) -> None:
    project = make_project(tmp_path, FLAT)
    spec = make_spec("products", "direct", storage="sqlalchemy", target=find_target(project))
    draft = render(spec)
    assert [Path(file.path).name for file in draft.beside if Path(file.path).name in ADDED] == ADDED
    for file in draft.beside:
        (project / file.path).parent.mkdir(exist_ok=True)
        (project / file.path).write_text(file.content)
    target = find_target(project)
    assert (target.session, target.base) == (
        "optimus_gateway.sessions:get_session", "optimus_gateway.tables:Base",
    )  # fmt: skip
    second = plan_router(project, make_spec("orders", "direct", storage="sqlalchemy", target=target))
    assert not [change.path for change in second.changes if change.path.startswith("optimus_gateway/")]


def test_the_steps_name_the_packages_and_the_migration(tmp_path: Path) -> None:
    target = find_target(make_project(tmp_path, UV))
    spec = make_spec("products", "direct", storage="sqlalchemy", target=target)
    steps = "\n".join(next_steps(spec, "http://localhost:8020"))
    assert {"sqlalchemy[asyncio]", "aiosqlite"} <= set(packages(spec))
    assert "alembic revision --autogenerate -m 'add products' && alembic upgrade head" in steps
    assert "import inventory.products.router" in steps and "alembic init" not in steps
    without = "\n".join(next_steps(make_spec("products", "direct", storage="sqlalchemy"), "http://localhost:8020"))
    assert "alembic init -t async migrations" in without
    assert "from backend.routers.products import Base; target_metadata = Base.metadata" in without
    assert "alembic" not in "\n".join(next_steps(make_spec("products", "direct"), "http://localhost:8020"))


@pytest.mark.parametrize("kind", ["proxy", "hybrid"])
def test_a_table_is_for_direct_routers_only(kind: str) -> None:
    with pytest.raises(SpecError, match=f"a {kind} router has no table") as refused:
        make_spec("products", kind, storage="sqlalchemy")
    assert refused.value.argument == "storage"
    with pytest.raises(SpecError, match="is not a storage"):
        make_spec("products", "direct", storage="redis")


@pytest.fixture(scope="module")
def database() -> ModuleType:
    """What is added to a project."""
    spec = spec_from_file_location("added_database", asset_dir("templates") / "router/database.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class NoSession:
    """As much of a session as a transaction uses."""

    committed = 0

    async def commit(self) -> None:
        self.committed += 1


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (exc.IntegrityError("insert", None, Exception("secret")), 409),
        (exc.DataError("insert", None, Exception("secret")), 422),
        (OverflowError("secret"), 422),
        (exc.OperationalError("insert", None, Exception("secret")), ConnectionError),
        (exc.InterfaceError("insert", None, Exception("secret")), ConnectionError),
        (exc.TimeoutError("secret"), TimeoutError),
        (TimeoutError("secret"), TimeoutError),
    ],
)
async def test_what_fails_in_a_transaction_is_an_answer_and_nothing_is_committed(
    database: ModuleType, failure: Exception, told: int | type[Exception]
) -> None:
    session = NoSession()
    with pytest.raises(Exception) as raised:  # noqa: PT011 - which one is compared below
        async with database.transaction(session):
            raise failure
    if isinstance(told, int):
        assert isinstance(raised.value, HTTPException)
        assert (raised.value.status_code, "secret" in str(raised.value.detail)) == (told, False)
    else:
        assert isinstance(raised.value, told)
    assert session.committed == 0


async def test_a_transaction_commits_once_and_ends_in_time(database: ModuleType) -> None:
    session = NoSession()
    async with database.transaction(session):
        assert session.committed == 0
    assert session.committed == 1
    with pytest.raises(TimeoutError):
        async with database.transaction(session, seconds=0):
            await asyncio.sleep(60)
    assert session.committed == 1


def test_a_moment_is_kept_in_utc(database: ModuleType) -> None:
    moment = datetime(2025, 1, 29, 10, 30, tzinfo=timezone(timedelta(hours=2)))
    assert database.utc(moment).isoformat() == "2025-01-29T08:30:00+00:00"
    assert database.utc(moment.replace(tzinfo=None)).isoformat() == "2025-01-29T10:30:00+00:00"


@pytest.mark.parametrize("name", ["tenant", "made", "metadata", "registry", "order_id"])
def test_a_field_cannot_have_the_name_of_a_column_that_the_table_has(name: str) -> None:
    with pytest.raises(SpecError, match=f"'{name}' cannot name a field of a table"):
        make_spec("items", "direct", storage="sqlalchemy", parent="orders", fields=[f"{name}:str"])
    assert make_spec("items", "direct", parent="orders", fields=[f"{name}:str"]).fields


def test_in_memory_is_never_called_fit_for_production(tmp_path: Path) -> None:
    target = find_target(make_project(tmp_path, FLAT))
    kept = {
        storage: make_spec("products", "direct", storage=storage, target=target) for storage in ("memory", "sqlalchemy")
    }
    said = {storage: "\n".join(plan_router(tmp_path, spec).warnings) for storage, spec in kept.items()}
    assert "kept in memory, not for production" in said["memory"]
    assert "the storage sqlalchemy keeps it in a table" in said["memory"]
    assert "kept in memory" not in said["sqlalchemy"]
    assert "not for production" in features(kept["memory"])[0]
