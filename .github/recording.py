"""Join pictures of one terminal into a recording: an SVG that shows them one after the other, without a script."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

ROW = 24.4
"""The height of a line of text in the pictures that Rich makes."""
_ITEM = re.compile(r'<(text|rect)((?: [\w-]+="[^"]*")+)(?:/>|>([^<]*)</text>)')
_ATTRIBUTE = re.compile(r' ([\w-]+)="([^"]*)"')

Item = tuple[str, dict[str, str], str]


def join(pictures: Sequence[str], seconds: float) -> str:
    """Return one picture that shows each of ``pictures`` for ``seconds``, again and again.

    All have the same size. A line that stays the same from one to the next is written once. Where nothing may move
    (the reader's setting), the first picture is shown.
    """
    head, _, _ = pictures[0].partition("<style>")
    chrome = re.search(r"</defs>(.*?)(<g [^>]*clip-path=\"[^>]*>)", pictures[0], re.DOTALL)
    size = re.search(r'<rect x="0" y="0" width="[^"]*" height="[^"]*"', pictures[0])
    assert chrome is not None
    assert size is not None
    frame = re.sub(r"<text .*?</text>", "", chrome[1])
    place = re.sub(r' clip-path="[^"]*"', "", chrome[2])
    classes: dict[str, str] = {}
    shown: defaultdict[str, list[int]] = defaultdict(list)
    for at, picture in enumerate(pictures):
        for line in _lines(picture, classes):
            shown[line].append(at)
    ground, _ = Counter(re.findall(r'<rect fill="(#\w+)" x=', pictures[0])).most_common(1)[0]
    texts = "\n".join(f'<g class="{_name(when)}">{line}</g>' for line, when in shown.items())
    texts = re.sub(rf'<rect fill="{ground}"[^>]*/>', "", texts)
    moves = "\n".join(
        _moves(list(when), len(pictures), seconds) for when in sorted({tuple(when) for when in shown.values()})
    )
    colours = "\n".join(f".{name} {{ {css} }}" for css, name in classes.items())
    style = f"text {{ font: 20px ui-monospace, Menlo, DejaVu Sans Mono, monospace }}\n{colours}\n{moves}"
    still = "@media (prefers-reduced-motion: reduce) { g { animation: none !important } }"
    body = f'{frame}{place}\n{size[0]} fill="{ground}"/>\n{texts}\n</g>'
    return f"{head}<style>\n{style}\n{still}\n</style>\n{body}\n</svg>\n"


def _lines(picture: str, classes: dict[str, str]) -> Iterator[str]:
    """Yield each line of text of a picture as SVG; ``classes`` gets a name for each style that is used."""
    styles = dict(re.findall(r"-(r\d+) \{ (.*?) \}", picture))
    title = re.search(r'-title"[^>]*>([^<]*)<', picture)
    middle = re.search(r'-title"[^>]* x="(\d+)"', picture)
    if title is not None and middle is not None:
        yield f'<text fill="#c5c8c6" text-anchor="middle" x="{middle[1]}" y="-14">{title[1]}</text>'
    lines: defaultdict[int, list[str]] = defaultdict(list)
    for tag, attributes, text in _ITEM.findall(picture.partition("-clip-terminal)")[2]):
        having = dict(_ATTRIBUTE.findall(attributes))
        line = lines[int(float(having["y"]) // ROW)]
        if tag == "rect":
            line.append(f'<rect fill="{having["fill"]}"{_kept(having, ("x", "y", "width", "height"))}/>')
        elif text.replace("&#160;", "").strip():
            css = styles[having["class"].rpartition("-")[2]]
            name = classes.setdefault(css, f"c{len(classes)}")
            line.append(f'<text class="{name}"{_kept(having, ("x", "y", "textLength"))}>{text}</text>')
    for items in lines.values():
        yield "".join(items)


def _kept(having: dict[str, str], names: Sequence[str]) -> str:
    return "".join(f' {name}="{having[name]}"' for name in names)


def _name(when: Sequence[int]) -> str:
    return "w" + "-".join(map(str, when))


def _moves(when: Sequence[int], number: int, seconds: float) -> str:
    """Return the CSS that shows a line in the pictures ``when`` of ``number``, and hides it in all others."""
    if len(when) == number:
        return ""
    words = {True: "visible", False: "hidden"}
    steps = " ".join(f"{100 * at / number:.4g}% {{ visibility: {words[at in when]} }}" for at in range(number))
    name = _name(when)
    first = words[0 in when]
    return (
        f"@keyframes {name} {{ {steps} }}\n"
        f".{name} {{ visibility: {first}; animation: {name} {number * seconds:g}s step-end infinite }}"
    )
