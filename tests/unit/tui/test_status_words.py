"""The status line's words for what is armed: the address stays while there is any room for it."""

from itertools import pairwise

import pytest
from rich.cells import cell_len

from optimus_tui.contract.actions import Where
from optimus_tui.settings.model import Settings
from optimus_tui.tui.dashboard.status_line import mode_room, status_words, target_words
from optimus_tui.tui.widgets.bars import words_that_fit
from optimus_tui.wording.truth import OVERALL_MARKS, StateGlyph


def where(place: str) -> Where:
    return Where(environment="demo", place=place, db=0, user="default", run_id="", replid="", role="master")


@pytest.mark.parametrize(
    ("place", "room", "words"),
    [
        ("127.0.0.1:25714", 60, "  127.0.0.1:25714 db 0 as default"),
        ("127.0.0.1:25714", 24, "  127.0.0.1:25714 db 0"),
        ("127.0.0.1:25714", 17, "  127.0.0.1:25714"),
        ("cache-7.prod.example.org:6379", 20, "  cache-7.pro…g:6379"),
        ("127.0.0.1:25714", 8, "  :25714"),
        ("/run/redis.sock", 8, ""),
        ("127.0.0.1:25714", -3, ""),
    ],
)
def test_the_target_is_shortened_and_not_dropped(place: str, room: int, words: str) -> None:
    told = target_words(where(place), room)
    assert cell_len(told) <= max(0, room)
    assert told == words


def test_at_80_columns_there_is_room_for_an_address() -> None:
    room = mode_room(Settings(environment="demo"), 80) - len("ARMED 10:00")
    assert target_words(where("127.0.0.1:25714"), room) == "  127.0.0.1:25714"


@pytest.mark.parametrize("clock", ["drill: any moment", "drill 1 min 3 s", "drill 12 min", "drill: ends in 12 s"])
def test_at_80_columns_a_drill_s_clock_stands_whole_beside_what_is_armed(clock: str) -> None:
    settings = Settings(environment="demo")
    room = mode_room(settings, 80, clock) - len("ARMED 10:00")
    mode = "ARMED 10:00" + target_words(where("127.0.0.1:25714"), room)
    verdict = OVERALL_MARKS["needs_attention"]
    left, right = status_words(settings, ((f"{clock}: press i", clock), True), verdict, 0.0, 0.0, 80, (mode, "b:error"))
    shown = words_that_fit(left, 80 - sum(cell_len(text) for text, _ in right) - 1)
    assert shown == left, "nothing is cut"
    assert shown[-1][0].strip() == clock and any(text.strip().startswith("ARMED 10:00") for text, _ in shown)
    assert shown[0][0] == " demo"
    assert "5714" in mode or clock.startswith("drill: ends")


def test_the_product_s_name_stays_where_the_note_has_room_or_is_no_urgent_one() -> None:
    settings = Settings(environment="demo")
    for note in ((("drill 12 min",), True), (("coherence-storm " * 5,), False)):
        left, _ = status_words(settings, note, None, 0.0, 0.0, 80)
        assert left[0][0] == " OPTIMUS"


@pytest.mark.parametrize("width", [60, 64, 80, 100, 140])
@pytest.mark.parametrize("verdict", OVERALL_MARKS.values())
@pytest.mark.parametrize(
    ("proof", "short"),
    [
        ("", ""),
        ("fixed 1 min 3 s after you acted", "fixed"),
        ("better, but not fixed 32 s after you acted", "better, but not fixed"),
        ("not known whether it helped 1 min 52 s after you acted", "not known whether it helped"),
        ("4 of 5 checks of engine came, proof possible at 10:49:42", "4 of 5 checks of engine came"),
        ("proof possible at 10:43:58", " at 10:43:58"),
        ("Stop jobs that drop cached answers in bulk: under way", "under way"),
    ],
)
def test_the_verdict_the_clock_and_the_proof_stand_at_every_width(
    width: int, verdict: StateGlyph, proof: str, short: str
) -> None:
    left, right = status_words(
        Settings(environment="demo"), (("quiet",), False), verdict, 4.0, 0.0, width, incident=(proof, "accent")
    )
    told = "".join(text for text, _ in (*left, *right))
    assert cell_len(told) < width
    assert "00:00:00 UTC" in told and "demo" in told and short in told
    assert "read-only" in told or width < 80, "the verdict's word stays longer"
    assert verdict.glyph in "".join(text for text, _ in right)
    if width == 140:
        assert proof.partition("; ")[0] in told and verdict.text in told


@pytest.mark.parametrize("width", [60, 80, 140])
def test_the_proof_of_the_open_incident_stays_where_the_name_and_the_note_give_way(width: int) -> None:
    proof, note = "proof possible at 00:49:50", (("demo: engine-slow",), False)
    verdict = OVERALL_MARKS["needs_attention"]
    left, right = status_words(
        Settings(environment="demo"), note, verdict, 4.0, 0.0, width, ("read-only", "quiet"), 3, (proof, "accent")
    )
    told = "".join(text for text, _ in (*left, *right))
    assert (proof in told) == (width >= 80) and "proof" in told and "at 00:49:50" in told
    assert "demo" in told and "UTC" in told and cell_len(told) < width
    assert verdict.text in told or width < 80
    assert ("OPTIMUS" in told) == (width == 140)


def test_at_80_columns_the_verdict_keeps_its_word_beside_what_is_armed_and_a_proof() -> None:
    settings, verdict = Settings(environment="demo"), OVERALL_MARKS["needs_attention"]
    proof = "too early, proof possible at 19:13"
    _, right = status_words(
        settings, None, verdict, 0.0, 0.0, 80, ("ARMED 10:00  127.0.0.1:25714", "b:error"), incident=(proof, "accent")
    )
    assert right[0][0].strip() == verdict.text


@pytest.mark.parametrize("width", range(60, 141, 4))
@pytest.mark.parametrize("mode", [("read-only", "quiet"), ("ARMED 10:00  :25714", "b:error")])
def test_environment_verdict_armed_and_the_time_with_its_zone_never_go(width: int, mode: tuple[str, str]) -> None:
    settings, verdict = Settings(environment="production-of-europe-1"), OVERALL_MARKS["needs_attention"]
    note = (("drill 12 min",), True) if width >= 80 else None
    left, right = status_words(settings, note, verdict, 4.0, 0.0, width, mode, 12, ("fixed 63 s after you acted", ""))
    told = "".join(text for text, _ in (*left, *right))
    assert cell_len(told) < width, told
    assert (
        "prod" in told
        and "00:00:00 UTC" in told
        and "fixed" in told
        and (mode[0] in told or mode[0] == "read-only" or width < 80)
    )
    assert right[0][0].strip() in (verdict.text, verdict.glyph), "a whole verdict, or its mark"


def test_what_gives_way_first_is_fixed() -> None:
    settings, verdict = Settings(environment="demo"), OVERALL_MARKS["needs_attention"]
    shown = []
    for width in range(140, 59, -1):
        left, right = status_words(settings, (("engine-slow",), False), verdict, 4.0, 0.0, width, muted=3)
        told = "".join(text for text, _ in (*left, *right))
        gone = [one for one in ("own requests", "engine-slow", "OPTIMUS", "muted", "read-only") if one not in told]
        shown.append(gone)
    assert all(before == after[: len(before)] for before, after in pairwise(shown)), shown
