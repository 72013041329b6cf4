"""The command log's lines: what belongs together is one, and what is pasted becomes the bytes that were sent."""

import os
import random
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from optimus_tui.probes.round_trips import CommandLog, RoundTrip
from optimus_tui.settings.model import RedisTarget, Secret, Settings
from optimus_tui.tui.command_log.lines import (
    ASKED,
    CommandRun,
    LoggedCommand,
    Polled,
    add_run,
    command_words,
    exported,
    fields,
    line_words,
    pasted,
    runs_of,
    to_paste,
)
from optimus_tui.tui.widgets.cells import fit_columns
from optimus_tui.wording.truth import BRIEF_FAULTS
from tests.fixed_clock import FixedClock

bash = shutil.which("bash")
SETTINGS = Settings(redis=RedisTarget(host="127.0.0.1", port=6399, username="ops", password=Secret("CANARY-1"), db=3))
NASTY = [b"", b"-rf", b"--eval", b"*", b"?[a]", b"$(touch pwned)", b"`touch pwned`", b"!!", b"!$", b"a!b'!c", b"'",
         b'"', b"\\", b"\\'", b"\n", b"\r\n", b"\x1b[2J", b"~", b"#x", b"{a,b}", b"a b", b"\xff\xfe", b"%s\\x00",
         b"\x7f", b"=x", b"a\0b", b"\0", b'\0"\\', b"\0'!!`x`"]  # fmt: skip
FAKE = """#!/bin/sh
printf '%s\\0' $# "$@"
if [ $# -eq 8 ]; then cat; printf '\\0'; fi
"""
"""Tells how many words it was started with, and the words; with none but the address, what it reads."""


def one(words: tuple[bytes, ...], log: CommandLog | None = None) -> LoggedCommand:
    trip = (log or CommandLog(FixedClock())).sent([words])
    return LoggedCommand(trip, 0, trip.commands[0])


def shell_runs(lines: list[str], tmp_path: Path, prelude: str = "") -> list[list[bytes]]:
    """The words that arrive at redis-cli with each line, as arguments or as it reads them from its input."""
    fake = tmp_path / "redis-cli"
    fake.write_text(FAKE)
    fake.chmod(0o700)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "HISTFILE": ""}
    words = [bash or "bash", "--norc", "--noprofile"]
    script = prelude + "\n".join(lines) + "\n"
    done = subprocess.run(words, input=script.encode("ascii"), capture_output=True, env=env, cwd=tmp_path, timeout=60)
    assert done.stderr == b""
    assert not (tmp_path / "pwned").exists()
    told, arrived = iter(done.stdout.split(b"\0")[:-1]), []
    for count in told:
        _address, rest = [next(told) for _ in range(8)], [next(told) for _ in range(int(count) - 8)]
        arrived.append(rest or words_of_redis(next(told)))
    return arrived


def words_of_redis(line: bytes) -> list[bytes]:
    """redis-cli's own quoting: words in double quotes with escapes, one blank between them."""
    assert line.startswith(b'"')
    assert line.endswith(b'"\n')
    return [word.decode("unicode_escape").encode("latin-1") for word in line[1:-2].split(b'" "')]


@pytest.mark.skipif(bash is None, reason="no bash on this machine")
@pytest.mark.parametrize("prelude", ["", "set -o history; set -o histexpand\n"])
def test_two_hundred_random_names_survive_the_paste_into_bash_row_11(prelude: str, tmp_path: Path) -> None:
    rng = random.Random(7)
    names = NASTY + [rng.randbytes(rng.randrange(1, 30)) for _ in range(200 - len(NASTY))]
    lines = [pasted(one((b"PTTL", name)), SETTINGS) for name in names]
    assert "CANARY" not in "".join(lines)
    assert all(line.isascii() and line.isprintable() for line in lines)
    assert shell_runs(lines, tmp_path, prelude) == [[b"PTTL", name] for name in names]


@pytest.mark.skipif(bash is None, reason="no bash on this machine")
def test_a_request_is_copied_as_curl_with_its_method_headers_and_body(tmp_path: Path) -> None:
    log = CommandLog(FixedClock())
    url = b"http://127.0.0.1:8020/api/chat?q=$(touch pwned)&x={a}[1]"
    body = b"@/etc/passwd 'x' !! \xff"
    trip = log.requested(b"POST", url, [(b"X-Tenant-ID", b"a'b"), (b"Authorization", b"CANARY-2")], body)
    line = pasted(LoggedCommand(trip, 0, trip.commands[0]), SETTINGS)
    assert "CANARY" not in line
    (tmp_path / "curl").write_text("#!/bin/sh\nfor word; do printf '%s\\0' \"$word\"; done\n")
    (tmp_path / "curl").chmod(0o700)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    words = subprocess.run([bash or "bash", "-c", line], capture_output=True, env=env, cwd=tmp_path).stdout.split(b"\0")
    told = [b"-sS", b"-g", b"-X", b"POST", b"-H", b"X-Tenant-ID: a'b", b"--data-raw", body, url, b""]
    assert words == told
    assert not (tmp_path / "pwned").exists()


def test_what_is_not_kept_or_was_never_sent_is_a_plain_comment() -> None:
    log = CommandLog(FixedClock())
    assert pasted(one((b"SET", b"$(reboot)", b"v", b"EX", b"60")), SETTINGS) == (
        "# SET: not copied, a part of it is not kept"
    )
    log.refused((b"FLUSHALL;$(reboot)",), "no")
    trip = log.since()[0][0]
    comment = pasted(LoggedCommand(trip, 0, trip.commands[0]), SETTINGS)
    assert comment == "# it: not copied, it was refused and never sent"


def test_a_write_is_copied_for_the_login_that_wrote() -> None:
    settings = Settings(redis=RedisTarget(host="a"), operator_redis=RedisTarget(host="b", username="operator"))
    command = one((b"UNLINK", b"k"))
    command.round_trip.client = "optimus-tui-operator"
    assert pasted(command, settings) == "redis-cli -h b -p 6379 --user operator UNLINK k"


# -- lines -------------------------------------------------------------------------------------------------------------


def lines_of(*trips: RoundTrip) -> list[CommandRun]:
    runs: list[CommandRun] = []
    for trip in trips:
        for run in runs_of(trip):
            if not (runs and runs[-1].joined(run)):
                runs.append(run)
    return runs


def test_looks_of_one_kind_are_one_line_also_in_turns_and_writes_stay_apart_trip_by_trip() -> None:
    log = CommandLog(FixedClock())
    scans = [log.sent([(b"SCAN", b"%d" % at)]) for at in range(5)]
    turns = log.sent([words for at in range(9) for words in ((b"GET", b"k%d" % at), (b"PTTL", b"k%d" % at))])
    differing = log.sent([(b"INFO",), (b"DBSIZE",)])
    writes = [log.sent([(b"UNLINK", b"%d" % at) for at in range(3)]) for _ in range(2)]
    told = [(line_words(run), run.count) for run in lines_of(*scans, turns, differing, *writes)]
    assert told == [
        ("SCAN 0", 5), ("GET+PTTL k0", 18), ("INFO", 1), ("DBSIZE", 1), ("UNLINK 0", 3), ("UNLINK 0", 3),
    ]  # fmt: skip


def test_every_command_of_a_line_is_in_its_detail_its_paste_and_the_export() -> None:
    log = CommandLog(FixedClock())
    trip = log.sent([(b"PTTL", b"k%d" % at) for at in range(150)])
    (run,) = lines_of(trip)
    assert [command.words[1] for command in run.commands()] == [b"k%d" % at for at in range(150)]
    lines = to_paste(run, SETTINGS).splitlines()
    assert len(lines) == 101
    assert lines[-1] == "# 50 more are not copied: the export has them"
    told = exported([run], SETTINGS)
    assert len(told) == 150
    assert told[149].startswith("2026-11-18 ")
    assert told[149].endswith("\tredis-cli -h 127.0.0.1 -p 6399 --user ops -n 3 PTTL k149")


def test_what_went_wrong_is_said_first_and_how_many() -> None:
    log = CommandLog(FixedClock())
    trip = log.sent([(b"GET", b"%d" % at) for at in range(4)])
    (run,) = lines_of(trip)
    assert run.outcome() == ("waiting", "accent")
    trip.answer()
    trip.answer("WRONGTYPE x")
    trip.lose("no answer: none came in time")
    assert run.outcome() == ("3 of 4: WRONGTYPE x", "crit")
    assert fields(run)["kind"] == "read"


def test_hostile_words_are_shown_apart_elided_and_without_a_control_character() -> None:
    text = command_words((b"GET", b"a b", b"", b"\x1b]52;c;x\x07\n", b"x" * 5000, *[b"w"] * 20))
    assert text.isprintable()
    assert text.startswith('GET "a b" "" ')
    assert text.endswith("… 13 more")
    assert len(text) < 200


def test_a_poll_says_its_last_outcome_and_its_failures() -> None:
    from optimus_tui.probes.round_trips import attributed_to

    log = CommandLog(FixedClock())
    with attributed_to("gateway", poll=True):
        trip = log.requested(b"GET", b"http://x/health")
        (line,) = map(Polled, log.polls())
        assert line.outcome()[0] == "waiting"
        trip.status = 503
        trip.answer()
        assert line.outcome() == ("503", "crit")
        log.requested(b"GET", b"http://x/health").lose("no answer in time")
    assert line.outcome() == ("1 failed: no answer in time", "crit")
    assert line.count == 2


def test_requests_that_only_read_are_one_line_and_none_that_failed_is_hidden_in_it() -> None:
    log, runs = CommandLog(FixedClock()), list[CommandRun]()
    for method, status in ((b"GET", 200), (b"GET", 503), (b"GET", 200), (b"POST", 200), (b"POST", 200)):
        trip = log.requested(method, b"http://x/metrics")
        trip.status = status
        trip.answer()
        for run in runs_of(trip):
            add_run(runs, run)
    assert [run.count for run in runs] == [3, 1, 1], "what may change something stays apart"
    assert [run.outcome() for run in runs] == [("1 of 3: 503", "crit"), ("200", "good"), ("200", "good")]


def test_reads_that_take_turns_are_a_line_a_kind_but_not_across_a_write() -> None:
    log, runs = CommandLog(FixedClock()), list[CommandRun]()
    for words in [(b"DBSIZE",), (b"PING",)] * 3 + [(b"UNLINK", b"a"), (b"PING",)]:
        for run in runs_of(log.sent([words])):
            add_run(runs, run)
    assert [(run.words[0], run.count) for run in runs] == [(b"DBSIZE", 3), (b"PING", 3), (b"UNLINK", 1), (b"PING", 1)]


def test_what_came_of_a_request_stands_whole_at_80_columns() -> None:
    whole = len(BRIEF_FAULTS["timeout"])
    columns = [replace(one, enough={"command": 60, "outcome": whole}.get(one.id, 0)) for one in ASKED.columns]
    assert {column.id: cells for column, cells in fit_columns(columns, 76)}["outcome"] == whole
