"""Find the presets that fit the names in a Redis, and write the TOML to paste.

Only names that a single product writes decide.

For names that many programs write (``rl:``, ``ratelimit:``, ``cache:``) it shows the shapes, and leaves places to fill
in: a name does not tell which of its parts is the tenant.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.dialects.layout import CounterName, KeyLayout
from optimus_tui.dialects.load import preset_table
from optimus_tui.dialects.model import Dialect, LimitRule
from optimus_tui.dialects.shapes import SeenShape, ShapePart, seen_shapes
from optimus_tui.dialects.template import LOOKS, Template
from optimus_tui.dialects.texts.toml import toml_value

SHOWN = 10
MOST_PREFIXES = 3
_ADDRESS = re.compile(rb"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_MAIL = re.compile(rb"[^@\s]{1,64}@[^@\s]{1,255}")
_PREFIX = re.compile(rb"[A-Za-z][A-Za-z0-9_.:-]{0,39}")
ANY_COUNTER: Mapping[str, Any] = {"value": ["count", "log"]}
"""How the value of a counter is read whose limiter is not known: by the type of its key."""
OPEN_NO_TTL = "normal"
"""What is written where nobody knows what a missing TTL means: nothing is claimed of it."""


class Fit(Struct, frozen=True):
    """A preset whose own names were found.

    ``presets`` are several if their names are the same, and the version decides which it is. ``question`` is one
    sentence about what the names leave open (empty for nothing), and ``rule`` is the rule for one of its answers.
    """

    presets: tuple[str, ...]
    count: int
    example: bytes
    question: str = ""
    rule: Mapping[str, Any] = {}


class DetectedNames(Struct, frozen=True):
    """The result: ``fits``, the most frequent first; ``shapes`` of other names; how many ``others`` are left."""

    names: int
    fits: tuple[Fit, ...]
    shapes: tuple[SeenShape, ...]
    others: int

    @property
    def certain(self) -> bool:
        """Return True if a preset fits and leaves no question open."""
        asked = any(len(fit.presets) > 1 or fit.question for fit in self.fits) or any(one.family for one in self.shapes)
        return bool(self.fits) and not asked


def detect(names: Iterable[bytes], presets: Sequence[Dialect]) -> DetectedNames:
    """Return the presets that fit, and the shapes of the names that belong to none of them.

    Args:
        names: Sampled names; repetitions count once.
        presets: The presets to look for.
    """
    signs = [(template, template.head, preset) for preset in presets for template in preset.signs]
    claimed: dict[tuple[str, ...], list[bytes]] = {}
    unclaimed: list[bytes] = []
    distinct = list(dict.fromkeys(names))
    for name in distinct:
        if fitting := _presets_that_fit(signs, name):
            claimed.setdefault(fitting, []).append(name)
        else:
            unclaimed.append(name)
    by_name = {preset.name: preset for preset in presets}
    there = {name for fitting in claimed for name in fitting}
    layouts = [KeyLayout(by_name[name]) for name in sorted(there)]
    ours = [*unclaimed, *(name for fitting in claimed for name in claimed[fitting])]
    unread = [name for name in ours if not any(_reads(layout, name) for layout in layouts)]
    prefixed, strange = _behind_prefixes(unread, signs, by_name)
    renamed, strange = _under_own_names(strange, presets)
    fits = [*(_fit(fitting, of, by_name) for fitting, of in claimed.items()), *prefixed, *renamed]
    fits.sort(key=lambda fit: -fit.count)
    shapes, others = seen_shapes(strange, SHOWN)
    ambiguous = [KeyLayout(preset) for preset in presets if not preset.signs]
    shown = tuple(_with_readers(shape, ambiguous) for shape in shapes)
    return DetectedNames(len(distinct), tuple(fits), shown, others)


Sign = tuple[Template, bytes, Dialect]
"""A sign of a preset, with the beginning of its names."""


def _presets_that_fit(signs: Sequence[Sign], name: bytes) -> tuple[str, ...]:
    found = (preset.name for sign, head, preset in signs if name.startswith(head) and sign.match(name) is not None)
    return tuple(dict.fromkeys(found))


def _behind_prefixes(
    names: Sequence[bytes], signs: Sequence[Sign], presets: Mapping[str, Dialect]
) -> tuple[list[Fit], list[bytes]]:
    """Return what presets read behind a prefix of the team's, as clients set it before all names, and the other names.

    Names of one preset with many beginnings have no prefix: there the beginning may be a tenant.
    """
    headed = [one for one in signs if one[1]]
    found: dict[tuple[tuple[str, ...], bytes], list[tuple[bytes, CounterName]]] = {}
    layouts: dict[str, KeyLayout] = {}
    for name in names:
        for prefix in _prefixes(name):
            if fitting := _presets_that_fit(headed, name[len(prefix) :]):
                layout = layouts.setdefault(fitting[0], KeyLayout(presets[fitting[0]]))
                if (counter := layout.counter(name[len(prefix) :])) is not None:
                    found.setdefault((fitting, prefix), []).append((name, counter))
                break
    beginnings = Counter(fitting for fitting, _ in found)
    fits: list[Fit] = []
    told: set[bytes] = set()
    for (fitting, prefix), of in found.items():
        if beginnings[fitting] > MOST_PREFIXES:
            continue
        told.update(name for name, _ in of)
        fits += _prefixed_fits(fitting, prefix, of)
    return fits, [name for name in names if name not in told]


def _prefixes(name: bytes) -> Iterator[bytes]:
    """Yield the beginnings of a name up to its first two colons, without and with the colon."""
    end = 0
    for _ in range(2):
        end = name.find(b":", end)
        if end < 0:
            return
        if end and _PREFIX.fullmatch(name, 0, end):
            yield name[:end]
            yield name[: end + 1]
        end += 1


def _prefixed_fits(
    fitting: tuple[str, ...], prefix: bytes, counters: Sequence[tuple[bytes, CounterName]]
) -> Iterator[Fit]:
    """Yield one fit for each rule of the preset that reads such names, with that rule behind the prefix."""
    before = prefix.decode("ascii")
    question = f"they have {before} before them: is that a prefix of yours?"
    for written, of in _by_rule(fitting[0], counters):
        rule = {key: _behind(before, key, value) for key, value in written.items()}
        yield Fit(fitting, len(of), min(of, key=len), question, rule)


def _by_rule(
    preset: str, counters: Iterable[tuple[bytes, CounterName]]
) -> Iterator[tuple[Mapping[str, Any], list[bytes]]]:
    """Yield each rule of a preset that reads one of these counters, as its file has it, and their names."""
    names: dict[str, list[bytes]] = {}
    rules: dict[str, LimitRule] = {}
    for name, counter in counters:
        text = counter.rule.template.text
        rules[text] = counter.rule
        names.setdefault(text, []).append(name)
    for text, rule in rules.items():
        yield _written(preset, rule), names[text]


def _under_own_names(names: Sequence[bytes], presets: Sequence[Dialect]) -> tuple[list[Fit], list[bytes]]:
    """Return what presets read where an application has its own name in the names, and the other names."""
    fits: list[Fit] = []
    told: set[bytes] = set()
    for preset in (one for one in presets if one.own_word):
        own, by_word = preset.own_word.encode(), dict[bytes, dict[bytes, bytes]]()
        joints = [joint for sign in preset.signs if (joint := _joint(sign.text.encode(), own))]
        for name in names:
            if found := _own_name(own, joints, name):
                by_word.setdefault(found[0], {})[name] = found[1]
        layout = KeyLayout(preset)
        for word, usual in by_word.items():
            counters = [(name, counter) for name in usual if (counter := layout.counter(usual[name])) is not None]
            if counters and any(sign.match(one) is not None for sign in preset.signs for one in usual.values()):
                told.update(name for name in usual if _reads(layout, usual[name]))
                fits += _renamed_fits(preset, word.decode("ascii"), counters)
    return fits, [name for name in names if name not in told]


def _joint(sign: bytes, own: bytes) -> bytes:
    """Return what stands between an application's name and its second time in a sign that begins so; else empty."""
    before, *parts = sign.split(own)
    if before or len(parts) < 2:
        return b""
    return parts[0]


def _own_name(own: bytes, joints: Sequence[bytes], name: bytes) -> tuple[bytes, bytes] | None:
    """Return the name of the application in a key's name, and the key's name as the preset writes it."""
    for joint in joints:
        word = name.partition(joint)[0]
        head = word + joint + word
        if _PREFIX.fullmatch(word) and name.startswith(head):
            return word, own + joint + own + name[len(head) :]
    return None


def _renamed_fits(preset: Dialect, word: str, counters: Sequence[tuple[bytes, CounterName]]) -> Iterator[Fit]:
    """Yield one fit for each rule of the preset that reads such names, with the application's name in that rule."""
    question = f"they have {word} in the place of {preset.own_word}: is that your application's name?"
    for written, of in _by_rule(preset.name, counters):
        rule = {key: _replaced(value, preset.own_word, word) for key, value in written.items()}
        yield Fit((preset.name,), len(of), min(of, key=len), question, rule)


def _behind(prefix: str, key: str, value: Any) -> Any:
    """Return a value of a rule with the prefix before the names in it."""
    if key == "also":
        return [_behind(prefix, "previous", one) for one in value]
    if key == "at" and value.startswith("key "):
        return f"key {prefix}{value[4:]}"
    names_a_key = key == "key" or (key in ("previous", "blocked") and "{key}" not in value and value != "index-1")
    return f"{prefix}{value}" if names_a_key else value


def _reads(layout: KeyLayout, name: bytes) -> bool:
    """Return whether a preset that is there reads this name too (an exclusive sign is only on some of its names)."""
    return layout.parse(name).family in ("limit", "cache", "coherence", "neighbour")


def _with_readers(shape: SeenShape, layouts: Sequence[KeyLayout]) -> SeenShape:
    reading = [layout for layout in layouts if _claims(layout, shape.example)]
    counters = [layout.counter(shape.example) for layout in reading]
    no_ttl = dict.fromkeys(counter.rule.no_ttl for counter in counters if counter is not None)
    family = shape.family or ("limits" if no_ttl else "")
    return replace(shape, readers=tuple(layout.dialect.name for layout in reading), no_ttl=tuple(no_ttl), family=family)


def _claims(layout: KeyLayout, name: bytes) -> bool:
    """Return whether one of its rules with a literal beginning matches this name."""
    counter = layout.counter(name)
    if counter is not None:
        return bool(counter.rule.template.head) and not counter.rule.doubt
    return any(rule.template.head and rule.template.match(name) is not None for rule in layout.dialect.cache)


def _fit(fitting: tuple[str, ...], names: Sequence[bytes], presets: dict[str, Dialect]) -> Fit:
    question, rule = _prefix_question(KeyLayout(presets[fitting[0]]), names)
    return Fit(fitting, len(names), min(names, key=len), question, rule)


def _prefix_question(layout: KeyLayout, names: Sequence[bytes]) -> tuple[str, Mapping[str, Any]]:
    """Return what to ask where the same text stands in the tenant's place of all names, and the rule for a prefix."""
    counters = [found for name in names if (found := layout.counter(name)) is not None]
    tenants = {found.tenant for found in counters}
    if swapped := _swap_question(layout, counters):
        return swapped
    if len(counters) > 1 and len(tenants) > 1 and not counters[0].rule.template.names & {"operation", "index"}:
        return _dot_question(layout, counters)
    if len(counters) < 2 or len(tenants) != 1:
        return "", {}
    sole, (rule, parts) = tenants.pop(), (counters[0].rule, counters[0].parts)
    separator = _after_tenant(rule)
    if not separator or "tenant" not in parts or not sole.isascii() or not sole.isalnum():
        return "", {}
    if not all(found.operation.find(separator) > 0 for found in counters):
        return "", {}
    prefix = sole.decode("ascii")
    key = rule.template.text.replace("{tenant}", f"{prefix}{separator.decode('ascii')}{{tenant}}", 1)
    question = f"all names have {prefix} in the tenant's place: is it a prefix, and the part after it the tenant?"
    return question, {**_written(layout.dialect.name, rule), "key": key}


def _swap_question(layout: KeyLayout, counters: Sequence[CounterName]) -> tuple[str, Mapping[str, Any]] | None:
    """Return what to ask where words stand in the tenant's place and numbers or addresses behind: ``user:42``."""
    rules = Counter(found.rule.template.text for found in counters)
    commonest, count = rules.most_common(1)[0] if rules else ("", 0)
    if count < 2:
        return None
    counters = [found for found in counters if found.rule.template.text == commonest]
    rule = counters[0].rule
    operation = rule.template.capture("operation")
    if operation is None or operation.looks or rule.template.capture("tenant") is None:
        return None
    if not all(_is_id(found.operation) and not _is_id(found.tenant) for found in counters):
        return None
    example = min(counters, key=lambda found: (found.tenant, found.operation))
    shown = f"{example.tenant.decode('ascii', 'replace')} before {example.operation.decode('ascii', 'replace')}"[:60]
    question = f"all names have a word before a number or address, as {shown}: is the word the operation?"
    key = rule.template.text.replace("{tenant}", "{_}", 1)
    key = (
        key.replace("{operation...}", "{tenant...}").replace("{operation}", "{tenant...}").replace("{_}", "{operation}")
    )
    return question, {**_written(layout.dialect.name, rule), "key": key}


def _is_id(part: bytes) -> bool:
    return any(LOOKS[one].fullmatch(part) for one in ("n", "uuid", "hash", "ip6")) or bool(
        _ADDRESS.fullmatch(part) or _MAIL.fullmatch(part)
    )


def _dot_question(layout: KeyLayout, counters: Sequence[CounterName]) -> tuple[str, Mapping[str, Any]]:
    """Return what to ask where all tenants have a dot and share what is before it, as Spring's have since 2025."""
    rule, tenants = counters[0].rule, {found.tenant for found in counters}
    heads = {tenant.partition(b".")[0] for tenant in tenants}
    if not all(0 < tenant.find(b".") < len(tenant) - 1 for tenant in tenants) or len(heads) * 2 > len(tenants):
        return "", {}
    if all(_ADDRESS.fullmatch(tenant) for tenant in tenants):
        return "", {}
    written = {
        key: _replaced(value, "{tenant", "{operation}.{tenant")
        for key, value in _written(layout.dialect.name, rule).items()
    }
    example = min(tenants).decode("ascii", "backslashreplace")[:60]
    question = f"all tenants have a dot, as {example}: is the part before it the route (the operation)?"
    return question, written


def _replaced(value: Any, old: str, new: str) -> Any:
    """Return a value of a rule with another text in its texts."""
    if isinstance(value, list):
        return [_replaced(one, old, new) for one in value]
    if not isinstance(value, str):
        return value
    return value.replace(old, new)


def _written(preset: str, rule: LimitRule) -> Mapping[str, Any]:
    """Return a rule of a preset as its file has it: its copy means the same but for its names."""
    rules = preset_table(preset).get("limits", ())
    return next((one for one in rules if one["key"] == rule.template.text), ANY_COUNTER)


def _after_tenant(rule: LimitRule) -> bytes:
    for at, capture in enumerate(rule.template.captures):
        if capture.name == "tenant":
            return rule.template.literals[at + 1]
    return b""


def toml_of(found: DetectedNames, *, also: Sequence[str] = (), below: Sequence[str] = ()) -> str:
    """Return the text for ``optimus.toml``: complete if a preset fits, else with places to fill in.

    Args:
        found: What was found in the names.
        also: Presets that were recognised by something else than names.
        below: Presets that are in force already and read other names; they are kept.
    """
    lines, rules = [], []
    names = list(dict.fromkeys([*(fit.presets[0] for fit in found.fits), *also]))
    for fit in found.fits:
        if len(fit.presets) > 1:
            lines.append(f"# {' and '.join(fit.presets)} have the same names; your version decides which one it is:")
            lines += [f"#   optimus-tui dialect show {preset}" for preset in fit.presets]
        if fit.question:
            rules += ["", f"# {fit.presets[0]}: {fit.question}", "# If it is, keep this rule, else delete it."]
            rules += ["[[dialect.limits]]", *(f"{key} = {toml_value(value)}" for key, value in fit.rule.items())]
    for shape in found.shapes:
        if shape.family:
            rules += ["", *_to_fill_in(shape)]
    if not names and not rules:
        return ""
    names = list(dict.fromkeys([*names, *below]))
    if not rules and len(names) == 1:
        return "\n".join([*lines, f'dialect = "{names[0]}"', ""])
    head = ["[dialect]"]
    if names:
        listed = ", ".join(f'"{name}"' for name in names)
        head.append(f"extends = [{listed}]" if len(names) > 1 else f"extends = {listed}")
    return "\n".join([*lines, *head, *rules, ""])


def _to_fill_in(shape: SeenShape) -> list[str]:
    looks = "name looks" if shape.count == 1 else "names look"
    lines = [f"# {shape.count:,} {looks} like {_plain(shape.text)}, as {_plain(_text(shape.example))}"]
    for at, part in enumerate(shape.parts, 1):
        lines.append(f"#   {{{at}}}: {_described(part)}")
    if shape.parts:
        says = "operation" if shape.family == "limits" else "kind"
        lines.append(f"# Write {{tenant}} for the tenant's part, {{{says}}} for the {says}, {{any}} for any other.")
    if shape.same:
        lines.append(
            f"# All of them have {_plain(', '.join(shape.same))}: write a capture there too where others may follow."
        )
    if shape.readers:
        lines.append(f"# Presets read such names, each in its order: {', '.join(shape.readers)}.")
    rule = [f"[[dialect.{shape.family}]]", f"key = {_quoted(shape.key)}"]
    if shape.family != "limits":
        return [*lines, *rule]
    if not shape.usual_no_ttl:
        lines.append('# no_ttl: "stuck" where a counter that lost its TTL refuses for ever (INCR, and then EXPIRE),')
        lines.append('#   "heals" where the limiter sets it again.')
    return [
        *lines,
        *rule,
        *(f"{key} = {toml_value(value)}" for key, value in ANY_COUNTER.items()),
        f'no_ttl = "{shape.usual_no_ttl or OPEN_NO_TTL}"',
    ]


def _described(part: ShapePart) -> str:
    examples = ", ".join(_plain(text) for text in part.examples)
    if part.looks == "figures":
        return f"figures, as {examples}: {{index}} if it counts windows, else {{n}}"
    if part.looks == "hash":
        return f"a hash, as {examples}: {{tenant:hash}} if it stands for the tenant"
    if part.values > 1:
        return f"{part.values} different, as {examples}"
    return f"here {examples}"


def _text(name: bytes) -> str:
    return name[:120].decode("ascii", "backslashreplace")


def _plain(text: str) -> str:
    """Return a text for a comment: nothing in it ends a line or drives a terminal."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def _quoted(text: str) -> str:
    """Return a text as a TOML string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in escaped) + '"'
