"""Read the name of a key by the rules of a profile: its tenant, its operation or kind, and what it says of a limit."""

import re
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from typing import Literal, NamedTuple

from msgspec import Struct

from optimus_tui.dialects.heads import by_first_byte, least_heads, needed_literals, shared_groups
from optimus_tui.dialects.load import DEFAULT, load_preset
from optimus_tui.dialects.model import NO_KIND, CacheRule, Dialect, LimitRule
from optimus_tui.dialects.template import UNITS, NamePart, Template, escape_glob

Family = Literal["limit", "cache", "coherence", "event log", "neighbour", "other", "unparsed"]
"""``other``: no rule begins like it. ``unparsed``: it begins like one of the rules and none matches."""

MAX_TENANT_PARTS = 32
"""A tenant with more separators than this is not looked up among the known ones, to keep hostile names cheap."""
EMPTY_TENANT = "the tenant in its name is empty"
_PART = b"\0#"
EDGE_COLON = "the tenant in its name begins or ends with a colon"
NO_OPERATION = "the operation in its name is empty"
ANY_OPERATION = b"*"
"""The operation of a counter that counts all requests of its tenant."""


class ParsedKey(Struct, frozen=True):
    """The parts of a name.

    ``kind`` is set for cache keys, ``operation`` for counters; ``rest`` is what follows them. ``doubt`` says why it is
    unclear whose counter it is (empty if it is clear): such a counter is shown and judged, and no action changes it.
    ``shape`` describes a name that matches no rule, or only a doubtful one.
    """

    family: Family
    tenant: bytes = b""
    kind: bytes = b""
    operation: bytes = b""
    rest: bytes = b""
    doubt: str = ""
    shape: str = ""


class PartOfKey(bytes):
    """Stands for one of several counters that one key holds, as LiteLLM's requests and tokens in one document.

    Attributes:
        key: The name of the key.
        part: The place of its rule in ``LimitRule.beside``.
    """

    key: bytes
    part: int

    @classmethod
    def of(cls, key: bytes, part: int) -> "PartOfKey":
        """Return the ``PartOfKey`` of this key and part."""
        made = cls(key + _PART + b"%d" % part)
        made.key, made.part = key, part
        return made


def key_of(name: bytes) -> bytes:
    """Return the name of the key that holds a counter."""
    if isinstance(name, PartOfKey):
        return name.key
    return name


class CounterName(NamedTuple):
    """A counter's name as read: the rule that matches it, its parts, its tenant and operation."""

    rule: LimitRule
    parts: dict[str, bytes]
    tenant: bytes
    operation: bytes

    @property
    def limit(self) -> int | None:
        """Return the limit that the name or its rule says; None if neither does."""
        limit = _number(self.parts, "limit")
        if limit is None:
            return self.rule.limit
        return limit

    @property
    def window_seconds(self) -> float | None:
        """Return the length of the window that the name or its rule says; None if neither does."""
        parts = self.parts
        if (unit := parts.get("unit")) is not None:
            return UNITS[unit.decode()] * (_number(parts, "times") or 1)
        if (seconds := _number(parts, "window_s")) is not None:
            return seconds
        if (milliseconds := _number(parts, "window_ms")) is not None:
            return milliseconds / 1000
        return self.rule.window_seconds

    def companion(self, template: str, key: bytes) -> bytes:
        """Return the name of another key that belongs to this counter.

        Args:
            template: The template of that name, with ``{key}`` or with captures of the counter's name.
            key: The counter's name.
        """
        if "{key}" in template:
            return template.encode().replace(b"{key}", key)
        return Template(template).fill(self.parts)

    def window_beside(self, key: bytes, step: int) -> bytes:
        """Return the name of the same counter in another window, for names that hold the number of their window.

        Args:
            key: The counter's name.
            step: How many windows later; -1 is the one before.
        """
        written = self.parts.get("index", b"0")
        head, _, tail = key.rpartition(written)
        return head + b"%d" % max(0, int(written) + step) + tail

    def window_before(self, key: bytes) -> bytes:
        """Return the counter's name in the window before, which a value of the kind ``pair`` counts in part."""
        if self.rule.previous == "index-1":
            return self.window_beside(key, -1)
        return self.companion(self.rule.previous, key)

    def belongings(self, key: bytes) -> list[bytes]:
        """Return the names of all other keys of this counter.

        Only if they are removed, too, does it begin again at 0.
        """
        rule = self.rule
        found = [self.companion(one, key) for one in (*rule.also, rule.blocked) if one]
        if rule.bucket.at_key is not None:
            found.append(rule.bucket.at_key.fill(self.parts))
        if "pair" in rule.values:
            found.append(self.window_before(key))
        return [one for one in dict.fromkeys(found) if one != key]


UNPARSED = ParsedKey("unparsed")
OTHER = ParsedKey("other")


_NO_HEX = re.compile(rb"[^0-9a-fA-F]")


def _is_hex(text: bytes) -> bool:
    """Return whether a text, or an empty one, can be part of a name of hexadecimal digits."""
    return _NO_HEX.search(text) is None


class KeyLayout:
    """Reads names by the rules of one profile.

    Attributes:
        dialect: The profile.
        limit_heads: The literal beginnings of counters' names. ``cache_heads``, ``tracking_heads`` and
            ``neighbour_heads`` are those of cache keys, of keys that track coherence, and of other known keys.
        known_heads: All of these except ``neighbour_heads``.
        bare_heads: Beginnings of counters' names without the colon at their end: a key of that name is reported.
        names_tracking: Whether the profile names keys that track coherence; else nothing is known of such keys.
        shared_groups: The rules that give all their names one kind and tenant, as far as no rule before them begins
            with a capture.
        names_no_tenant: Whether the tenant of some cache keys is said by their rule and not by their names.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._limits = by_first_byte(dialect.limits)
        self._caches = by_first_byte(dialect.cache)
        self._cache_rules = [(rule, rule.template.head) for rule in dialect.cache]
        self._event_list = dialect.event_list.encode()
        self._has_parts = any(rule.beside for rule in dialect.limits)
        self.limit_heads = least_heads([rule.template for rule in dialect.limits])
        self.cache_heads = least_heads([rule.template for rule in dialect.cache])
        self.tracking_heads = least_heads(dialect.tracking)
        self.neighbour_heads = least_heads([one for one in dialect.neighbours if one.head])
        self.shared_groups = tuple(shared_groups(dialect.cache, self.neighbour_heads))
        self.known_heads = least_heads(self._templates())
        self._named = least_heads([one for one in self._templates() if one.head])
        self.bare_heads = frozenset(head[:-1] for head in self.limit_heads if head[-1:] == b":")
        self._counts_any_name = b"" in self.limit_heads
        self._needed = needed_literals([one.template.literals for one in dialect.limits if not one.template.head])
        self._named_limits = least_heads([rule.template for rule in dialect.limits if rule.template.head])
        self._first_bytes = frozenset(one[:1] for one in (*self._named_limits, *self.bare_heads))
        needed = (one for one, _ in self._needed)
        self._may_count_hex = any(map(_is_hex, (*needed, *self._named_limits, *self.bare_heads)))
        self.names_tracking = bool(dialect.tracking)
        self.asks_for_all = b"" in self.known_heads
        self.names_no_tenant = any(rule.tenant for rule in dialect.cache)

    def _templates(self) -> list[Template]:
        return [
            *(rule.template for rule in self.dialect.limits),
            *(rule.template for rule in self.dialect.cache),
            *self.dialect.tracking,
        ]

    @property
    def whole_names(self) -> frozenset[bytes]:
        """Return names that are known as a whole: the event list, and ``bare_heads``."""
        return self.bare_heads | ({self._event_list} if self._event_list else frozenset())

    def is_known(self, name: bytes) -> bool:
        """Return True if a name begins as one of the rules says, or is known as a whole.

        It may still match no rule.
        """
        return name.startswith(self.known_heads) or name in self.bare_heads or name == self._event_list

    def may_count(self, name: bytes) -> bool:
        """Return True if a name begins, or holds a literal, as a rule for counters requires."""
        if not self._counts_any_name:
            return name.startswith(self.limit_heads) or name in self.bare_heads
        for needed, times in self._needed:
            if needed in name and (times == 1 or name.count(needed) >= times):
                return True
        return name[:1] in self._first_bytes and (name.startswith(self._named_limits) or name in self.bare_heads)

    def may_get_stuck(self, name: bytes) -> bool:
        """Return True if this counter never resets once it has no TTL. False if its limiter gives it a new one."""
        found = self.counter(name)
        return found is not None and found.rule.no_ttl == "stuck"

    def cache_patterns(self, tenant: bytes, kind: bytes | None) -> tuple[bytes, ...]:
        """Return the patterns, for SCAN, of a tenant's cache keys of one kind, or of all kinds (None)."""
        found: dict[bytes, None] = {}
        for rule in self.dialect.cache:
            of_kind = kind is None or "kind" in rule.template.names or rule.kind.encode() == kind
            if not of_kind or (rule.tenant and rule.tenant.encode() != tenant):
                continue
            fixed = {"tenant": escape_glob(tenant)}
            if kind is not None:
                fixed["kind"] = escape_glob(kind)
            found[rule.template.glob(fixed)] = None
        return tuple(found)

    def parse(self, name: bytes, tenants: Collection[bytes] = frozenset()) -> ParsedKey:
        """Return the parts of ``name``.

        Args:
            name: The key's name.
            tenants: The known tenants, as a set for speed. They decide which separators belong to the tenant's name.
        """
        if name == self._event_list and name:
            return ParsedKey("event log")
        if name.startswith(self.neighbour_heads) and self._is_neighbour(name):
            return ParsedKey("neighbour")
        if not name.startswith(self.known_heads):
            return self._bare_or_strange(name)
        if self.may_count(name) and (counter := self.counter(name)) is not None:
            return self._limit(counter)
        if name.startswith(self.cache_heads) and (cached := self._cache(name, tenants)) is not None:
            return cached
        for template in self.dialect.tracking:
            if (found := template.values(name)) is not None and (rest := found.get("rest", name)):
                return ParsedKey("coherence", tenant=found.get("tenant", b""), rest=rest)
        if name.startswith(self.limit_heads) and name.startswith(self._named):
            return ParsedKey("unparsed", shape=_shape_of(name, self.limit_heads))
        if name.startswith(self._named):
            return UNPARSED
        return OTHER

    def _is_neighbour(self, name: bytes) -> bool:
        return any(template.match(name) is not None for template in self.dialect.neighbours)

    def _bare_or_strange(self, name: bytes) -> ParsedKey:
        if name in self.bare_heads:
            return ParsedKey("unparsed", shape=name.decode("ascii", "replace"))
        if name + b":" in self.known_heads:
            return UNPARSED
        return OTHER

    def with_parts(self, names: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the names of keys, each followed by what stands for the further counters that its key holds."""
        if not self._has_parts:
            yield from names
            return
        for name in names:
            yield name
            found = self.counter(name) if self.may_count(name) else None
            for part in range(len(found.rule.beside) if found is not None else 0):
                yield PartOfKey.of(name, part)

    def counter(self, name: bytes) -> CounterName | None:
        """Return the counter's name as the first rule that matches reads it; None for a name that no rule matches."""
        if isinstance(name, PartOfKey):
            found = self.counter(name.key)
            return found and _counter_name(found.rule.beside[name.part], found.parts)
        if self._has_parts and _PART in name:  # it would pass for a part
            return None
        for rule, head, needed in self._limits[name[0]] if name else ():
            if name.startswith(head) and needed in name and (parts := rule.template.values(name)) is not None:
                found = _counter_name(rule, parts)
                if len(name) > len(head) and found.operation not in rule.skip:
                    return found
                if found.operation in rule.skip:
                    return None
        return None

    def shared_group(self, name: bytes) -> tuple[bytes, bytes] | None:
        """Return the kind and tenant of a cached answer whose rule gives both: the same as ``parse``, but faster.

        None if the name is not a cached answer, or if only ``parse`` can tell.
        """
        for rule in self.shared_groups:
            if rule.looks_so(name) is not None:
                if name.startswith(rule.apart) or name == self._event_list:
                    return None
                if (self._may_count_hex or not rule.is_hex) and self.may_count(name):
                    return None
                return rule.group
        return None

    def family_of(self, name: bytes) -> Family:
        """Return the family that ``parse`` gives, but faster for a cached answer whose name cannot be a counter's.

        Call ``shared_group`` first: it costs the least, and a name that has one is a cached answer.
        """
        other = name.startswith(self.neighbour_heads) or name == self._event_list or self.may_count(name)
        if not other and self._is_cached(name):
            return "cache"
        return self.parse(name).family

    def _is_cached(self, name: bytes) -> bool:
        for rule, head, needed in self._caches[name[0]] if name else ():
            if needed in name and name.startswith(head) and (parts := rule.template.match(name)) is not None:
                return all(parts)
        return False

    def _limit(self, found: CounterName) -> ParsedKey:
        doubt = found.rule.doubt or _doubt_of(found)
        shape = ""
        if found.rule.doubt or not found.operation:
            shape = _shape_of(found.rule.template.head, ()) + ("…" if found.operation or found.rule.doubt else "…:")
        return ParsedKey("limit", tenant=found.tenant, operation=found.operation, doubt=doubt, shape=shape)

    def _cache(self, name: bytes, tenants: Collection[bytes]) -> ParsedKey | None:
        for rule, head, needed in self._caches[name[0]] if name else ():
            if not name.startswith(head) or needed not in name or (parts := rule.template.values(name)) is None:
                continue
            if not all(parts.values()):
                continue
            return _cached(rule, name, parts, tenants)
        return None

    def reads_alike(self, prefix: bytes) -> bool:
        """Return True if one rule reads all cache keys that begin with ``prefix`` (one of ``prefix_of``)."""
        return not any(len(head) > len(prefix) and head.startswith(prefix) for _, head in self._cache_rules)

    def prefix_of(self, name: bytes) -> bytes:
        """Return the part of a cache key's name before ``{rest...}``, which others share; empty if it is unknown."""
        for rule, head in self._cache_rules:
            if name.startswith(head):
                last = rule.template.captures[-1:]
                end = rule.template.prefix_end(name) if last and last[0].name == "rest" else -1
                if 0 < end < len(name):
                    return name[:end]
                return b""
        return b""


@cache
def own_layout() -> KeyLayout:
    """Return the layout of the preset ``optimus``."""
    return KeyLayout(load_preset(DEFAULT))


def _number(parts: dict[str, bytes], name: str) -> int | None:
    text = parts.get(name)
    if text is not None:
        return int(text)
    return None


def _counter_name(rule: LimitRule, parts: dict[str, bytes]) -> CounterName:
    tenant, operation = parts.get("tenant"), parts.get("operation")
    if tenant is None:
        tenant = rule.tenant.encode()
    if rule.called is not None:
        operation = rule.called.fill(parts)
    elif operation is None:
        operation = ANY_OPERATION if rule.operation is None else rule.operation.encode()
    return CounterName(rule, parts, tenant, operation)


def _doubt_of(found: CounterName) -> str:
    """Return why the owner of this counter is not certain; "" where it is."""
    if not found.tenant:
        return EMPTY_TENANT
    edge = found.tenant.startswith(b":") or found.tenant.endswith(b":")
    if edge and not _is_address(found.rule.template.capture("tenant")):
        return EDGE_COLON
    if found.operation:
        return ""
    return NO_OPERATION


def _is_address(tenant: NamePart | None) -> bool:
    return tenant is not None and tenant.looks == "ip6"


def _cached(rule: CacheRule, name: bytes, parts: dict[str, bytes], tenants: Collection[bytes]) -> ParsedKey:
    tenant, kind = parts.get("tenant", rule.tenant.encode()), parts.get("kind", rule.kind.encode() or NO_KIND)
    rest = parts.get("rest", b"")
    names = [one.name for one in rule.template.captures]
    if names[-2:] == ["tenant", "rest"] and b":" in rest:
        tail = name[len(name) - len(tenant) - 1 - len(rest) :]
        tenant, rest = _longest_known(tail, tenants) or (tenant, rest)
    return ParsedKey("cache", tenant=tenant, kind=kind, rest=rest)


def _longest_known(tail: bytes, tenants: Collection[bytes]) -> tuple[bytes, bytes] | None:
    found, start = None, 0
    for _ in range(MAX_TENANT_PARTS):
        colon = tail.find(b":", start)
        if colon < 0 or colon + 1 == len(tail):
            break
        if tail[:colon] in tenants:
            found = tail[:colon], tail[colon + 1 :]
        start = colon + 1
    return found


def _shape_of(name: bytes, heads: tuple[bytes, ...]) -> str:
    head = next((one for one in heads if name.startswith(one)), name)
    return head.decode("ascii", "backslashreplace") + ("…" if heads and len(name) > len(head) else "")
