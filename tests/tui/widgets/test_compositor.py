"""What changed is painted as Textual paints it, and nothing else is rendered for it."""

import random

from textual._compositor import ChopsUpdate, Compositor
from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip
from textual.widgets import Static

from optimus_tui.tui.widgets.changes import ChangedLinesCompositor

WIDTH, HEIGHT = 60, 20


class Note(Static):
    """Counts the lines that it is asked for."""

    lines = 0

    def render_lines(self, crop: Region) -> list[Strip]:
        self.lines += crop.height
        return super().render_lines(crop)


class Overlapping(Screen[None]):
    """Two lists side by side, lines above and below them, and a note that lies over all of them."""

    CSS = """
    Overlapping { layers: below above; }
    .bar { height: 1; }
    .list { width: 1fr; height: 1fr; border: round blue; }
    #over { layer: above; dock: right; offset: -7 3; width: 30; height: 6; border: solid red; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._compositor = ChangedLinesCompositor()

    def compose(self) -> ComposeResult:
        yield Note("top " * 15, classes="bar")
        with Horizontal():
            yield Note("left " * 100, classes="list")
            yield Note("right " * 100, classes="list", id="right")
        yield Note("end " * 15, classes="bar")
        yield Note("over " * 20, id="over")


def seen(update: ChopsUpdate | None) -> list[list[tuple[str, str]]]:
    """Return the cells that an update writes, each with its style."""
    assert update is not None
    found = []
    for y, x1, x2 in update.spans:
        cells: dict[int, tuple[str, str]] = {}
        for x, strip in update.chops[y].items():
            for at, segment in enumerate((strip or Strip.blank(0))._segments):
                del at
                for letter in segment.text:
                    cells[x] = (letter, str(segment.style))
                    x += 1
        found.append([cells[x] for x in range(x1, x2)])
    return found


async def test_the_changed_cells_are_those_that_textual_would_paint() -> None:
    chance = random.Random(4)
    app: App[None] = App()
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        screen = Overlapping()
        await app.push_screen(screen)
        await pilot.pause()
        compositor = screen._compositor
        for _ in range(60):
            regions = {region(chance) for _ in range(chance.randint(1, 6))}
            compositor._dirty_regions = set(regions)
            usual = seen(Compositor.render_partial_update(compositor))
            compositor._dirty_regions = set(regions)
            assert seen(compositor.render_partial_update()) == usual, regions


def region(chance: random.Random) -> Region:
    x, y = chance.randrange(WIDTH), chance.randrange(HEIGHT)
    return Region(x, y, chance.randint(1, WIDTH - x), chance.randint(1, HEIGHT - y))


async def test_a_change_at_the_top_and_one_at_the_end_render_two_lines() -> None:
    app: App[None] = App()
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        screen = Overlapping()
        await app.push_screen(screen)
        await pilot.pause()
        notes = list(screen.query(Note))
        for note in notes:
            note.lines = 0
        screen._compositor._dirty_regions = {Region(3, 0, 8, 1), Region(3, HEIGHT - 1, 8, 1)}
        assert seen(screen._compositor.render_partial_update())
    assert [note.lines for note in notes] == [1, 0, 0, 1, 0]
