"""The book of alerts in a real history file: what outlives a restart, what another watcher sees, what damage does."""

import stat
from pathlib import Path

import msgspec
import pytest

from optimus_tui.cli.record import record
from optimus_tui.context import Context
from optimus_tui.contract.finding_causes import RESTART
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.services import HealthReport
from optimus_tui.history.samples.store import Store
from optimus_tui.sampling.alert_book import MUTES, AlertBook
from optimus_tui.settings.model import RedisTarget, Settings
from optimus_tui.verdicts.alerts import EPISODES, HOLD_SECONDS, MAX_ENDED, SETTLE_SECONDS
from optimus_tui.verdicts.own_acts import ACTS, OwnAct
from tests.fixed_clock import FixedClock
from tests.realserver import nobody_port

DOWN = Finding(rule="services.engine", severity="critical", subject="engine", message="engine does not answer")


class Place:
    """Books on one file, each with a store of its own, as processes have."""

    def __init__(self, path: Path) -> None:
        self.path, self.clock = path, FixedClock()
        self.stores: list[Store] = []

    async def book(self) -> AlertBook:
        store = Store(self.path, "one system", clock=self.clock)
        self.stores.append(store)
        book = AlertBook(lambda: store, self.clock)
        await book.load()
        return book

    def see(self, book: AlertBook, *findings: Finding, after: float = 2.0) -> list[str]:
        self.clock.advance(after)
        return [notice.kind for notice in book.take(HealthReport(findings=findings))]

    async def close(self) -> None:
        for store in self.stores:
            await store.close()


@pytest.fixture
async def place(tmp_path: Path):  # type: ignore[no-untyped-def]
    one = Place(tmp_path / "history" / "test.sqlite")
    yield one
    await one.close()


async def test_what_happened_at_two_is_read_at_three(place: Place) -> None:
    night = await place.book()
    place.see(night)
    place.see(night, after=SETTLE_SECONDS)
    assert place.see(night, DOWN) == ["appeared"]
    place.see(night, DOWN, after=600)
    place.see(night)
    assert place.see(night, after=HOLD_SECONDS) == ["cleared"]
    await night.sync()
    place.clock.advance(3600)
    morning = await place.book()
    (seen,) = morning.episodes()
    assert (seen.finding.subject, seen.end, seen.lasted) == ("engine", "cleared", 600.0)
    assert stat.S_IMODE(place.path.stat().st_mode) == 0o600


async def test_two_watchers_write_one_history_and_hear_each_others_mutes(place: Place) -> None:
    one, other = await place.book(), await place.book()
    for book in (one, other):
        place.see(book, DOWN)
        place.see(book, DOWN, after=SETTLE_SECONDS)
    assert await one.mute(DOWN, 900, "a deploy")
    await one.sync()
    await other.sync()
    await one.sync()
    assert len(one.episodes()) == len(other.episodes()) == 1
    (mute,) = other.muted_now().values()
    assert mute.reason == "a deploy"
    assert await other.unmute(mute)
    await one.sync()
    assert one.muted_now() == {}


async def test_a_mute_survives_a_restart_and_ends_by_itself(place: Place) -> None:
    first = await place.book()
    place.see(first, DOWN)
    assert await first.mute(DOWN, 900, "known")
    again = await place.book()
    assert place.see(again, DOWN) == []
    assert place.see(again, DOWN, after=SETTLE_SECONDS) == []
    assert place.see(again, DOWN, after=900) == ["still"]
    assert (await place.book()).muted_now() == {}


async def test_what_was_done_at_one_screen_is_known_to_every_other_process(place: Place) -> None:
    one, other = await place.book(), await place.book()
    one.expect(RESTART, "engine")()
    other.expect("invalidate_tenant", "clinic_a", place.clock.wall() - 5)()
    for book in (one, other):
        await book.sync()
    noted = msgspec.json.decode(await place.stores[0].recall(ACTS) or b"", type=list[OwnAct])
    assert [(act.kind, act.subject) for act in noted] == [(RESTART, "engine"), ("invalidate_tenant", "clinic_a")]


@pytest.mark.parametrize(
    "damaged", [b"", b"{", b"\xff\xfe", b'[{"rule":1}]', b"[" * 5000, b'[{"rule":"x","subject":"y","at":null}]']
)
async def test_a_damaged_document_is_set_aside_and_said_and_mutes_nothing(place: Place, damaged: bytes) -> None:
    store = Store(place.path, "one system", clock=place.clock)
    place.stores.append(store)
    assert await store.remember(MUTES, damaged) and await store.remember(EPISODES, damaged)
    book = await place.book()
    assert book.muted_now() == {} and book.episodes() == ()
    assert "set aside" in book.trouble
    assert await store.recall(f"{MUTES}.damaged") == damaged
    assert await book.mute(DOWN, 900, "known")
    assert len((await place.book()).mutes) == 1


async def test_a_mute_that_cannot_be_kept_holds_in_memory_and_is_said_and_kept_later(tmp_path: Path) -> None:
    folder = tmp_path / "history"
    folder.write_text("a file where the folder should be")
    place = Place(folder / "test.sqlite")
    book = await place.book()
    assert not await book.mute(DOWN, 900, "known")
    assert book.trouble.startswith("kept in memory only")
    await book.sync()
    assert len(book.muted_now()) == 1
    folder.unlink()
    await book.sync()
    assert book.trouble == ""
    assert len((await place.book()).muted_now()) == 1
    await place.close()


async def test_the_documents_of_a_long_year_stay_small(place: Place) -> None:
    book = await place.book()
    long = "x" * 400
    for i in range(MAX_ENDED + 100):
        one = Finding(rule="cache.large", severity="high", subject=f"{i}", message=long, impact=long, remedy=long)
        place.see(book, one, after=HOLD_SECONDS * 2)
    await book.sync()
    document = await place.stores[0].recall(EPISODES)
    assert document is not None and len(document) < 1_000_000
    assert (await place.book()).episodes()[0].finding.subject == f"{MAX_ENDED + 99}"


async def test_a_recording_without_a_screen_keeps_the_night_for_the_morning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    nobody = f"http://127.0.0.1:{nobody_port()}"
    redis = RedisTarget(host="127.0.0.1", port=nobody_port())
    settings = Settings(environment="night", gateway_url=nobody, engine_url=nobody, redis=redis)
    assert await record(settings, minutes=0.05) == 0
    context = Context(settings)
    morning = AlertBook(lambda: context.store, context.clock)
    await morning.load()
    await context.aclose()
    kept = {one.finding.rule: one for one in morning.episodes()}
    assert {"services.gateway", "services.engine", "server.unreachable"} <= kept.keys()
    assert kept["services.engine"].end == "", "nobody saw it end"
