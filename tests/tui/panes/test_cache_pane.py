"""The cache pane: the tree, its countdowns, what it asks for and what it tells, and what hostile names do to it."""

import asyncio
import re

import pytest
from textual.pilot import Pilot

from optimus_tui.contract.keyspace import KeyDetail, KeyPreview
from optimus_tui.contract.reading import Coverage, Fault, Reading
from optimus_tui.grammar.filter import parse_filter
from optimus_tui.tui.dialogs.sheets import SheetDialog
from optimus_tui.tui.messages import CopyRequested, InterestChanged, PreviewRequested
from optimus_tui.tui.panes.cache.picking import Leaves
from optimus_tui.tui.panes.cache.rows import KeyLists, KeyRow, TreeOptions, build_tree
from tests.fixed_clock import FixedClock
from tests.sizes import SIZES
from tests.tui.panes.cache_scene import KEYS, Scene, filled, press, read, settle

HOSTILE = [
    b"\x1b]52;c;aGk=\x07",
    b"\x1b[2J\x9d",
    b"a\r\nb\x00c",
    "\u202eevil\u2066".encode(),
    b"[red]x[/]",
    b"[@click=app.quit]x[/]",
    b"\xff\xfe",
    b"x" * 10_000,
    ("e" + "\u0301" * 5000).encode(),
    "日本語キー".encode(),
    "d\u0435mo".encode(),
    b"demo ",
]


async def until(pilot: "Pilot[None]", holds: "object") -> None:
    """Wait for a condition, at most three seconds."""
    for _ in range(1200):
        if holds():  # type: ignore[operator]
            return
        await pilot.pause(0.05)
    pytest.fail("it never came to hold")


# -- messages ----------------------------------------------------------------------------------------------------------


async def test_only_the_keys_in_view_are_asked_for_and_none_while_hidden() -> None:
    scene = Scene({b"cache:conversation:demo:%03d" % n: 60_000 for n in range(200)})
    async with scene.app.run_test(size=(80, 12)) as pilot:
        await scene.arrive(pilot)
        assert not scene.app.heard(InterestChanged)
        await press(scene, pilot, "enter", "down", "enter")
        await until(pilot, lambda: scene.app.heard(InterestChanged))
        wanted = scene.app.heard(InterestChanged)[-1].keys
        assert wanted == tuple(b"cache:conversation:demo:%03d" % n for n in range(7))
        await press(scene, pilot, "end")
        await until(pilot, lambda: scene.app.heard(InterestChanged)[-1].keys[-1:] == (b"cache:conversation:demo:199",))
        scene.pane.display = False
        await until(pilot, lambda: scene.app.heard(InterestChanged)[-1].keys == ())
        scene.pane.display = True
        await until(pilot, lambda: scene.app.heard(InterestChanged)[-1].keys)


async def test_a_value_is_asked_for_by_a_key_press_and_only_for_a_key() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(80, 20)) as pilot:
        await scene.arrive(pilot)
        await press(scene, pilot, "v")
        assert not scene.app.heard(PreviewRequested)
        await press(scene, pilot, "enter", "down", "enter", "down", "v")
        assert [m.key for m in scene.app.heard(PreviewRequested)] == [b"cache:conversation:demo_dentist:12345"]


async def test_y_copies_the_whole_name_of_a_key() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(80, 20)) as pilot:
        await scene.arrive(pilot)
        await press(scene, pilot, "enter", "down", "enter", "down", "y")
        assert scene.app.heard(CopyRequested)[-1].text == "cache:conversation:demo_dentist:12345"


# -- the tree ----------------------------------------------------------------------------------------------------------


async def test_kinds_open_into_tenants_and_tenants_into_keys_with_their_countdowns() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(80, 20)) as pilot:
        await scene.arrive(pilot)
        assert "▸ conversation" in scene.text()
        assert "demo_dentist" not in scene.text()
        await press(scene, pilot, "right", "right", "right")
        lines = scene.lines()
        assert any(re.search(r"▾ demo_dentist +3 ", line) for line in lines)
        assert any(re.search(r"12345 +4:05", line) for line in lines)
        assert any(re.search(r"12399 +∞ none", line) for line in lines)
        scene.clock.advance(5)
        scene.pane.tick()
        await pilot.pause()
        assert any(re.search(r"12345 +4:00", line) for line in scene.lines())


async def test_left_goes_up_to_the_group_and_then_closes_it() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(80, 20)) as pilot:
        await scene.arrive(pilot)
        await press(scene, pilot, "l", "l", "l", "l", "down")
        assert isinstance(scene.pane.selected, KeyRow)
        await press(scene, pilot, "h")
        assert scene.pane.selected.tenant == b"demo_dentist"  # type: ignore[attr-defined]
        await press(scene, pilot, "h")
        assert len(scene.pane.rows) == 4
        await press(scene, pilot, "h", "h")
        assert len(scene.pane.rows) == 2


async def test_details_show_size_and_type_and_a_key_that_is_gone() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(80, 20)) as pilot:
        await scene.arrive(pilot)
        await press(scene, pilot, "enter", "down", "enter")
        mono = scene.clock.mono()
        scene.pane.put_details(
            (
                KeyDetail(key=b"cache:conversation:demo_dentist:12345", type="hash", ttl_ms=9000, bytes_used=1024,
                          taken_mono=mono),
                KeyDetail(key=b"cache:conversation:demo_dentist:12346", gone=True, taken_mono=mono),
            )
        )  # fmt: skip
        await pilot.pause()
        assert any(re.search(r"12345 +0:09 +1\.0 KB +hash", line) for line in scene.lines())
        assert any(re.search(r"12346 +gone", line) for line in scene.lines())


async def test_sorting_by_ttl_puts_the_soonest_first_and_never_last() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(80, 20)) as pilot:
        await scene.arrive(pilot)
        await press(scene, pilot, "enter", "down", "enter", "s")
        names = [row.name[-5:] for row in scene.pane.rows if isinstance(row, KeyRow)]
        assert names == [b"12346", b"12345", b"12399"]
        await press(scene, pilot, "S")
        names = [row.name[-5:] for row in scene.pane.rows if isinstance(row, KeyRow)]
        assert names == [b"12399", b"12345", b"12346"]


async def test_a_filter_opens_the_groups_that_match_and_says_how_many_of_how_many() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(80, 20)) as pilot:
        await scene.arrive(pilot)
        assert scene.pane.set_filter("tenant:demo ttl<244") is None
        await settle(scene.pane, pilot)
        text = scene.text()
        assert "12346" in text
        assert "12345" not in text
        assert "clinic_a" not in text
        assert "1 of 5 keys" in text
        assert re.search(r"demo_dentist +1 of 3", text)
        scene.pane.set_filter("")
        await settle(scene.pane, pilot)
        assert len(scene.pane.rows) == 2


async def test_what_the_command_line_asks_for_becomes_the_filter() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(80, 20)) as pilot:
        await scene.arrive(pilot)
        scene.pane.show_prefix("cache:conv")
        await settle(scene.pane, pilot)
        assert scene.pane.rows.keys_matched == 4  # type: ignore[attr-defined]
        scene.pane.show_prefix("a b<(c")
        await settle(scene.pane, pilot)
        assert scene.pane.filter_error is None
        assert scene.pane.rows.keys_matched == 0  # type: ignore[attr-defined]


async def test_the_cursor_and_its_line_stay_when_keys_come_above_it() -> None:
    scene = Scene({b"cache:a:t:%04d" % n: 60_000 for n in range(100, 160)})
    async with scene.app.run_test(size=(80, 14)) as pilot:
        await scene.arrive(pilot)
        await press(scene, pilot, "enter", "down", "enter", *["pagedown"] * 3)
        name, line = scene.pane.selected.name, scene.pane.cursor - int(scene.pane.scroll_offset.y)
        scene.index.put_page([b"cache:a:t:%04d" % n for n in range(40)], [9000] * 40, None, scene.clock.mono())
        scene.pane.reading = read(scene.index, scene.clock)
        await settle(scene.pane, pilot)
        assert scene.pane.selected.name == name
        assert scene.pane.cursor - int(scene.pane.scroll_offset.y) == line


async def test_paused_rows_stand_still_and_resume_with_all_that_came() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(80, 20)) as pilot:
        await scene.arrive(pilot)
        await press(scene, pilot, "enter", "space")
        scene.index.put_page([b"cache:conversation:new_tenant:1"], [9000], None, scene.clock.mono())
        scene.pane.reading = read(scene.index, scene.clock)
        await settle(scene.pane, pilot)
        assert "new_tenant" not in scene.text()
        assert "PAUSED" in scene.text()
        await press(scene, pilot, "space")
        assert "new_tenant" in scene.text()


# -- truth, emptiness, faults ------------------------------------------------------------------------------------------


async def test_the_frame_says_when_how_much_and_how_many() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(80, 20)) as pilot:
        await scene.arrive(pilot)
        assert "5 keys" in scene.lines()[0]
        assert "scanned 5 of 5" in scene.lines()[-1]


async def test_a_partial_sweep_marks_its_totals_as_at_least_row_22() -> None:
    scene = Scene(complete=False, total=184_000)
    async with scene.app.run_test(size=(80, 20)) as pilot:
        await scene.arrive(pilot)
        assert "≥5 keys" in scene.text()
        assert "≥4" in scene.text()
        assert "scanned 5 of 184k" in scene.lines()[-1]


async def test_nothing_answered_and_nothing_there_are_different_sentences() -> None:
    scene = Scene({})
    async with scene.app.run_test(size=(80, 12)) as pilot:
        await pilot.pause()
        assert "connecting to redis at localhost:6379/0" in scene.text()
        await scene.arrive(pilot)
        assert "No cache:* keys." in scene.text()


async def test_age_and_retry_fit_at_every_width_whatever_failed_row_33() -> None:
    fault = Fault("timeout", "no answer from localhost:6379/0 within one second")
    for width in (56, 80, 140):
        scene = Scene()
        async with scene.app.run_test(size=(width, 20)) as pilot:
            await scene.arrive(pilot, fault=fault, retry_in=3.0)
            last = scene.lines()[-1]
            assert " old" in last or "as of" in last
            assert "no answer" in last
            assert "retry in 3 s" in last, width


async def test_an_outage_keeps_the_rows_and_says_why_at_every_width_row_33() -> None:
    fault = Fault("refused", "localhost:6379/0: connection refused")
    for width in (56, 80, 140):
        scene = Scene()
        async with scene.app.run_test(size=(width, 20)) as pilot:
            await scene.arrive(pilot, fault=fault, retry_in=3.0)
            last = scene.lines()[-1]
            assert "connection refused · retry in 3 s" in last, width
            assert "…" not in last
            assert "conversation" in scene.text()
            assert scene.pane.muted


async def test_a_missing_right_says_which_row_40() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(80, 12)) as pilot:
        scene.pane.reading = Reading(
            value=None,
            taken_at=scene.clock.wall(),
            taken_mono=scene.clock.mono(),
            fault=Fault("denied", "SCAN is not allowed for user observer", "ACL SETUSER observer +scan"),
        )
        await pilot.pause()
        assert "SCAN is not allowed for user observer" in scene.text()
        assert "ACL SETUSER observer +scan" in scene.text()


# -- hostile names -----------------------------------------------------------------------------------------------------


async def test_hostile_names_stay_in_their_row_and_keep_the_columns_rows_1_to_13() -> None:
    keys = {b"cache:conversation:" + name + b":" + name: 60_000 for name in HOSTILE}
    keys |= {b"cache:conversation:demo:" + name: 61_000 for name in HOSTILE}
    keys |= {b"cache:": 900, b"cache::x": 900}
    scene = Scene(keys)
    async with scene.app.run_test(size=(56, 70)) as pilot:
        await scene.arrive(pilot)
        scene.pane.set_filter("!qqqq")
        await settle(scene.pane, pilot)
        for row in range(len(scene.pane.rows)):
            for width in (40, 52, 76, 136):
                text = "".join(piece for piece, _ in scene.pane.content.row(row, width))
                assert text.isprintable()
                assert "\x1b" not in text
        from rich.cells import cell_len

        assert {cell_len(line) for line in scene.lines()} == {56}
        assert "(unparsed)" in scene.text()


async def test_names_that_look_alike_are_marked_and_told_apart_by_their_bytes_row_12() -> None:
    scene = Scene({b"cache:k:demo:a": 9000, "cache:k:d\u0435mo:a".encode(): 9000, b"cache:k:demo :a": 9000})
    async with scene.app.run_test(size=(80, 30)) as pilot:
        await scene.arrive(pilot)
        await press(scene, pilot, "enter")
        assert "non-ASCII" in scene.text()
        assert "blanks" in scene.text()
        await press(scene, pilot, "down", "down", "down", "enter", "down", "enter")
        assert isinstance(scene.app.screen, SheetDialog)
        await pilot.pause()
        assert " ".join(f"{byte:02x}" for byte in scene.pane.selected.name[-6:]) in scene.text().replace("│", "")


async def test_copies_name_exactly_this_key_and_a_group_by_an_escaped_pattern_row_23() -> None:
    scene = Scene({b"cache:k:a*b:it's": 9000, b"cache:k:z:nul\x00": 9000})
    async with scene.app.run_test(size=(80, 20)) as pilot:
        await scene.arrive(pilot)
        await press(scene, pilot, "enter", "down")
        forms = dict(scene.pane.content.copy_forms())
        assert list(forms.values()) == ["redis-cli -h localhost -p 6379 --scan --pattern 'cache:k:a\\*b:*'"]
        await press(scene, pilot, "enter", "down")
        scene.pane.put_details((KeyDetail(key=b"cache:k:a*b:it's", type="zset", taken_mono=scene.clock.mono()),))
        lines = [text for _, text in scene.pane.content.copy_forms()]
        assert lines[0] == "redis-cli -h localhost -p 6379 PTTL 'cache:k:a*b:it'\\''s'"
        assert any("ZRANGE" in line for line in lines)
        scene.pane.move_to(3)
        await press(scene, pilot, "enter", "down")
        assert [text for _, text in scene.pane.content.copy_forms()] == [b"cache:k:z:nul\x00".hex()]


# -- values ------------------------------------------------------------------------------------------------------------


async def test_a_value_opens_as_json_with_a_note_that_it_was_read_and_its_escapes_stay_text() -> None:
    scene = Scene()
    preview = KeyPreview(key=b"cache:k:t:\x1b[2J", type="string", length=60, truncated=False,
                         parts=(b'{"name": "\\u001b]52;c;x\\u0007 [red]", "list": [1, 2]}',))  # fmt: skip
    async with scene.app.run_test(size=(90, 30)) as pilot:
        scene.pane.show_preview(preview)
        await pilot.pause()
        await pilot.pause()
        text = scene.text()
        assert "\x1b" not in text
        assert '"list": [' in text
        assert "counts as a hit" in text
        assert "[red]" in text


async def test_a_value_that_cannot_be_had_says_why() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(90, 20)) as pilot:
        fault = Fault("denied", "GET is not allowed for user observer", "ACL SETUSER observer +get")
        scene.pane.show_preview(Reading(value=None, taken_at=0.0, taken_mono=0.0, fault=fault))
        await pilot.pause()
        await pilot.pause()
        assert "GET is not allowed for user observer" in scene.text()
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(scene.app.screen, SheetDialog)


# -- size --------------------------------------------------------------------------------------------------------------


async def test_ten_thousand_keys_are_sorted_and_filtered_in_slices_that_let_others_run() -> None:
    clock = FixedClock()
    index = filled({b"cache:k:t:%06d" % ((n * 7919) % 10_000): 60_000 + n for n in range(10_000)}, clock)
    turns, done = 0, False

    async def others() -> None:
        nonlocal turns
        while not done:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.ensure_future(others())
    view = TreeOptions(opened=frozenset({(b"k", None), (b"k", b"t")}), sort="ttl", filter=parse_filter("t:0 ttl>1"))
    rows = await build_tree(index.report(clock.mono()), index, view, KeyLists())
    done = True
    await beside
    assert turns >= 10
    assert rows.keys_matched == sum(b":0" in b":%06d" % n for n in range(10_000))
    assert len(rows) == rows.keys_matched + 2


async def test_a_bug_in_the_making_of_rows_is_said_in_the_frame_and_not_swallowed() -> None:
    class Broken:
        def leaves(self, kind: bytes, tenant: bytes) -> Leaves:
            raise ValueError("no \x1b names")

        def expires_ms(self, kind: bytes, tenant: bytes, name: bytes) -> int:
            return -2

    scene = Scene()
    async with scene.app.run_test(size=(80, 20)) as pilot:
        await scene.arrive(pilot)
        scene.pane.attach_index(Broken())
        await pilot.press("enter", "down", "enter")
        await until(pilot, lambda: "a bug stopped this list" in scene.lines()[-1])
        assert "\x1b" not in scene.text()


@pytest.mark.parametrize("size", SIZES)
async def test_keys_of_no_known_layout_are_said_where_nothing_else_is(size: tuple[int, int]) -> None:
    scene = Scene({})
    scene.index.begin_sweep()
    scene.index.put_unknown(15, {b"LIMITS:LIMITER/": 9, b"\x1b[2J:": 6})
    scene.index.end_sweep(Coverage(15, 15, complete=True))
    async with scene.app.run_test(size=size) as pilot:
        await scene.arrive(pilot)
        text = scene.text()
        assert "15 keys, none in a known layout" in text.replace("\n", " ")
        assert "optimus-tui dialect detect" in " ".join(text.replace("│", " ").split())
        assert "No cache:*" not in text  # one sentence, which the other would contradict
        assert "LIMITS:LIMITER/…" in text
        assert "15 of no known layout" in text
        assert "\x1b" not in text


async def test_keys_of_no_known_layout_beside_known_ones_are_counted_on_the_frame() -> None:
    scene = Scene()
    scene.index.begin_sweep()
    scene.index.put_page(list(KEYS), list(KEYS.values()), None, scene.clock.mono())
    scene.index.put_unknown(9, {b"session:": 9})
    scene.index.end_sweep(Coverage(14, 14, complete=True))
    async with scene.app.run_test(size=(140, 42)) as pilot:
        await scene.arrive(pilot)
        assert "scanned 14 of 14 · 9 of no known layout" in scene.text()
