"""Read profiles: the presets of this package, and tables of a settings file that extend them.

Every mistake is one sentence with the file, the line, the rule and what to write instead.
"""

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from optimus_tui.dialects.checks import check_feed, check_service
from optimus_tui.dialects.conflicts import conflict_notes
from optimus_tui.dialects.model import (
    Bucket,
    CacheRule,
    Dialect,
    FeedRule,
    GaugeRule,
    LimitRule,
    MetricRule,
    NoTtl,
    Resets,
    ServiceProfile,
    ValueKind,
)
from optimus_tui.dialects.places import DialectError, FilePlace, nearest
from optimus_tui.dialects.template import IGNORED, Template, TemplateError

PRESETS = Path(__file__).with_name("presets")
DEFAULT = "optimus"
MOST_RULES, MOST_NAMES = 200, 32
_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


class LimitTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How counters are read: each `[[dialect.limits]]` is one layout of their names; the first that matches counts."""

    key: str
    """The name as a template: `rate_limit:{tenant}:{operation}`."""
    value: str | list[str] = "count"
    """What is at the key, or several kinds: the first that the type of the key allows."""
    resets: Resets = "ttl"
    """When the window ends: with the TTL, one window before the TTL, or at the stamp in the name plus the window."""
    no_ttl: NoTtl = "stuck"
    """What a missing TTL means: never resets (red), the limiter mends it, a past window, or nothing."""
    tenant: str = ""
    """The tenant of all names, where the template has none."""
    operation: str | None = None
    """The operation, where the template has none, or what it is called: `{operation} of {rest}`. Without: all."""
    limit: Annotated[int, Meta(ge=0, le=10**15)] | None = None
    """Requests a window, where the name does not say them."""
    window_seconds: Annotated[float, Meta(gt=0, le=10**9)] | None = None
    """The window, where the name does not say it."""
    previous: str = ""
    """For `pair`: the name of the window before, with `{key}` for the whole name, or `index-1`."""
    level: str = ""
    """For `bucket`: where its tokens are, `hash FIELD` or `value`."""
    at: str = ""
    """For `bucket`: when it was refilled and in which unit, `hash FIELD s` or `key NAME ms`."""
    holds: Literal["left", "used"] = "left"
    """For `bucket`: whether its level is what is left or what is used."""
    epoch: Annotated[float, Meta(ge=0, le=10**10)] = 0.0
    """For `gcra`: the second that its times count from."""
    score: Literal["s", "ms", "us", "ns", ""] = ""
    """For `log`: the unit of its times; without it that is found out."""
    counts_refused: bool = True
    """False where the limiter stops at the limit: then a counter is full, and not over."""
    blocked: str = ""
    """The name of a flag that means that requests are refused, as `{key}.BLOCKED`."""
    also: Annotated[list[str], Meta(max_length=MOST_NAMES)] = []
    """Names of keys that belong to the counter and are deleted with it."""
    skip_operations: Annotated[list[str], Meta(max_length=MOST_NAMES)] = []
    """Operations that are not counters."""
    doubt: str = ""
    """Why the owner of such a counter is not certain; no action takes it then."""
    fallback: bool = False
    """True where it is meant to match what a rule before it matches too."""
    beside: dict[str, str] = {}
    """For `json`: further operations in the same document, with the place of each: `{ tpm = "current_tpm" }`."""


class CacheTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How cache keys are read: each `[[dialect.cache]]` is one layout of their names."""

    key: str
    """The name as a template: `cache:{kind}:{tenant}:{rest...}`."""
    kind: str = ""
    """The kind of all names, where the template has none."""
    tenant: str = ""
    """The tenant of all names, where the template has none."""
    fallback: bool = False
    """True where it is meant to match what a rule before it matches too."""


class KeyTable(Struct, frozen=True, forbid_unknown_fields=True):
    """Keys of which only the name matters."""

    key: str
    """The name as a template."""


class DialectTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The table `[dialect]`: what a system writes into Redis and publishes.

    What it leaves out is taken from the preset.
    """

    name: str = ""
    """What it is called."""
    about: str = ""
    """What it reads, in plain words."""
    extends: str | Annotated[list[str], Meta(max_length=MOST_NAMES)] = ""
    """A preset that it stands on, or several; its own rules go first."""
    signs: list[str] = []
    """Templates of names that nobody else writes: by them it is found out. Only presets need these."""
    metric_signs: list[str] = []
    """Metrics that nobody else publishes, as `name{label}`: by them it is found out. Only presets need these."""
    own_word: str = ""
    """The word in the signs in whose place another application has its own name. Only presets need it."""
    writable_layout: bool | None = None
    """True allows actions on these keys. It is never taken over from a preset."""
    event_list: str | None = None
    """The list that keeps the last events."""
    limits: list[LimitTable] = []
    """Layouts of counters."""
    cache: list[CacheTable] = []
    """Layouts of cache keys."""
    tracking: list[KeyTable] = []
    """Layouts of keys that say which gateway holds an answer in its own memory."""
    neighbours: list[KeyTable] = []
    """Known names that are neither: tags, sessions, queues."""
    feed: list[FeedRule] = []
    """Channels on which events come."""
    gateway: ServiceProfile | None = None
    """How the gateway is asked."""
    engine: ServiceProfile | None = None
    """How the engine is asked."""
    metrics: dict[str, MetricRule] = {}
    """What our metrics are called elsewhere, by our names."""
    limit_gauges: list[GaugeRule] = []
    """Gauges of the gateway that say limits."""


def preset_names(folder: Path = PRESETS) -> list[str]:
    """Return the names of the presets, sorted."""
    return sorted(path.stem for path in folder.glob("*.toml"))


@lru_cache(maxsize=64)
def load_preset(name: str) -> Dialect:
    """Return a preset.

    Raises:
        DialectError: There is no preset of this name.
    """
    return preset_of(PRESETS, name)


def preset_of(folder: Path, name: str, extending: tuple[str, ...] = ()) -> Dialect:
    """Return the profile of a file in a folder.

    Args:
        folder: Where the presets are.
        name: The file's name without ``.toml``.
        extending: The presets that extend this one, and are being read.

    Raises:
        DialectError: The file does not exist, has a mistake, or extends itself.
    """
    path = folder / f"{name}.toml"
    if not name or not all(letter.isalnum() or letter in "-_" for letter in name) or not path.is_file():
        raise DialectError(f"there is no preset {name[:60]!a}; {nearest(name, preset_names(folder))}")
    text = path.read_text("utf-8")
    return _read(tomllib.loads(text), FilePlace(f"preset {name}", text, ""), name, (*extending, name), folder)


def preset_table(name: str) -> dict[str, Any]:
    """Return the tables in the file of a preset, which ``load_preset`` has accepted."""
    return tomllib.loads((PRESETS / f"{name}.toml").read_text("utf-8"))


def load_table(
    table: Mapping[str, Any], where: str, text: str = "", *, within: str = "dialect.", name: str = "own"
) -> Dialect:
    """Return the profile of a table.

    Args:
        table: the table as TOML gives it.
        where: the file, for the sentences of mistakes.
        text: the file's text, to name lines; "" where there is none.
        within: what stands before the names of the tables in the file.
        name: the profile's name if the table gives none.

    Raises:
        DialectError: the first mistake, in one sentence.
    """
    profile = _read(table, FilePlace(where, text, within), name, (), PRESETS)
    own = {section: len(table.get(section, ())) for section in ("limits", "cache")}
    notes = (
        *conflict_notes(f"{within}limits", profile.limits[: own["limits"]]),
        *conflict_notes(f"{within}cache", profile.cache[: own["cache"]]),
    )
    return replace(profile, notes=notes)


def _read(table: Mapping[str, Any], place: FilePlace, name: str, extending: tuple[str, ...], folder: Path) -> Dialect:
    try:
        given = msgspec.convert(dict(table), DialectTable, strict=True)
    except msgspec.ValidationError as error:
        raise DialectError(place.of_error(str(error), DialectTable)) from None
    _check_size(given, place)
    for at, feed in enumerate(given.feed):
        check_feed(feed, place.rule("feed", at))
    for at, gauge in enumerate(given.limit_gauges):
        _template(gauge.key, place.rule("limit_gauges", at))
    base = _base(given, place, name, extending, folder)
    gateway = _service(given.gateway, table.get("gateway", {}), base.gateway)
    engine = _service(given.engine, table.get("engine", {}), base.engine)
    for service, what in ((gateway, "gateway"), (engine, "engine")):
        if what in table:
            check_service(service, place, what)
    limits = tuple(_limit(one, place.rule("limits", at)) for at, one in enumerate(given.limits))
    caches = tuple(_cache(one, place.rule("cache", at)) for at, one in enumerate(given.cache))
    return replace(
        base,
        name=given.name or name,
        origin=place.key(),
        about=given.about or base.about,
        signs=(*(_template(one, place.key("signs"), "a sign") for one in given.signs), *base.signs),
        metric_signs=(*given.metric_signs, *base.metric_signs),
        own_word=given.own_word or base.own_word,
        limits=(*limits, *base.limits),
        cache=(*caches, *base.cache),
        tracking=(*_templates(given.tracking, place, "tracking"), *base.tracking),
        neighbours=(*_templates(given.neighbours, place, "neighbours"), *base.neighbours),
        feeds=(*given.feed, *base.feeds),
        event_list=base.event_list if given.event_list is None else given.event_list,
        gateway=gateway,
        engine=engine,
        metrics={**base.metrics, **given.metrics},
        limit_gauges=(*given.limit_gauges, *base.limit_gauges),
        writable_layout=bool(given.writable_layout),
    )


def _check_size(given: DialectTable, place: FilePlace) -> None:
    counted = len(given.limits) + len(given.cache) + len(given.tracking) + len(given.neighbours)
    if (counted := counted + len(given.feed) + len(given.metrics) + len(given.limit_gauges)) > MOST_RULES:
        raise DialectError(f"{place.key()}: {counted:,} rules are too many; at most {MOST_RULES} are used: merge some")


def _service(given: ServiceProfile | None, said: Mapping[str, Any], base: ServiceProfile) -> ServiceProfile:
    """Return how a service is asked: as the table says, and what it does not say as the preset has it."""
    if given is None:
        return base
    return replace(base, **{key: getattr(given, key) for key in said})


def _base(given: DialectTable, place: FilePlace, name: str, extending: tuple[str, ...], folder: Path) -> Dialect:
    """Return what the table stands on: the presets that it extends, of which the first goes before the others."""
    names = [given.extends] if isinstance(given.extends, str) else given.extends
    base = Dialect(name=name, origin=place.where)
    for one in reversed([one for one in names if one]):
        base = _over(_extended(one, given, place, extending, folder), base)
    return base


def _over(upper: Dialect, lower: Dialect) -> Dialect:
    """Return both profiles as one: the rules of the upper go first, and what it says holds."""
    usual = ServiceProfile()
    return replace(
        upper,
        limits=(*upper.limits, *lower.limits),
        cache=(*upper.cache, *lower.cache),
        tracking=(*upper.tracking, *lower.tracking),
        neighbours=(*upper.neighbours, *lower.neighbours),
        feeds=(*upper.feeds, *lower.feeds),
        event_list=upper.event_list or lower.event_list,
        gateway=lower.gateway if upper.gateway == usual else upper.gateway,
        engine=lower.engine if upper.engine == usual else upper.engine,
        metrics={**lower.metrics, **upper.metrics},
        limit_gauges=(*upper.limit_gauges, *lower.limit_gauges),
        signs=(*upper.signs, *lower.signs),
        metric_signs=(*upper.metric_signs, *lower.metric_signs),
        own_word=upper.own_word or lower.own_word,
    )


def _extended(name: str, given: DialectTable, place: FilePlace, extending: tuple[str, ...], folder: Path) -> Dialect:
    where = place.key("extends")
    if name in extending:
        way = " → ".join((*extending, name))
        raise DialectError(f"{where}: a profile cannot extend itself ({way}): name another preset")
    if name == given.name and name not in preset_names(folder):
        known = ", ".join(preset_names(folder))
        raise DialectError(f"{where}: a profile cannot extend itself: name a preset ({known})")
    try:
        if extending:
            return preset_of(folder, name, extending)
        return load_preset(name)
    except DialectError as error:
        raise DialectError(f"{where}: {error}") from None


def _template(text: str, where: str, name: str = "key") -> Template:
    try:
        return Template(text)
    except TemplateError as error:
        shown = ascii(text[:80]) + "…" * (len(text) > 80)
        raise DialectError(f"{where}: {name} {shown} {error}") from None


def _templates(tables: list[KeyTable], place: FilePlace, section: str) -> tuple[Template, ...]:
    return tuple(_template(one.key, place.rule(section, at)) for at, one in enumerate(tables))


def _limit(given: LimitTable, where: str) -> LimitRule:
    template = _template(given.key, where)
    if "tenant" not in template.names and not given.tenant:
        raise DialectError(
            f'{where}: key has no {{tenant}}: say which part it is, or set tenant = "…" for all its names'
        )
    kinds = [given.value] if isinstance(given.value, str) else given.value
    values: list[ValueKind] = []
    path: tuple[str, ...] = ()
    for kind in kinds:
        word, _, rest = kind.partition(" ")
        if word not in ValueKind.__args__:  # type: ignore[attr-defined]
            raise DialectError(f"{where}: unknown value {kind[:40]!a}; known are {', '.join(ValueKind.__args__)}")  # type: ignore[attr-defined]
        if word == "json":
            path = _json_path(rest)
            if not path:
                raise DialectError(f'{where}: value "json" needs the place of the number, as "json current_rpm"')
        values.append(cast("ValueKind", word))
    if not values:
        raise DialectError(f'{where}: value is empty; "count" is the usual one')
    if given.resets == "window" and not any(one.stamp for one in template.captures):
        raise DialectError(f'{where}: resets = "window" needs a stamp in the key, as {{start_s}} or {{index}}')
    if "pair" in values and not given.previous:
        raise DialectError(f'{where}: value "pair" needs previous = "{{key}}…" or "index-1"')
    if given.previous == "index-1" and "index" not in template.names:
        raise DialectError(f'{where}: previous = "index-1" needs {{index}} in the key')
    bucket = _bucket(given, where) if "bucket" in values else Bucket()
    refilled_at = bucket.at_key.text if bucket.at_key is not None else ""
    before = given.previous if given.previous != "index-1" else ""
    for companion in (given.blocked, *given.also, before, refilled_at):
        _check_companion(companion, template, where)
    rule = LimitRule(
        template=template,
        values=tuple(values),
        json_path=path,
        resets=given.resets,
        no_ttl=given.no_ttl,
        tenant=given.tenant,
        operation=given.operation,
        called=_called(given.operation or "", template, where),
        limit=given.limit,
        window_seconds=given.window_seconds,
        previous=given.previous,
        bucket=bucket,
        epoch=given.epoch,
        score=_UNITS.get(given.score),
        counts_refused=given.counts_refused,
        blocked=given.blocked,
        also=tuple(given.also),
        skip=frozenset(one.encode() for one in given.skip_operations),
        doubt=given.doubt,
        fallback=given.fallback,
    )
    if given.beside:
        return replace(rule, beside=_beside(given, rule, where))
    return rule


def _json_path(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.replace("/", " ").split() if part)


def _beside(given: LimitTable, rule: LimitRule, where: str) -> tuple[LimitRule, ...]:
    """Return the rule once for each further operation in the same JSON document."""
    if rule.values != ("json",) or given.operation is None or not all(map(_json_path, given.beside.values())):
        raise DialectError(
            f"{where}: beside names further operations of a JSON document with their places, as "
            '{ tpm = "current_tpm" }: it needs an operation, and value = "json current_rpm"'
        )
    return tuple(
        replace(rule, operation=name, called=_called(name, rule.template, where), json_path=_json_path(at))
        for name, at in given.beside.items()
    )


def _called(text: str, template: Template, where: str) -> Template | None:
    """Return how the operation is called where its text is made of captures of the key; None for plain text."""
    if "{" not in text:
        return None
    called = _template(text, where, "operation")
    if strange := called.names - (template.names - IGNORED):
        raise DialectError(f"{where}: operation {text[:80]!a} has {{{min(strange)}}}, which the key does not capture")
    return called


def _check_companion(text: str, template: Template, where: str) -> None:
    """Check a key that belongs to a counter: its name is made of the counter's, or of what this one captures."""
    if not text or "{key}" in text:
        return
    names = _template(text, where, "the companion").names
    strange = names - (template.names - IGNORED)
    if strange:
        raise DialectError(
            f"{where}: the companion {text[:80]!a} has {{{min(strange)}}}, which the key does not capture"
        )
    if "tenant" in template.names and "tenant" not in names:
        raise DialectError(
            f"{where}: the companion {text[:80]!a} has no {{tenant}}, so several tenants would share it: "
            "write it with {tenant} or {key}, or leave it out"
        )


def _bucket(given: LimitTable, where: str) -> Bucket:
    level, at = given.level.split(), given.at.split()
    remedy = 'write level = "hash tokens" and at = "hash last_refreshed s", or level = "value" and at = "key NAME s"'
    if level[:1] not in (["hash"], ["value"]) or len(level) != 1 + (level[0] == "hash"):
        raise DialectError(f'{where}: value "bucket" needs to know where its level is: {remedy}')
    if len(at) != 3 or at[0] not in ("hash", "key") or at[2] not in _UNITS:
        raise DialectError(f'{where}: value "bucket" needs to know when it was refilled: {remedy}')
    return Bucket(
        level_field=level[1] if level[0] == "hash" else "",
        at_field=at[1] if at[0] == "hash" else "",
        at_key=_template(at[1], where, "at") if at[0] == "key" else None,
        unit=_UNITS[at[2]],
        used=given.holds == "used",
    )


def _cache(given: CacheTable, where: str) -> CacheRule:
    template = _template(given.key, where)
    return CacheRule(template=template, kind=given.kind, tenant=given.tenant, fallback=given.fallback)
