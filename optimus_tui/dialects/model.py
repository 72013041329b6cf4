"""The parts of a profile as structs: rules for names and values, addresses, words of health checks, metrics, feeds."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from optimus_tui.dialects.template import Template

ValueKind = Literal["count", "remaining", "log", "pair", "bucket", "gcra", "json", "blocked", "card"]
"""How a counter's value is read.

``count``: used, a whole number. ``remaining``: what is left. ``log``: a sorted set or list of times, of which those
inside the window count. ``pair``: a fixed window and the one before it. ``bucket``: tokens and when they were refilled.
``gcra``: the time at which the bucket is full again. ``json``: a number inside a document. ``blocked``: a flag, refused
while it is there. ``card``: the members of a set.
"""
Resets = Literal["ttl", "ttl-window", "window"]
"""When a window ends: with the TTL, one window before the TTL ends, or at the stamp in the name plus the window."""
NoTtl = Literal["stuck", "heals", "dated", "normal"]
"""What a missing TTL means: blocked for ever, repaired by the limiter, a window in the past, or nothing."""

NO_KIND = b"(no kind)"
"""The kind of a cached answer where neither its name nor its rule says one."""
MISSING = object()
"""What ``value_at`` returns where a document has nothing at that place; it equals nothing else."""


class Bucket(Struct, frozen=True):
    """The places where a bucket's level and the time of its last refill are kept.

    ``level_field`` and ``at_field`` name fields of a hash; empty if the figure is the value of a key of its own.
    ``at_key`` is the template of the key with the time, None if it is in the hash. ``unit``: units a second of the
    time. ``used``: the level counts what is used, not what is left.
    """

    level_field: str = ""
    at_field: str = ""
    at_key: Template | None = None
    unit: int = 1
    used: bool = False


class LimitRule(Struct, frozen=True, kw_only=True):
    """The rule by which one layout of counters is read. An empty text means that the profile does not say it."""

    template: Template
    values: tuple[ValueKind, ...] = ("count",)
    json_path: tuple[str, ...] = ()
    resets: Resets = "ttl"
    no_ttl: NoTtl = "stuck"
    tenant: str = ""
    operation: str | None = None
    called: Template | None = None
    """What the operation is called, of captures of the name; None where one capture, or ``operation``, is it."""
    limit: int | None = None
    window_seconds: float | None = None
    previous: str = ""
    """For ``pair``: a template in which ``{key}`` stands for the whole name, or ``index-1``."""
    bucket: Bucket = Bucket()
    epoch: float = 0.0
    """For ``gcra``: the second that its times count from."""
    score: int | None = None
    """Units a second of the times of a ``log``; None finds out."""
    counts_refused: bool = True
    """False: the count stops at the limit, so a full counter does not prove refusals."""
    blocked: str = ""
    """A key whose presence means that requests are refused: a template with ``{key}`` or with captures of the name."""
    also: tuple[str, ...] = ()
    """Such templates of keys that belong to the same counter and are deleted with it."""
    skip: frozenset[bytes] = frozenset()
    """Operations that are not counters: names that only belong to one."""
    doubt: str = ""
    """Why the owner is not certain, for every name that this rule matches."""
    fallback: bool = False
    """It is meant for what the rules before it leave over: that these match its names too is not reported."""
    beside: tuple["LimitRule", ...] = ()
    """The same rule for further figures that stand in the same value, each an operation of its own."""


class CacheRule(Struct, frozen=True, kw_only=True):
    """The rule by which one layout of cache keys is read."""

    template: Template
    kind: str = ""
    tenant: str = ""
    fallback: bool = False


class FeedRule(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The rule by which the events of one channel, or of a pattern of channels, are read.

    Its pointers (RFC 6901) say where in a JSON payload each figure is.
    """

    channel: str = ""
    """The channel."""
    pattern: str = ""
    """A pattern of channels, in its place."""
    sharded: bool = False
    """The channel is a sharded one (SPUBLISH): it is heard with SSUBSCRIBE, from the node that owns its slot."""
    payload: Literal["json", "key", "keyevent"] = "json"
    """What a message is: a JSON document, the name of a key, or a keyspace notification."""
    type: str = ""
    """Where the kind of event is, as `/type`."""
    tenant: str = ""
    """Where the tenant is."""
    time: str = ""
    """Where the time is."""
    key: str = ""
    """Where the name of the key is that the event is about."""
    key_pattern: str = ""
    """Where a pattern of keys is."""


class ServiceProfile(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The paths and headers by which a gateway or an engine is asked. An empty path is not asked."""

    health: str = "/health"
    """The path that says how it is."""
    healthy: Mapping[str, object] = {}
    """JSON pointers (RFC 6901; "" for the whole body) with the values that mean healthy; empty: by the usual words."""
    statuses: tuple[int, ...] = (200,)
    """The status codes of a healthy answer. With 204 in it, an answer without a body is healthy."""
    text: bool = True
    """A 200 with one good word as text (``OK``) is healthy; false: only a JSON object can be."""
    metrics: str = "/metrics"
    """The path of its metrics."""
    cache_metrics: str = ""
    """The path that publishes figures of the cache."""
    limits: str = ""
    """The path that publishes limits."""
    header_env: str = ""
    """The variable that holds one header, ``Name: value``."""
    tls_ca: str = ""
    """A file of certificate authorities in PEM form; with it only those are trusted."""
    tls_cert: str = ""
    """The certificate that is shown to the service, in PEM form."""
    tls_key: str = ""
    """Its key, where that is in a file of its own; it must not be encrypted."""
    tls_verify: bool = True
    """False: the service's certificate is not checked, so anybody on the way can answer in its place."""
    never: tuple[str, ...] = ()
    """Paths that cost money or change something: never asked."""
    tells: Mapping[str, str] = {}
    """Free paths with the text or JSON string that only this product answers there: by them it is found out."""
    checks: tuple[str, ...] = ()
    """Calls that the integration test and the chat test may make, by name; none: not configured."""


class MetricRule(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Another system's name for one of the metrics that are read here, and its names for the labels.

    Tokens (``tokens_total``) and money spent (``spend_total``) are read only where such a rule names them.
    """

    name: str
    """Its name there."""
    labels: Mapping[str, str] = {}
    """The names of its labels there, by ours."""


class GaugeRule(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A gauge in the gateway's metrics whose value is the limit of one counter, in requests a window."""

    name: str
    """Its name."""
    key: str
    """The counter's name as a template, whose captures are labels of the gauge."""
    labels: Mapping[str, str] = {}
    """The label of each capture whose name is another."""
    alias: str = ""
    """The label with the name that people know the tenant by, where the one in Redis is a hash."""


class Dialect(Struct, frozen=True, kw_only=True):
    """A whole profile. ``origin`` is where it was read, such as ``preset limits`` or ``optimus.toml:12``."""

    name: str
    origin: str
    about: str = ""
    signs: tuple[Template, ...] = ()
    """Names that only this product writes: where one is there, the preset fits."""
    metric_signs: tuple[str, ...] = ()
    """Metrics that only this product publishes: ``name`` or ``name{label}``."""
    own_word: str = ""
    """The word in the signs in whose place another application has its own name; empty for none."""
    limits: tuple[LimitRule, ...] = ()
    cache: tuple[CacheRule, ...] = ()
    tracking: tuple[Template, ...] = ()
    neighbours: tuple[Template, ...] = ()
    """Names that are known and are neither counters nor cached answers: tags, sessions, queues."""
    feeds: tuple[FeedRule, ...] = ()
    event_list: str = ""
    gateway: ServiceProfile = ServiceProfile()
    engine: ServiceProfile = ServiceProfile()
    metrics: Mapping[str, MetricRule] = {}
    limit_gauges: tuple[GaugeRule, ...] = ()
    writable_layout: bool = False
    notes: tuple[str, ...] = ()
    """What was found when the profile was loaded: pairs of rules that can match the same name."""


def value_at(document: object, pointer: str) -> object:
    """Return the value at a JSON pointer (RFC 6901; empty is the whole document), or ``MISSING``."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict) and name in document:
            document = document[name]
        elif isinstance(document, list) and name.isdecimal() and len(name) < 6 and int(name) < len(document):
            document = document[int(name)]
        else:
            return MISSING
    return document
