"""Sections as lines of a given width: sentences wrapped, tables fitted, labels aligned. Pure; owns inks and widths.

What a cell cannot hold is elided and stays whole in the JSON; a command is never cut, it wraps.
"""

from collections.abc import Sequence

from rich.cells import cell_len

from optimus_tui.tools.sections import Line, Section
from optimus_tui.tui.widgets.columns import fit_cell, fit_name
from optimus_tui.tui.widgets.figures import wrap
from optimus_tui.tui.widgets.line_view import Piece

INKS = {"critical": "crit", "warning": "warn", "ok": "good", "quiet": "quiet", "": ""}
MARKS = {"critical": "✖ ", "high": "▲ ", "medium": "▲ ", "warning": "▲ ", "low": "△ ", "info": "△ "}
"""Severities carry their glyph, so that colour alone says nothing."""
MOST_LABEL = 34
LEAST_CELL = 6
FLOORS = (20, 14)
"""Cells that the first column and the others keep before columns are left out."""
GAP = 2

Lines = list[list[Piece]]


def report_lines(sections: Sequence[Section], width: int) -> Lines:
    """Every section with its title and a blank line after it."""
    lines: Lines = []
    for section in sections:
        lines.append([(fit_cell(section.title, width).rstrip(), "head")])
        lines += _table(section, width)
        lines += _labelled(section.lines, width)
        lines.append([])
    return lines[:-1]


def text_lines(text: str, width: int) -> Lines:
    """Plain lines, each wrapped by characters: JSON stays copyable by eye."""
    return [[(line[at : at + width], "")] for line in text.split("\n") for at in range(0, max(1, len(line)), width)]


def _labelled(lines: Sequence[Line], width: int) -> Lines:
    labels = [MARKS.get(line.label, "") + line.label for line in lines]
    room = min(MOST_LABEL, max((cell_len(label) for label in labels), default=0), max(8, width // 3))
    indent = room + 2 if room else 0
    made: Lines = []
    for label, line in zip(labels, lines, strict=True):
        ink = INKS[line.tone]
        named = line.label in MARKS
        for number, part in enumerate(wrap(line.text, max(8, width - indent - 2))):
            head = fit_name(label, room) if number == 0 else " " * room
            pieces: list[Piece] = [("  ", "")]
            if room:
                pieces.append((head + "  ", ink if named else "quiet"))
            made.append([*pieces, (part, "" if named else ink)])
    return made


def _table(section: Section, width: int) -> Lines:
    if not section.rows:
        return []
    widths = _widths(section, width - 2)
    figures = [all(_is_figure(row[at]) for row in section.rows) for at in range(len(widths))]
    made: Lines = [_row(section.columns, widths, figures, "quiet")]
    made += [_row(row, widths, figures, "") for row in section.rows]
    if len(widths) < len(section.columns):
        left_out = ", ".join(section.columns[len(widths) :])
        made += [[("  " + part, "quiet")] for part in wrap(f"not shown for want of room: {left_out}", width - 2)]
    return made


def _row(cells: Sequence[str], widths: Sequence[int], figures: Sequence[bool], ink: str) -> list[Piece]:
    pieces: list[Piece] = [("  ", "")]
    for at, (cell, width) in enumerate(zip(cells, widths, strict=False)):
        text = fit_cell(cell, width, "right") if figures[at] else fit_name(cell, width)
        pieces += [(text, ink or ("bright" if at == 0 else _ink_of(cell))), (" " * GAP, "")]
    return pieces


def _ink_of(cell: str) -> str:
    from optimus_tui.tools.sections import tone_of

    return "crit" if cell == "never" else INKS[tone_of(cell)] if cell not in ("ok", "none") else ""


def _is_figure(cell: str) -> bool:
    return cell[:1].isdigit() or cell[:1] in "–?<>≥+-~" or cell == "never"


def _widths(section: Section, width: int) -> list[int]:
    """As wide as their longest cell. Where that is too much, heads give way first, then long cells, then columns."""
    data = [max(cell_len(row[at]) for row in section.rows) for at in range(len(section.columns))]
    heads = [cell_len(head) for head in section.columns]
    for shown in range(len(data), 0, -1):
        widths = [max(pair) for pair in zip(data[:shown], heads, strict=False)]
        floors = [
            min(natural, max(LEAST_CELL, min(cells, FLOORS[at > 0])))
            for at, (natural, cells) in enumerate(zip(widths, data, strict=False))
        ]
        _give_way(widths, [max(cells, floor) for cells, floor in zip(data, floors, strict=False)], width)
        _give_way(widths, floors, width)
        if _total(widths) <= width:
            return widths
    return [max(LEAST_CELL, width)]


def _give_way(widths: list[int], floors: list[int], width: int) -> None:
    """Take from the column that is farthest above its floor until the line fits."""
    while _total(widths) > width:
        spare = [one - floor for one, floor in zip(widths, floors, strict=True)]
        if max(spare) <= 0:
            return
        widths[spare.index(max(spare))] -= 1


def _total(widths: list[int]) -> int:
    return sum(widths) + GAP * len(widths)
