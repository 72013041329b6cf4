"""All settings with units and defaults, among them every threshold that can be configured.

Bounds that cannot be configured are constants beside the rule that uses them, in ``verdicts``.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from optimus_tui.contract.cluster import Topology
from optimus_tui.contract.keyspace import LimitRules
from optimus_tui.settings.table import BY_KEY, Bell, ReadFrom
from optimus_tui.settings.validation import ValidateTable

if TYPE_CHECKING:
    from optimus_tui.dialects.model import Dialect

Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]


class Secret:
    """A text such as a password, which never shows in repr, str, format, a traceback or a pickle.

    ``reveal()`` is the only way to read it; search for it to audit the uses.
    """

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    def reveal(self) -> str:
        """Return the text itself, for the one call that needs it."""
        return self.__text

    def __bool__(self) -> bool:
        return bool(self.__text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reveal() == self.__text

    def __hash__(self) -> int:
        return hash(self.__text)

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied")


class Thresholds(Struct, frozen=True, forbid_unknown_fields=True):
    """The thresholds at which a measurement becomes a finding. Shares run from 0 to 1, latencies in milliseconds."""

    hit_rate_warn: Share = 0.70
    """A lower share of cache hits is a finding."""
    hit_rate_low: Share = 0.60
    """A lower share of cache hits is a serious finding."""
    tenant_active_limits: Annotated[int, Meta(ge=1)] = 15
    """A tenant with more active counters is a finding."""
    limit_keys: Annotated[int, Meta(ge=1)] = 1000
    """More rate-limit counters in all are a finding."""
    near_limit: Share = 0.90
    """A counter that has used this share of its limit is called near it."""
    latency_excellent_ms: Positive = 100.0
    """Up to this many milliseconds a latency is excellent."""
    latency_good_ms: Positive = 500.0
    """Up to this many milliseconds a latency is good; over it is a finding."""
    latency_poor_ms: Positive = 1000.0
    """Over this many milliseconds a latency is a serious finding."""
    integration_ms: Positive = 200.0
    """Over this many milliseconds, calls to the engine in the integration test are too slow."""
    error_rate_warn: Share = 0.01
    """A higher share of failed requests is a finding."""
    error_rate_high: Share = 0.05
    """A higher share of failed requests is a serious finding."""
    proxy_timeout_ms: Positive | None = None
    """The gateway's timeout for the engine, in milliseconds. It publishes none, so without this it is unknown."""
    cache_keys_large: Annotated[int, Meta(ge=1)] = 1000
    """More cache keys in all are a finding."""
    coherence_ratio_low: Share = 0.1
    """Fewer tracking keys for each cache key are a finding."""
    coherence_ratio_high: Share = 0.8
    """More tracking keys for each cache key are a finding."""
    events_per_second: Positive = 200.0
    """More coherence events a second are a finding: every gateway reads and carries out each of them."""


class ScanBudget(Struct, frozen=True, forbid_unknown_fields=True):
    """How gently the keyspace is scanned: keys per call, pause between calls, and how often."""

    count: Annotated[int, Meta(ge=10, le=10_000)] = 250
    """Most keys asked for in one call (COUNT of SCAN) where TTLs are read, at most 1,000; more where only names are.
    Fewer are asked for where the server needs longer than half a millisecond for a call."""
    pause_ms: Annotated[float, Meta(ge=0, le=1000)] = 0.0
    """Least pause between two calls, in milliseconds. It is longer where the server needs longer for a call."""
    budget: Literal["normal", "fast"] = "normal"
    """``normal`` takes half of the server's time at most, and less the more the server does for others; ``fast`` takes
    what it can get, in calls of about two milliseconds."""
    max_keys: Annotated[int, Meta(ge=1_000, le=20_000_000)] = 2_000_000
    """Most cache keys whose names are kept, at about 40 bytes each. Totals of more keys are estimated from these."""
    names_every_seconds: Annotated[float, Meta(ge=1)] = 5.0
    """Seconds between two scans for names."""
    ttls_every_seconds: Annotated[float, Meta(ge=10)] = 60.0
    """Seconds between two scans for TTLs."""
    trips_per_second: Annotated[float, Meta(ge=1, le=1000)] = 30.0
    """Most calls a second in repeated scans; the first scan is slowed by the pause only."""


class RedisTarget(Struct, frozen=True, kw_only=True):
    """A parsed Redis address. ``label`` is what may be shown: host, port or path, db and user; no password.

    ``host`` and ``port`` are the server, or the first of several nodes of a cluster or of several sentinels; ``others``
    are the rest of these. User and password belong to the servers; sentinels have a login of their own.
    """

    topology: Topology = "single"

    scheme: str = "redis"
    host: str = "localhost"
    port: int = 6379
    path: str | None = None
    db: int = 0
    username: str | None = None
    password: Secret | None = None
    tls_verify: bool = True
    """False: the server's certificate is not checked, or too loosely to prove which server it is."""
    tls_check_hostname: bool = True
    """False with ``tls_verify``: any name will do, as long as the operator's own authority signed it."""
    tls_ca: str | None = None
    """A file of certificate authorities in PEM form; with it or ``tls_ca_path`` only those are trusted."""
    tls_ca_path: str | None = None
    tls_cert: str | None = None
    """The client's certificate in PEM form, and its key where that is in a file of its own."""
    tls_key: str | None = None
    tls_key_password: Secret | None = None
    others: tuple[tuple[str, int], ...] = ()
    service: str = ""
    """The name under which sentinels know the primary; a single server with a name is a sentinel."""
    sentinel_username: str | None = None
    sentinel_password: Secret | None = None
    address_map: tuple[tuple[str, str], ...] = ()
    """Announced addresses that cannot be reached from here, each with the one that can: ``host:port``."""
    read_from: ReadFrom = "primary"
    """Where the keys of a cluster, or behind sentinels, are read."""
    part_of: Topology = "single"
    """What one server belongs to."""
    announced: bool = False
    """Its address was not configured: its cluster, or the sentinels, named it."""

    @property
    def seeds(self) -> tuple[tuple[str, int], ...]:
        """Return every configured host and port."""
        return ((self.host, self.port), *self.others)

    def at(self, host: str, port: int) -> "RedisTarget":
        """Return the target of one server that belongs to this system, with the same login."""
        announced = self.announced or (host, port) not in self.seeds
        part_of = self.topology
        if part_of == "single":
            part_of = self.part_of
        if part_of == "single" and announced:
            part_of = "cluster"
        one = replace(self, topology="single", host=host, port=port, others=(), service="")
        return replace(one, part_of=part_of, announced=announced)

    def written(self, scheme: str) -> str:
        """Return how an address with this scheme begins, for what this server belongs to: ``rediss+cluster://``."""
        known: dict[Topology, str] = {"single": "", "cluster": "+cluster", "sentinel": "+sentinel"}
        part_of = self.topology
        if part_of == "single":
            part_of = self.part_of
        return f"{scheme}{known[part_of]}://"

    def reach(self, host: str, port: int, via: str) -> tuple[str, int]:
        """Return where an announced address is reached; an empty host is that of ``via``, who announced it."""
        mapped = dict(self.address_map).get(address(host or via, port))
        if mapped is None:
            return host or via, port
        found, _, number = mapped.rpartition(":")
        return found.strip("[]"), int(number)

    def sentinel_at(self, host: str, port: int) -> "RedisTarget":
        """Return the target of one sentinel, with the login of the sentinels."""
        login = {"username": self.sentinel_username, "password": self.sentinel_password}
        return replace(self.at(host, port), service=self.service, db=0, **login)

    @property
    def label(self) -> str:
        """Return the address as text for headers and messages."""
        login = f"{self.username}@" if self.username else ""
        if self.service and self.topology == "single":
            return f"sentinel {login}{self.place}"
        if self.topology == "single":
            return f"{login}{self.place}/{self.db}"
        return f"{login}{self.place}" + (f", database {self.db}" if self.db else "")

    @property
    def place(self) -> str:
        """Return where it is, without login and database."""
        more = f" and {len(self.others)} more" if self.others else ""
        found = (self.path or address(self.host, self.port)) + more
        if self.topology == "sentinel":
            return f"{self.service} by {found}"
        return found

    @property
    def loopback(self) -> bool:
        """Return True where the connection cannot leave this machine."""
        return bool(self.path) or all(host in ("localhost", "::1") or host.startswith("127.") for host, _ in self.seeds)


def address(host: str, port: int) -> str:
    """Return host and port as they are written; an IPv6 address in brackets."""
    if ":" in host:
        return f"[{host}]:{port}"
    return f"{host}:{port}"


class Settings(Struct, frozen=True, kw_only=True):
    """All settings of one run: those in ``settings.table``, and values derived from them.

    ``sources`` maps a field's name to the place its value came from.
    """

    environment: str = BY_KEY["environment"].default
    color: str = BY_KEY["color"].default
    overridden: tuple[str, ...] = ()
    """Flags and OPTIMUS_… variables that take the place of values of a named environment."""
    gateway_url: str = BY_KEY["backend_orchestrator_url"].default
    engine_url: str = BY_KEY["ai_engine_url"].default
    gateway_urls: tuple[str, ...] = ()
    """All addresses where the gateway has more than one; ``gateway_url`` is the first. Empty: only that one."""
    engine_urls: tuple[str, ...] = ()
    redis: RedisTarget = RedisTarget()
    operator_redis: RedisTarget | None = None
    address_map: dict[str, str] = field(default_factory=dict)
    read_from: ReadFrom = BY_KEY["read_from"].default
    postgres_dsn: Secret | None = None
    postgres_problem: str = ""
    """Why the configured Postgres address cannot be used: it costs the Postgres probe and nothing else."""
    prometheus_url: str | None = None
    source_path: Path | None = None
    writable: bool = False
    max_keys: int | None = None
    """None: the limit of the action itself."""
    refresh_seconds: float = BY_KEY["refresh_seconds"].default
    theme: str = BY_KEY["theme"].default
    bell: Bell = BY_KEY["bell"].default
    """A terminal that never reports its focus counts as focused."""
    mouse: bool = BY_KEY["mouse"].default
    thresholds: Thresholds = Thresholds()
    scan: ScanBudget = ScanBudget()
    limits: LimitRules | None = None
    """Limits the operator configured: used for operations that the gateway does not publish."""
    tenants: tuple[str, ...] = ()
    dialect: "Dialect | None" = None
    """How the watched system's keys, events and answers are read; None: as our own gateway writes them."""
    validate: ValidateTable = ValidateTable()
    """How the validator judges the project in the working directory."""
    generator: dict[str, str] = field(default_factory=dict)
    """Where routers belong: ``package`` and ``into``. The generator reads the file of the project that it writes to."""
    keys: dict[str, str] = field(default_factory=dict)
    """Remapped keys by binding id: ``{"pane.zoom": "z"}``."""
    metrics: dict[str, str] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    """What is doubtful about the settings: each is a sentence for stderr, and WRONG in ``doctor``."""
    config_file: Path | None = None
    """The file that `--config` or `OPTIMUS_CONFIG` names: it counts instead of all others."""
    user_file: Path | None = None
    """The file that a change of settings is written to, which need not exist; None where there is none."""
    notes: tuple[str, ...] = ()
    """What was understood or ignored and is worth knowing, but no mistake."""

    @property
    def profile(self) -> "Dialect":
        """Return how the watched system is read: by the configured profile, or by the built-in one."""
        if self.dialect is not None:
            return self.dialect

        from optimus_tui.dialects.load import DEFAULT, load_preset

        return load_preset(DEFAULT)

    @property
    def names_dialect(self) -> bool:
        """Return whether a profile was named, even the built-in one: then it is known what answers at the addresses."""
        return self.dialect is not None or self.sources.get("dialect", "default") != "default"

    @property
    def layout_is_writable(self) -> bool:
        """Return whether the profile says that actions may change its keys."""
        return self.profile.writable_layout

    @property
    def system_is_ours(self) -> bool:
        """Return whether the profile is that of the gateway whose source this product knows."""
        from optimus_tui.dialects.load import DEFAULT

        return self.profile.name == DEFAULT

    @property
    def metric_names(self) -> dict[str, str]:
        """Return the published names of metrics whose names differ from ours; ``[metrics]`` overrides the profile."""
        return {own: rule.name for own, rule in self.profile.metrics.items() if rule.name} | self.metrics

    @property
    def metric_labels(self) -> dict[str, dict[str, str]]:
        """Return for each metric the published names of its labels, by our names, from the profile."""
        return {own: dict(rule.labels) for own, rule in self.profile.metrics.items() if rule.labels}

    @property
    def gateways(self) -> tuple[str, ...]:
        """Return every address of the gateway, the primary one first."""
        return self.gateway_urls or (self.gateway_url,)

    def at_gateway(self, turn: int) -> "Settings":
        """Return these settings with one of the gateway's addresses: that of number ``turn``, in rotation."""
        if not self.gateway_urls:
            return self
        return replace(self, gateway_url=self.gateway_urls[turn % len(self.gateway_urls)], gateway_urls=())

    @property
    def engines(self) -> tuple[str, ...]:
        """Return every address of the engine, the primary one first."""
        return self.engine_urls or (self.engine_url,)

    @property
    def names_postgres(self) -> bool:
        """Return whether a Postgres is configured, even by an address that cannot be used."""
        return bool(self.postgres_dsn or self.postgres_problem)

    @property
    def title(self) -> str:
        """Return the environment's name as headers show it, with what overrides its values."""
        if self.overridden:
            return f"{self.environment} (overridden: {', '.join(self.overridden)})"
        return self.environment
