"""A GET that changes what is stored, and one that only reads or that a link has to be."""

import pytest

from tests.patterns_tree import judged

HEAD = """from fastapi import APIRouter, Depends
from sqlalchemy import delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from helpers import purge_all, service
router = APIRouter()
"""
HELPERS = """from sqlalchemy import delete
class Service:
    def remove(self, session, key):
        session.delete(key)
        session.commit()
    def find(self, session, key):
        return session.get(Thing, key)
    def miss(self, session, key):
        try:
            return session.get(Thing, key)
        except KeyError:
            session.delete(key)
            session.commit()
service = Service()
async def purge_all(session):
    await session.execute(delete(Thing))
"""


def writing(body: str, path: str = "/things/{key}/delete", verb: str = "get", name: str = "delete_thing") -> list[str]:
    """Return the messages about a route of these statements."""
    source = f'{HEAD}@router.{verb}("{path}")\nasync def {name}(key: int, session: AsyncSession):\n    {body}\n'
    return [one.message for one in judged(source, helpers=HELPERS).issues if one.rule == "routes.get_writes"]


@pytest.mark.parametrize(
    ("body", "raw"),
    [
        ("await session.delete(key)", "session.delete"),
        ("session.add(Thing(key))", "session.add"),
        ("await session.execute(delete(Thing).where(Thing.key == key))", "session.execute"),
        ("await session.execute(text('UPDATE things SET gone = true'))", "session.execute"),
        ("await things.delete_one({'key': key})", "things.delete_one"),
        ("service.remove(session, key)", "service.remove"),
        ("await purge_all(session)", "purge_all"),
    ],
)
def test_a_get_whose_name_and_statements_write_is_found(body: str, raw: str) -> None:
    expected = [f"GET /things/{{key}}/delete writes: {raw}() (line 8) changes what is stored"]
    assert writing(body) == expected
    assert writing(body, verb="delete") == []


@pytest.mark.parametrize(
    "body",
    [
        "return await session.execute(select(Thing))",
        "return await session.execute(text('select deleted from things'))",
        "return service.find(session, key)",
        "return service.miss(session, key)",
        "session.add(AuditEvent(key))",
        "deleted.add(key)",
        "await session.commit()",
    ],
)
def test_a_get_that_reads_is_none(body: str) -> None:
    assert writing(body) == []


@pytest.mark.parametrize(
    ("path", "name"),
    [("/things/{key}", "read_thing"), ("/confirm/{key}", "delete_confirmed"), ("/oauth/callback/{key}", "create_user")],
)
def test_a_link_and_what_is_written_beside_a_read_are_none(path: str, name: str) -> None:
    assert writing("session.add(Thing(key))", path, name=name) == []


MAKERS = """from celery import Celery, shared_task
jobs = Celery("jobs")
class Settings:
    def get_or_create(self, session):
        session.add(Thing())
        session.commit()
    def load(self, session):
        session.add(Thing())
        session.commit()
settings = Settings()
@shared_task
def mail(key):
    return key
"""


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return settings.get_or_create(session)", "settings.get_or_create() (line 7) changes what is stored"),
        ("jobs.send_task('mail')", "jobs.send_task() (line 7) begins a job"),
        ("mail.delay(key)", "mail.delay() (line 7) begins a job"),
        ("return settings.load(session)", ""),
        ("return shipment.delay(key)", ""),
    ],
)
def test_a_get_with_a_harmless_name_writes_where_what_it_calls_is_named_so(body: str, said: str) -> None:
    head = "from fastapi import APIRouter\nfrom makers import jobs, mail, settings\nrouter = APIRouter()\n"
    source = f"{head}\n@router.get('/things')\nasync def things(key: int, session):\n    {body}\n"
    found = judged(source, makers=MAKERS).issues
    expected = [f"GET /things writes: {said}"] if said else []
    assert [one.message for one in found if one.rule == "routes.get_writes"] == expected
    read = source.replace("/things", "/things/trigger").replace("def things", "def get_trigger")
    renamed = [one.message for one in judged(read, makers=MAKERS).issues if one.rule == "routes.get_writes"]
    assert renamed == [one.replace("/things", "/things/trigger") for one in expected]
    for path in ("/auth/callback", "/things/webhook"):
        assert "routes.get_writes" not in {one.rule for one in judged(source.replace("/things", path)).issues}
