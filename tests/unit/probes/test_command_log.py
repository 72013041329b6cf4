"""What left is kept: whole for what a person asked, folded for polls, bounded, and never with a secret."""

import asyncio
from typing import Any

import pytest

from optimus_tui.probes.round_trips import CommandLog, Hidden, attributed_to, is_write
from optimus_tui.settings.tuning import Tuning
from tests.fixed_clock import FixedClock
from tests.memory import holds

CANARY = b"CANARY-hunter2"


def test_what_a_person_asked_is_kept_one_by_one_with_its_bytes_time_and_outcome() -> None:
    clock = FixedClock()
    log = CommandLog(clock)
    with attributed_to("value"):
        trip = log.sent([(b"TYPE", b"k\xff\n"), (b"MEMORY", "USAGE", b"k\xff\n", "SAMPLES", 5)])
    assert trip.outcome(0) == "waiting"
    trip.answer()
    clock.advance(0.25)
    trip.answer(ValueError("NOPERM no right\x1b[2J"))
    kept, _ = log.since()
    assert [one.commands for one in kept] == [
        ((b"TYPE", b"k\xff\n"), (b"MEMORY", b"USAGE", b"k\xff\n", b"SAMPLES", b"5"))
    ]
    assert (trip.behalf.label, trip.outcome(0), trip.took_ms) == ("value", "ok", 250.0)
    assert trip.outcome(1) == "NOPERM no right\\x1b[2J"


def test_polls_are_folded_by_source_and_command_and_take_no_room_from_what_was_asked() -> None:
    log = CommandLog(FixedClock())
    for number in range(1000):
        for source in ("limits", "keys"):
            with attributed_to(source, poll=True):
                log.sent([(b"PTTL", b"k%d" % number), (b"PTTL", b"m%d" % number), (b"INFO",)])
    folds = {(fold.behalf.label, fold.words): fold.count for fold in log.polls()}
    assert folds == {
        ("keys", (b"PTTL", b"m999")): 2000,
        ("keys", (b"INFO",)): 1000,
        ("limits", (b"PTTL", b"m999")): 2000,
        ("limits", (b"INFO",)): 1000,
    }
    assert log.since()[0] == []


def test_a_poll_that_fails_is_counted_with_its_reason_and_the_others_stay_well() -> None:
    log = CommandLog(FixedClock())
    with attributed_to("limits", poll=True):
        for _ in range(3):
            trip = log.sent([(b"GET", b"a"), (b"PTTL", b"a")])
            trip.answer("WRONGTYPE no string")
            trip.lose("no answer: the connection ended")
            trip.lose("no answer: none came in time")
    told = {fold.words[0]: (fold.errors, fold.error) for fold in log.polls()}
    assert told == {b"GET": (3, "WRONGTYPE no string"), b"PTTL": (3, "no answer: none came in time")}


@pytest.mark.parametrize("bound", ["most_trips", "most_logged_commands", "most_logged_bytes"])
def test_the_ring_is_bounded_in_trips_commands_and_bytes_and_says_what_is_gone(bound: str) -> None:
    most: dict[str, Any] = {bound: 1000}
    log = CommandLog(FixedClock(), tuning=Tuning(**most))
    for number in range(3000):
        log.sent([(b"GET", b"%d" % number)])
    kept, oldest = log.since()
    assert 0 < len(kept) <= 1000
    assert log.dropped == 3000 - len(kept)
    assert kept[0].seq == oldest == log.dropped + 1
    assert kept[-1].commands == ((b"GET", b"2999"),)
    assert log.since(kept[-2].seq)[0] == [kept[-1]]


def test_nothing_sent_is_nothing_kept() -> None:
    log = CommandLog(FixedClock())
    assert log.sent([]).count == 0
    assert log.since()[0] == []


def test_a_command_too_large_to_look_at_is_told_by_its_size() -> None:
    log = CommandLog(FixedClock())
    log.sent([(b"GET", b"x" * 1_000_000)])
    (words,) = log.since()[0][0].commands
    assert words == (b"GET", "1 words of 1,000,003 bytes")
    assert isinstance(words[1], Hidden)


@pytest.mark.parametrize("poll", [False, True])
def test_no_login_no_value_and_no_servers_echo_of_them_enters_the_log(poll: bool) -> None:
    log = CommandLog(FixedClock())
    text = CANARY.decode()
    with attributed_to("x", poll=poll):
        for words in (
            (b"AUTH", CANARY), (b"auth", b"ops", text), ("HELLO", 3, "AUTH", "ops", text),
            (b"hello", b"3", b"AUTH", CANARY), (b"SET", b"integration_test:t:1", CANARY, b"EX", 60), ("set", "k", text),
        ):  # fmt: skip
            trip = log.sent([words])
            if words[0] not in (b"SET", "set"):
                trip.answer(ValueError(f"ERR unknown command, with args beginning with: `3` `AUTH` `{text}`"))
            log.refused(words, "not on the list")
            del words
    assert not holds(log, CANARY)
    assert holds([CANARY], CANARY)
    kept = [command for trip in log.since()[0] for command in trip.commands]
    assert (b"SET", b"integration_test:t:1", "14 bytes", b"EX", b"60") in kept


def test_a_tool_within_a_step_says_both_and_a_thread_of_its_own_says_the_same() -> None:
    log = CommandLog(FixedClock())

    async def work() -> None:
        with attributed_to("incident"), attributed_to("diagnose"):
            await asyncio.to_thread(log.sent, [(b"PING",)])
        with attributed_to("limits", poll=True), attributed_to("connection", poll=True):
            log.sent([(b"HELLO", b"3")])
        log.sent([(b"PING",)])

    asyncio.run(work())
    assert [trip.behalf.label for trip in log.since()[0]] == ["incident › diagnose", ""]
    assert [fold.behalf.label for fold in log.polls()] == ["connection"]


@pytest.mark.parametrize(
    "words", [(b"UNLINK", b"k"), (b"expire", b"k", b"1"), (b"FLUSHALL",), (b"PUBLISH", b"c", b"m")]
)
def test_what_is_not_known_to_be_a_look_is_a_write(words: Any) -> None:
    assert is_write(words)
    assert not is_write((b"pttl", b"k"))
    assert not is_write((b"INFO",))
