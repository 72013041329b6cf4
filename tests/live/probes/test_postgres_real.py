"""Postgres itself, not a stand-in: up, down, slow, full, a wrong password, a missing database."""

import os
from collections.abc import Iterator
from urllib.parse import quote

import psycopg
import pytest

from optimus_tui.clock import Clock
from optimus_tui.contract.services import ServiceState
from optimus_tui.probes.postgres import DEADLINE_S, read_postgres
from optimus_tui.settings.model import Secret
from tests.realpostgres import PASSWORD, USER, RealPostgres, postgres_folder


@pytest.fixture(scope="module")
def postgres() -> Iterator[RealPostgres]:
    programs = postgres_folder()
    if programs is None:
        if os.environ.get("CI"):
            pytest.fail("no postgres on this machine")
        pytest.skip("no postgres on this machine")
    server = RealPostgres(programs)
    yield server
    server.stop()


def dsn(postgres: RealPostgres, password: str = PASSWORD, database: str = "postgres", user: str = USER) -> str:
    return f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{postgres.port}/{database}"


async def looked(address: str) -> ServiceState:
    reading = await read_postgres(Secret(address), Clock())
    assert reading.value is not None
    said = repr(reading)
    assert PASSWORD not in said and "wrong-one" not in said and quote(PASSWORD, safe="") not in said
    assert reading.took_ms is None or reading.took_ms < (DEADLINE_S + 1) * 1000
    return reading.value


async def test_it_is_connected_with_its_version(postgres: RealPostgres) -> None:
    state = await looked(dsn(postgres))
    assert state.status == "connected" and state.fault is None and state.version is not None
    assert state.latency_ms is not None and state.latency_ms > 0


@pytest.mark.parametrize(
    ("changed", "kind"),
    [({"password": "wrong-one"}, "auth"), ({"user": "nobody"}, "auth"), ({"database": "nowhere"}, "invalid")],
)
async def test_a_wrong_login_or_database_is_an_error_in_our_words(
    postgres: RealPostgres, changed: dict[str, str], kind: str
) -> None:
    state = await looked(dsn(postgres, **changed))
    assert state.status == "error" and state.fault is not None and state.fault.kind == kind
    assert "POSTGRES_DSN" in (state.fault.remedy or "")


async def test_a_full_server_is_busy(postgres: RealPostgres) -> None:
    held: list[psycopg.Connection] = []
    try:
        while len(held) < 8:
            try:
                held.append(psycopg.connect(dsn(postgres)))
            except psycopg.OperationalError:
                break
        state = await looked(dsn(postgres))
        assert state.status == "error" and state.fault is not None and state.fault.kind == "busy"
    finally:
        for one in held:
            one.close()


async def test_a_server_that_does_not_answer_is_a_timeout_and_heals(postgres: RealPostgres) -> None:
    postgres.freeze()
    try:
        state = await looked(dsn(postgres))
    finally:
        postgres.thaw()
    assert state.status == "disconnected" and state.fault is not None and state.fault.kind == "timeout"
    assert (await looked(dsn(postgres))).status == "connected"


async def test_a_server_that_is_down_is_disconnected_and_back_when_it_is(postgres: RealPostgres) -> None:
    postgres.end()
    state = await looked(dsn(postgres))
    assert state.status == "disconnected" and state.fault is not None and state.fault.kind == "refused"
    postgres.start()
    assert (await looked(dsn(postgres))).status == "connected"
