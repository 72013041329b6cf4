"""Describe names that belong to no preset: their shapes (``ratelimit:•:•``), their parts, and a template to fill in."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct

from optimus_tui.dialects.template import LOOKS, STAMPS

VARYING = "•"
MOST_PARTS = 7
MOST_GROUPS = 512
MOST_VALUES = 24
"""Different texts of a part that are kept; more are counted as so many."""
MOST_FIRST = 12
"""Names with more first words than this and the same number of parts begin with a part that varies."""
READ_BYTES = 192
LIMITER_WORDS = re.compile(
    r"limit(?!ed)|throttl|quota|gcra|(?:fixed|sliding)_?window|(?:^|[^a-z])(?:rl|rlflx|token_?buckets?|leaky_?buckets?|bucket(?=:)|generic_key)(?:$|[^a-z])",
    re.IGNORECASE,
)
"""Words of limiters, and short ones that are a whole part of a name: ``rl:``, ``bucket:``, ``generic_key_``."""
_CACHE_WORDS = re.compile(r"cache", re.IGNORECASE)
_SEPARATORS = (b":", b"/", b"|")
"""Parts end at the first of these that a name has."""
_WORD = re.compile(rb"[A-Za-z@_{][A-Za-z0-9@_.{}%-]{0,31}")
_STEM = re.compile(rb"[A-Za-z{}%@]+[-_.]")
_STEM_ENDS = (b"-", b"_", b".")
_TELLING = ("uuid", "day", "minute", "hhmm", "start_ms", "start_s")
"""Looks that say by themselves what a part is."""
_FIGURES, _HASH, _IP6 = LOOKS["n"], LOOKS["hash"], LOOKS["ip6"]
_MOST_GROUPS, _LEAST_COLONS = 9, 8
"""Parts between colons that an IPv6 address has at most, and the parts of a name that may hold one without ``::``."""
_STAMPED = re.compile(rb".*_([0-9]{9,11})", re.DOTALL)
"""Envoy's ratelimit service ends all its names so, and writes no word of a limiter of its own."""
_NUMBER_END = re.compile(rb"(?:(?<=[_-])|^)[0-9.]+$")
_PRESENT = (1_500_000_000, 2_500_000_000)
_NAMEABLE = re.compile(r"[ -~]+")


class ShapePart(Struct, frozen=True):
    """A part of the names that varies.

    ``looks`` is the form of its values, such as ``figures`` or ``uuid``; empty for any text.
    """

    looks: str
    values: int
    examples: tuple[str, ...]


class SeenShape(Struct, frozen=True):
    """Names of one shape that belong to no preset. Its texts are raw, and must be made safe before they are shown.

    ``key`` is a template in which ``{1}``, ``{2}`` stand for the parts that have to be named; one of them is the
    tenant. ``readers`` are presets whose rules match such names, too, perhaps with the parts in another order.
    """

    text: str
    count: int
    example: bytes
    key: str
    parts: tuple[ShapePart, ...]
    family: str
    """``limits`` or ``cache`` where a word of it says so, else ""."""
    same: tuple[str, ...] = ()
    """Parts behind the first that are the same in all names: a tenant or an operation may be among them."""
    readers: tuple[str, ...] = ()
    no_ttl: tuple[str, ...] = ()
    """What a missing TTL means by the rules of these presets, each meaning once."""

    @property
    def separator(self) -> str:
        """Return the text between its parts; empty if it has none."""
        return next((one.decode() for one in _SEPARATORS if one.decode() in self.text), "")

    @property
    def usual_no_ttl(self) -> str:
        """Return what a missing TTL means, by the stamp in the name or by all presets that read it; else empty."""
        if any(f"{{{stamp}}}" in self.key for stamp in STAMPS):
            return "dated"
        if len(self.no_ttl) == 1:
            return self.no_ttl[0]
        return ""


class _Group:
    """Names with the same separators and, where it is a word, the same first part."""

    def __init__(self) -> None:
        self.count = 0
        self.example = b""
        self.stem: bytes | None = None
        self.values: list[Counter[bytes]] = []

    def add(self, parts: Sequence[bytes], example: bytes, count: int = 1) -> None:
        self.count += count
        if not self.example or len(example) < len(self.example):
            self.example = example
        while len(self.values) < len(parts):
            self.values.append(Counter())
        for seen, part in zip(self.values, parts, strict=True):
            if part in seen or len(seen) < MOST_VALUES:
                seen[part] += count
        self.stem = parts[-1] if self.stem is None else _common(self.stem, parts[-1])

    def take(self, other: "_Group") -> None:
        self.count += other.count
        self.example = self.example or other.example
        self.stem = _common(self.stem or b"", other.stem or b"")
        for mine, theirs in zip(self.values, other.values, strict=True):
            mine.update(theirs)


def seen_shapes(names: Iterable[bytes], shown: int) -> tuple[tuple[SeenShape, ...], int]:
    """Return the most frequent shapes, those of limiters first, and how many names have other shapes.

    Args:
        names: The names.
        shown: The most shapes to return.
    """
    groups: dict[tuple[bytes, bytes], _Group] = {}
    others = 0
    for name in names:
        parts, separators = _parts(name)
        first = parts[0] if not parts[0] or _is_word(parts[0]) else b"\0"
        group = groups.get((separators, first))
        if group is None:
            if len(groups) >= MOST_GROUPS:
                others += 1
                continue
            group = groups[separators, first] = _Group()
        group.add(parts, name)
    shapes = [_shape(separators, group) for (separators, _), group in _folded(groups).items()]
    shapes.sort(key=lambda shape: (shape.family != "limits", -shape.count, shape.text))
    return tuple(shapes[:shown]), others + sum(shape.count for shape in shapes[shown:])


def _folded(groups: dict[tuple[bytes, bytes], _Group]) -> dict[tuple[bytes, bytes], _Group]:
    """Return the groups; those that differ by their first word only are one.

    That is so where there are many of them, or where the same word of a limiter or cache stands at the same place
    behind it: names that begin with the tenant.
    """
    firsts, inner = Counter(separators for separators, _ in groups), {key: _inner_word(*key, groups) for key in groups}
    alike = Counter((key[0], word) for key, word in inner.items() if word)
    folded: dict[tuple[bytes, bytes], _Group] = {}
    for (separators, first), group in groups.items():
        key, word = (separators, first), inner[separators, first]
        if word and alike[separators, word] > 1:
            key = (separators, b"\0" + word)
        elif firsts[separators] > MOST_FIRST and not _tells(first):
            key = (separators, b"\0")
        if key in folded:
            folded[key].take(group)
        else:
            folded[key] = group
    return folded


def _inner_word(separators: bytes, first: bytes, groups: dict[tuple[bytes, bytes], _Group]) -> bytes:
    """Return the word of a limiter or cache behind the first part that all names of a group have, with its place."""
    if _tells(first):
        return b""
    for at, seen in enumerate(groups[separators, first].values[1:]):
        if len(seen) == 1 and _is_word(word := next(iter(seen))) and _tells(word):
            return b"%d %s" % (at, word)
    return b""


def _tells(first: bytes) -> bool:
    text = first.decode("ascii", "replace")
    return bool(LIMITER_WORDS.search(text) or _CACHE_WORDS.search(text))


def _is_word(part: bytes) -> bool:
    return _WORD.fullmatch(part) is not None and _HASH.fullmatch(part) is None


def _common(one: bytes, other: bytes) -> bytes:
    """Return the beginning that both texts have."""
    size = next((at for at, (left, right) in enumerate(zip(one, other, strict=False)) if left != right), None)
    return one[: min(len(one), len(other)) if size is None else size]


def _parts(name: bytes) -> tuple[list[bytes], bytes]:
    """Return the parts of a name and what separates them: NUL for a word and what follows it, b"" for a sole word."""
    begin = name[:READ_BYTES]
    separator = next((one for one in _SEPARATORS if one in begin), None)
    earliest = min((one for one in _SEPARATORS if one in begin), key=begin.find, default=None)
    if earliest is not None and _tells(begin.partition(earliest)[0]):
        separator = earliest  # the others stand inside its parts
    if separator is not None:
        parts = _split(begin, separator)
        return parts, separator * (len(parts) - 1)
    stem = _STEM.match(begin)
    if stem and stem.end() < len(name):
        return ([stem[0], begin[stem.end() :]], b"\0")
    return ([begin], b"")


def _split(begin: bytes, separator: bytes) -> list[bytes]:
    """Return at most ``MOST_PARTS`` parts; an IPv6 address is one of them, whatever its colons."""
    parts = begin.split(separator)
    if separator == b":" and (b"::" in begin or len(parts) > _LEAST_COLONS):
        parts = _whole_addresses(parts)
    if len(parts) > MOST_PARTS:
        parts[MOST_PARTS - 1 :] = [separator.join(parts[MOST_PARTS - 1 :])]
    return parts


def _whole_addresses(parts: list[bytes]) -> list[bytes]:
    joined: list[bytes] = []
    at = 0
    while at < len(parts):
        ends = range(min(len(parts), at + _MOST_GROUPS), at + 2, -1)
        end = next((end for end in ends if _IP6.fullmatch(b":".join(parts[at:end]))), at + 1)
        joined.append(b":".join(parts[at:end]))
        at = end
    return joined


def _shape(separators: bytes, group: _Group) -> SeenShape:
    if separators == b"\0":
        return _of_stem(group)
    text, key, same = "", "", []
    parts: list[ShapePart] = []
    for at, seen in enumerate(group.values):
        last = at == len(group.values) - 1
        if (written := _fixed(seen, at == 0 or group.count > 1)) is not None:
            text += written
            key += _literal(written)
            if at and written:
                same.append(written)
        else:
            before, after, inside = _without_tag(seen)
            deep = "..." not in key and any(separators[:1] in value for value in seen)
            shown, place = _varying(inside, parts, deep=deep)
            text += f"{before}{shown}{after}"
            key += _literal(before) + place + _literal(after)
        if not last:
            text, key = text + chr(separators[at]), key + chr(separators[at])
    return SeenShape(text, group.count, group.example, key, tuple(parts), _family(text, key), tuple(same))


def _without_tag(seen: Counter[bytes]) -> tuple[str, str, Counter[bytes]]:
    """Return the braces that all values of a part begin and end with, and the values inside: a hash tag's."""
    before = "{" if all(value[:1] == b"{" for value in seen) else ""
    after = "}" if all(value[-1:] == b"}" for value in seen) else ""
    inside: Counter[bytes] = Counter()
    for value, count in seen.items():
        inside[value[len(before) : len(value) - len(after)]] += count
    return before, after, inside


def _of_stem(group: _Group) -> SeenShape:
    """Return the shape of names without separators: what they all begin with, up to a hyphen, underscore or dot."""
    first, stem = next(iter(group.values[0])), group.stem or b""
    cut = max(stem.rfind(end) for end in _STEM_ENDS) + 1 if group.count > 1 else 0
    cut = len(_NUMBER_END.sub(b"", stem[:cut]))
    begin = (first + stem[:cut]).decode("ascii", "replace")
    seen = Counter({value[cut:]: count for value, count in group.values[1].items()})
    parts: list[ShapePart] = []
    shown, place = _varying(seen, parts, deep=True)
    key = _literal(begin) + place
    return SeenShape(begin + shown, group.count, group.example, key, tuple(parts), _family(begin, key))


def _varying(seen: Counter[bytes], parts: list[ShapePart], *, deep: bool) -> tuple[str, str]:
    """Return the text and the capture for a part that varies; a stamp behind its last underscore is a capture, too."""
    if unstamped := _without_stamp(seen):
        return f"{VARYING}_{VARYING}", f"{_place(_part(unstamped), parts, deep=deep)}_{{start_s}}"
    return VARYING, _place(_part(seen), parts, deep=deep)


def _without_stamp(seen: Counter[bytes]) -> Counter[bytes]:
    """Return the texts before the stamps of present windows, as Envoy writes them; empty where not all have one."""
    found: Counter[bytes] = Counter()
    for value, count in seen.items():
        stamp = _STAMPED.fullmatch(value)
        if stamp is None or not _is_present(stamp[1], "start_s"):
            return Counter()
        found[value[: stamp.start(1) - 1]] += count
    return found


def _fixed(seen: Counter[bytes], sure: bool) -> str | None:
    """Return the text of a part that is the same word in all names; None for one that varies or may vary."""
    sole = next(iter(seen)) if len(seen) == 1 and sure else None
    if sole is None or (sole and not _is_word(sole)):
        return None
    written = sole.decode("ascii", "replace")
    if not written or _NAMEABLE.fullmatch(written):
        return written
    return None


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _place(part: ShapePart, parts: list[ShapePart], *, deep: bool) -> str:
    """Return the capture for a part: by its look where that says all, else a numbered place to fill in."""
    if part.looks in _TELLING and not deep:
        return f"{{{part.looks}}}"
    parts.append(part)
    return f"{{{len(parts)}{'...' if deep else ''}}}"


def _family(text: str, key: str) -> str:
    if LIMITER_WORDS.search(text) or "_{start_s}" in key:
        return "limits"
    if _CACHE_WORDS.search(text):
        return "cache"
    return ""


def _part(seen: Counter[bytes]) -> ShapePart:
    looks = next((one for one in _TELLING if all(LOOKS[one].fullmatch(value) for value in seen)), "")
    if looks.startswith("start") and not all(_is_present(value, looks) for value in seen):
        looks = ""
    if not looks and all(_FIGURES.fullmatch(value) for value in seen):
        looks = "figures"
    if not looks and all(_HASH.fullmatch(value) for value in seen):
        looks = "hash"
    examples = tuple(value[:40].decode("ascii", "backslashreplace") for value, _ in seen.most_common(3))
    return ShapePart(looks, len(seen), examples)


def _is_present(value: bytes, looks: str) -> bool:
    seconds = int(value) / (1000 if looks == "start_ms" else 1)
    return _PRESENT[0] < seconds < _PRESENT[1]
