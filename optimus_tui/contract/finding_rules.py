"""The catalogue of findings: one row for each rule, with all that does not depend on what was measured. Pure.

A new rule starts here. The row names the severity, impact and remedy where they are fixed, the tool that explains the
finding, the action that cures it, the alert it belongs to and the issue types it points to. A verdict then calls
``make_finding`` with the constant, the sentence and the figures. Ids are stable: documents, alerts and incidents hold
them. ``{subject}`` in an impact or a remedy stands for the subject of the finding.
"""

from typing import Any

from msgspec.structs import replace

from optimus_tui.contract.findings import FindingRule, Severity

HEALTH = "diagnose_gateway_health"
TROUBLE = "troubleshoot_production_issue"
COHERENCE = "analyze_cache_coherence"


def _family(
    name: str, explained_by: str = HEALTH, issue: str = "", points_to: tuple[str, ...] | None = None, **columns: Any
) -> FindingRule:
    return FindingRule(id=name, title="", explained_by=explained_by, issue=issue, points_to=points_to, **columns)


_FAMILIES: dict[str, FindingRule] = {
    row.id: row
    for row in (
        _family("breaker", TROUBLE, "circuit_breaker", ("circuit_breaker",)),
        _family("cache", TROUBLE, "cache_miss", ("cache_miss",)),
        _family("coherence", COHERENCE, points_to=("cache_miss",)),
        _family("compare"),
        _family("errors", TROUBLE, "circuit_breaker", ("circuit_breaker", "proxy_timeout"), fails_requests=True),
        _family("events", COHERENCE, points_to=("cache_miss",)),
        _family("feed", COHERENCE, points_to=("cache_miss",)),
        _family("gateway", points_to=("memory_leak", "circuit_breaker")),
        _family("integration", points_to=("circuit_breaker",)),
        _family("latency", TROUBLE, "high_latency", ("high_latency", "proxy_timeout")),
        _family("limits", points_to=("rate_limiting",)),
        _family("memory", TROUBLE, "memory_leak", ("memory_leak",)),
        _family("metrics", points_to=()),
        _family("proxy", TROUBLE, "proxy_timeout", ("proxy_timeout",)),
        _family("redis", TROUBLE, "high_latency", ("high_latency",)),
        _family("server", points_to=("cache_miss", "high_latency")),
        _family("services", fails_requests=True),
        _family("source"),
    )
}
"""What holds for all rules of a family unless a row says otherwise."""

CATALOGUE: dict[str, FindingRule] = {}
"""Every rule by its id, in the order of this file."""


def rule_of(rule_id: str) -> FindingRule:
    """Return the row of a rule; for an id that is not in the catalogue, what holds for its family.

    Documents of other versions, and tests of ``test_ai_engine_integration``, have ids that are not in the catalogue.
    """
    row = CATALOGUE.get(rule_id)
    if row is not None:
        return row
    family = _FAMILIES.get(rule_id.partition(".")[0], _family(""))
    return replace(family, id=rule_id, alert_group=rule_id.removesuffix("_unknown"))


def rules_cured_by(action: str) -> tuple[str, ...]:
    """Return the ids of all rules that an action may cure, those that it is offered for first."""
    offered = [row.id for row in CATALOGUE.values() if row.cured_by == action]
    return (*offered, *(row.id for row in CATALOGUE.values() if action in row.also_cured_by))


def _rule(rule_id: str, title: str, severity: Severity | None = None, **columns: Any) -> str:
    """Add a row to the catalogue and return its id. A column that is not given has the value of the family."""
    family = _FAMILIES[rule_id.partition(".")[0]]
    columns.setdefault("alert_group", rule_id.removesuffix("_unknown"))
    CATALOGUE[rule_id] = replace(family, id=rule_id, title=title, severity=severity, **columns)
    return rule_id


def _unmeasured(rule_id: str, title: str) -> str:
    """Add a rule for what could not be measured."""
    return _rule(rule_id, title, "medium", impact="Trouble with {subject} would not be noticed here.")


# fmt: off

# -- limits: counters in Redis against the limits in force -----------------------------------------------------------

_ASKED_OF_TENANT: dict[str, Any] = {"explained_by": TROUBLE, "issue": "rate_limiting", "of_tenant": True}
_COUNTER = "limits.counter"

LIMITS_IMMORTAL = _rule(
    "limits.immortal", "A counter without TTL never resets", "critical",
    remedy="Give this one counter a TTL (keeps its count) or reset it; then find what wrote it without one.",
    remedy_many="So many at once point to the writer: see how the gateway sets the window, then repair each tenant.",
    cured_by="repair_counter", also_cured_by=("reset_counters",), alert_group=_COUNTER, fails_requests=True,
    limit_state="immortal", from_redis=True, **_ASKED_OF_TENANT)
LIMITS_OVER = _rule(
    "limits.over", "A limit is used up", "high",
    impact="The next such request is answered 429 until the window ends.",
    remedy="Wait for the reset, look for a client that loops, or raise this tenant's limit.",
    remedy_many="So many at once: check whether the limits fit the traffic, and what the tenants have in common.",
    cured_by="reset_counters", alert_group=_COUNTER, fails_requests=True, limit_state="over", from_redis=True,
    **_ASKED_OF_TENANT)
LIMITS_NEAR = _rule(
    "limits.near", "A limit is nearly used up", "low",
    impact="It will be answered 429 before its window ends if it goes on like this.",
    remedy="Nothing yet; watch its slope.", remedy_many="Nothing yet; watch their slopes.",
    alert_group=_COUNTER, limit_state="near", from_redis=True, **_ASKED_OF_TENANT)
LIMITS_BROKEN = _rule(
    "limits.broken", "A counter cannot be read", "medium",
    alert_group=_COUNTER, limit_state="broken", from_redis=True, **_ASKED_OF_TENANT)
LIMITS_LONG_TTL = _rule(
    "limits.long_ttl", "A counter lives longer than its window", from_redis=True, **_ASKED_OF_TENANT)
LIMITS_KEPT = _rule(
    "limits.kept", "The key of a sliding window never expires", "low",
    impact="No request is blocked by it; the keys of tenants that left pile up.",
    remedy="Set a TTL of one window with each request.", from_redis=True, **_ASKED_OF_TENANT)
LIMITS_TENANT_SHARE = _rule(
    "limits.tenant_share", "A tenant holds too many counters", "high",
    impact="One tenant is busy on unusually many operations at once: a runaway client, or names made up by one.",
    impact_many="Many tenants are busy on unusually many operations at once.",
    remedy="Look at this tenant's operations: unknown names point to a client that invents them.",
    remedy_many="Check whether a release added operations, or whether names are being made up.",
    cured_by="reset_counters", from_redis=True, **_ASKED_OF_TENANT)
LIMITS_REFUSED = _rule(
    "limits.refused", "Requests were refused (429)",
    impact="Requests of this tenant are refused, even if the counter of the present window is low.",
    impact_many="Requests of these tenants are refused.",
    remedy="See whether one client repeats its requests, and whether the limit fits what this tenant needs.",
    remedy_many="So many at once: check whether the limits fit the traffic, or whether one limit is shared by all.",
    fails_requests=True, **_ASKED_OF_TENANT)
LIMITS_REFUSED_BELOW = _rule(
    "limits.refused_below", "Requests were refused below the published limit", "high",
    impact="The published limit is not the one in force: every figure against it is too good.",
    remedy="Compare the limit in force with /api/rate-limits: that is stale, or a second limiter refuses.",
    fails_requests=True, **_ASKED_OF_TENANT)
LIMITS_TOTAL = _rule(
    "limits.total", "Redis holds too many rate-limit keys", "medium",
    impact="Redis carries more windows than expected: many active tenants, or keys that pile up.",
    remedy="See which tenants hold the most, and whether their counters have TTLs.", from_redis=True)
LIMITS_UNKNOWN_LAYOUT = _rule(
    "limits.unknown_layout", "Keys may be rate limits in another layout",
    impact="If one of these shapes holds the counters, a tenant at its limit is not noticed here.",
    remedy="See which shape holds the rate limits: the layout that is read is rate_limit:{tenant}:{operation}.",
    from_redis=True)
LIMITS_RULES = _rule(
    "limits.rules", "Part of the published limits cannot be used", "medium",
    impact="Operations without a usable limit are not judged: all or nothing of them may be refused.",
    remedy="Correct what /api/rate-limits publishes, or set these limits under [limits] in optimus.toml.")
LIMITS_PARTIAL = _rule(
    "limits.partial", "Only a part of the counters was read", "low",
    impact="Trouble in the rest of the {subject} would not be noticed here.",
    remedy="Ask again, or leave the dashboard open: it reads them in turns.")
LIMITS_UNMEASURED = _unmeasured("limits.unmeasured", "Rate limits cannot be read")
LIMITS_RULES_UNMEASURED = _unmeasured("limits.rules_unmeasured", "The limits in force are not known")

# -- latency ---------------------------------------------------------------------------------------------------------

LATENCY_P95 = _rule("latency.p95", "One request in twenty is slow", alert_group="latency")
LATENCY_NOW = _rule(
    "latency.now", "Every request is slow at present",
    remedy="See what {subject} waits for now: its load, its own dependencies, its last deployment.",
    alert_group="latency")
LATENCY_HALF = _rule(
    "latency.half", "Half of the requests are slow",
    impact="Every other request to {subject} takes longer than this.")
LATENCY_LOOK = _rule("latency.look", "A single look was slow", "medium")
LATENCY_UNMEASURED = _unmeasured("latency.unmeasured", "Latencies of requests are not known")

# -- cache -----------------------------------------------------------------------------------------------------------

CACHE_LARGE = _rule(
    "cache.large", "The cache holds many keys", "low",
    impact="Memory, and longer bulk invalidations.",
    remedy="See which kind and tenant hold the most, and whether their TTLs fit.",
    explained_by=COHERENCE, issue="", cured_by="unlink_prefix", points_to=("memory_leak",), from_redis=True)
CACHE_NO_TTL = _rule(
    "cache.no_ttl", "Cache keys never expire", "low",
    impact="They never expire: stale answers and memory stay until somebody removes them.",
    remedy="Give them a TTL, and find the code that writes them without one.",
    explained_by=COHERENCE, issue="", cured_by="unlink_no_ttl", also_cured_by=("expire_no_ttl", "unlink_prefix"),
    points_to=("memory_leak",), from_redis=True)
CACHE_UNKNOWN_LAYOUT = _rule(
    "cache.unknown_layout", "Keys may be cache keys in another layout", "low",
    impact="If these hold the cache, its size, its TTLs and its coherence are unknown here.",
    remedy="The layout read is cache:{kind}:{tenant}:{rest}.", from_redis=True)
CACHE_HIT_RATE = _rule(
    "cache.hit_rate", "The hit rate is low",
    impact="More requests than usual go to the AI Engine: slower answers, more load.")
CACHE_HIT_RATE_CONFLICT = _rule(
    "cache.hit_rate_conflict", "Two sources disagree about the hit rate", "medium",
    impact="The published figure alone looks as if the cache still worked.",
    remedy="Let the gateway publish its hit rate over the last minutes, or its counts beside it.")
CACHE_HIT_RATE_UNKNOWN = _rule(
    "cache.hit_rate_unknown", "The hit rate is not known", "medium",
    impact="A cache that stopped working would not be noticed here.",
    remedy="Let the gateway serve /api/cache/metrics, or allow INFO.")
CACHE_HIT_RATE_UNMEASURED = _unmeasured("cache.hit_rate_unmeasured", "The hit rate cannot be read")
CACHE_EVICTIONS = _rule(
    "cache.evictions", "Redis evicts keys before their time", "low",
    remedy="Give Redis more memory, or cache less: see which kinds hold the most.",
    points_to=("memory_leak", "cache_miss"))
CACHE_CHURN = _rule(
    "cache.churn", "Keys are refilled and invalidated again at once", "low",
    impact="Wasted work: these answers are computed, stored and dropped before they are read twice.",
    remedy="Invalidate what changed instead of whole kinds, or let writes settle before the cache is filled.",
    also_cured_by=("unlink_prefix",))
CACHE_UNMEASURED = _unmeasured("cache.unmeasured", "Cache keys cannot be read")

# -- coherence, events and the feed ----------------------------------------------------------------------------------

COHERENCE_LOW_COVERAGE = _rule(
    "coherence.low_coverage", "Few cache keys are tracked for coherence", "medium",
    impact="Changes may not reach the keys they should: stale answers.",
    remedy="Check that what writes the cache also registers it for coherence.")
COHERENCE_HIGH_OVERHEAD = _rule(
    "coherence.high_overhead", "Tracking keys are nearly as many as cache keys", "medium",
    impact="Tracking costs nearly as much as the cache it tracks.",
    remedy="See whether tracking keys outlive the cache keys they belong to.")
COHERENCE_STALE = _rule(
    "coherence.stale", "Cache keys survived an invalidation", "high",
    impact="Tenants are answered with data of before a change, until the TTL ends or for ever.",
    remedy="Find the writer that sets these keys or misses them; look at each key before you remove it.",
    cured_by="invalidate_tenant")
COHERENCE_SUSPECT = _rule(
    "coherence.suspect", "Cache keys may have survived an invalidation", "low",
    impact="Stale answers, unless these keys live shorter than others of their kind.",
    remedy="Compare their value with the source; give all keys of a kind the same TTL.",
    cured_by="invalidate_tenant")
COHERENCE_MALFORMED = _rule(
    "coherence.malformed", "Events in the log are malformed", "low",
    impact="Services that act on events may not understand these.",
    remedy="See in the feed who sends them: an event needs type, tenant_id and timestamp.")
COHERENCE_UNHEARD = _rule(
    "coherence.unheard", "A channel of events has no subscriber", "low",
    impact="None where the gateway unlinks keys itself; caches that rely on the channel stay stale.",
    remedy="See whether anything should be subscribed to cache_coherence:*.")
COHERENCE_UNMEASURED = _unmeasured("coherence.unmeasured", "Coherence cannot be read")
EVENTS_CLOCK = _rule(
    "events.clock", "The clock of a publisher of events is off",
    impact="Events are placed by the times they claim: these fall out of every window and are ordered wrongly.",
    remedy="Set the publisher's clock (NTP), and let it write UTC: a local time must not end in Z.")
EVENTS_FLOOD = _rule(
    "events.flood", "Too many coherence events", "medium",
    impact="Every gateway reads and carries out each of them: work without end, caches that never fill.",
    remedy="See in the feed, by type and tenant, what the events are about; then stop what publishes them.")
EVENTS_UNMEASURED = _unmeasured("events.unmeasured", "Events cannot be read")
FEED_DENIED = _rule(
    "feed.denied", "The coherence feed is denied", "medium",
    impact="Invalidation events cannot be seen here; the system itself is not affected.",
    remedy="Allow the channels: &cache_coherence:*", alert_group="feed.link")
FEED_BROKEN = _rule(
    "feed.broken", "The coherence feed is broken", "medium",
    impact="Invalidation events are not seen here, and waiting does not help.",
    remedy="See what answers at the address of Redis.", alert_group="feed.link")
FEED_DOWN = _rule(
    "feed.down", "The coherence feed is interrupted", "medium",
    impact="Events of this time may be missing here; the feed marks the gap.",
    remedy="It reconnects by itself; see the state of Redis.", alert_group="feed.link")
FEED_SILENT = _rule(
    "feed.silent", "No event came for a long time", "low",
    impact="Either nothing changes, or what publishes invalidations has stopped.",
    remedy="Change something that must invalidate a key, and see whether its event arrives.", alert_group="feed.link")
FEED_DROPPED = _rule(
    "feed.dropped", "Events were lost inside this program", "medium",
    impact="The feed and its counts are not complete.", remedy="This is a bug in this program: please report it.")

# -- Redis as a server -----------------------------------------------------------------------------------------------

_REDIS_REMEDY = "Look at the Redis process, its log and the network on the way; then at its address in the settings."

SERVER_UNREACHABLE = _rule(
    "server.unreachable", "Redis does not serve", "critical",
    impact="No caching, no rate limits, no coherence: the gateway falls back or fails, and three panes stand still.",
    remedy=_REDIS_REMEDY, alert_group="server")
SERVER_LOGIN = _rule(
    "server.login", "Redis refuses our login", "high",
    impact="Redis answers, but our login may not read it: limits, cache keys and events are unknown.",
    remedy="Check user and password in the settings.", alert_group="server")
SERVER_UNKNOWN = _rule(
    "server.unknown", "Redis cannot be measured", "medium",
    impact="An outage of {subject} would not be noticed here.", remedy=_REDIS_REMEDY)
SERVER_REFUSES_WRITES = _rule(
    "server.refuses_writes", "Redis refuses writes", "critical",
    impact="Nothing is cached or counted any more: rate limits do not count, invalidations do not reach the log.",
    points_to=("memory_leak", "cache_miss"), fails_requests=True)
SERVER_MEMORY = _rule(
    "server.memory", "Redis is nearly full and evicts nothing",
    impact="When it is full, every write is refused: no caching, no rate limits.",
    points_to=("memory_leak", "cache_miss"), from_redis=True)
SERVER_PERSISTENCE = _rule(
    "server.persistence", "The last snapshot of Redis failed", "medium",
    impact="A restart loses what changed since the last good one; with stop-writes-on-bgsave-error (the default) "
    "writes are refused.", from_redis=True)
SERVER_REPLICA_LINK = _rule(
    "server.replica_link", "A replica lost its primary", "high",
    impact="What is read here is as old as the break: counters, cache keys and events are not those of now.",
    remedy="See whether the primary is up and reachable from the replica; else point REDIS_URL at the primary.",
    from_redis=True)
SERVER_REPLICAS = _rule(
    "server.replicas", "Replicas of Redis dropped away", "medium",
    impact="Fewer copies of the data; what reads from that replica reads old data.",
    remedy="See the replica's process and its log.", from_redis=True)
SERVER_REFUSES_CONNECTIONS = _rule(
    "server.refuses_connections", "Redis refuses connections", "high",
    impact="New connections are refused: workers that start or reconnect have no Redis.",
    remedy="Close idle clients (CLIENT LIST), look for one that never closes, or raise maxclients.")
SERVER_CLIENTS = _rule(
    "server.clients", "Redis has nearly no room for another client", "medium",
    impact="When it is full, new connections are refused.",
    remedy="Look for a client that opens connections and never closes them (CLIENT LIST), or raise maxclients.",
    from_redis=True)
SERVER_INFO_UNKNOWN = _rule(
    "server.info_unknown", "The state of Redis is not known",
    impact="Refused writes, a full memory or a lost primary would not be noticed here.")
SERVER_INFO_SENSELESS = _rule(
    "server.info_senseless", "INFO of Redis holds impossible values", "medium",
    impact="What these fields tell (memory, clients, look-ups, replication) is not judged.",
    remedy="See what answers there: a proxy, or a server with a damaged INFO.")
REDIS_SLOW_COMMANDS = _rule(
    "redis.slow_commands", "Redis runs slow commands",
    impact="Redis runs one command at a time: all others waited that long.",
    remedy="Find who sends this command on so much data (SLOWLOG GET shows the client) and bound it.")
REDIS_SLOW_UNMEASURED = _unmeasured("redis.slow_unmeasured", "Slow commands cannot be read")
REDIS_EVENTS_UNMEASURED = _unmeasured("redis.events_unmeasured", "Latency events of Redis cannot be read")
MEMORY_GROWTH = _rule("memory.growth", "Memory grows")
MEMORY_CLIENT_BUFFERS = _rule(
    "memory.client_buffers", "Clients' buffers take much memory", "medium",
    impact="Memory that no key explains; clients that read too slowly hold it.",
    remedy="Look for clients that ask for much and read slowly (CLIENT LIST, field omem).")
MEMORY_OUTPUT_BUFFER = _rule(
    "memory.output_buffer", "One client's output buffer is large", "low",
    impact="A subscriber that does not keep up is cut off at its limit and misses events.",
    remedy="Find the subscriber that falls behind.")
MEMORY_UNMEASURED = _unmeasured("memory.unmeasured", "The memory of Redis is not known")

# -- gateway, engine, Postgres ---------------------------------------------------------------------------------------

_GATEWAY_REMEDY = "Look at the gateway's process and its log; then at its address in the settings."
_ENGINE_REMEDY = "Look at the engine's process and its log; then at its address in the settings."
_POSTGRES_REMEDY = "Look at the database and its connections; then at the DSN in the settings."
_OUTAGE = "An outage of {subject} would not be noticed here."
_SAYS_REMEDY = "See what {subject} says under /health, and whether that part is needed."
_GATEWAY: dict[str, Any] = {"points_to": ("high_latency",)}
_ENGINE: dict[str, Any] = {
    "explained_by": TROUBLE, "issue": "circuit_breaker", "points_to": ("circuit_breaker", "proxy_timeout")}
_POSTGRES: dict[str, Any] = {"points_to": ("proxy_timeout",)}

SERVICES_GATEWAY = _rule(
    "services.gateway", "The gateway is not healthy",
    impact="Requests of all tenants fail or are about to.", remedy=_GATEWAY_REMEDY, **_GATEWAY)
SERVICES_ENGINE = _rule(
    "services.engine", "The AI engine is not healthy",
    impact="Answers that are not cached fail: chat, conversations and messages of all tenants.",
    remedy=_ENGINE_REMEDY, **_ENGINE)
SERVICES_POSTGRES = _rule(
    "services.postgres", "Postgres is not healthy",
    impact="The AI Engine cannot read or store conversations.", remedy=_POSTGRES_REMEDY, **_POSTGRES)
SERVICES_GATEWAY_UNKNOWN = _rule(
    "services.gateway_unknown", "The gateway cannot be measured", "medium",
    impact=_OUTAGE, remedy=_GATEWAY_REMEDY, **_GATEWAY)
SERVICES_ENGINE_UNKNOWN = _rule(
    "services.engine_unknown", "The AI engine cannot be measured", "medium",
    impact=_OUTAGE, remedy=_ENGINE_REMEDY, **_ENGINE)
SERVICES_POSTGRES_UNKNOWN = _rule(
    "services.postgres_unknown", "Postgres cannot be measured", "medium",
    impact=_OUTAGE, remedy=_POSTGRES_REMEDY, **_POSTGRES)
SERVICES_GATEWAY_SAYS = _rule(
    "services.gateway_says", "The gateway is healthy, with a remark", "low", remedy=_SAYS_REMEDY, **_GATEWAY)
SERVICES_ENGINE_SAYS = _rule(
    "services.engine_says", "The AI engine is healthy, with a remark", "low", remedy=_SAYS_REMEDY, **_ENGINE)
SERVICES_POSTGRES_SAYS = _rule(
    "services.postgres_says", "Postgres is healthy, with a remark", "low", remedy=_SAYS_REMEDY, **_POSTGRES)
SERVICES_FLAPPING = _rule(
    "services.flapping", "A service fails now and then", "medium",
    impact="Requests fail whenever it does not answer; a single look in a good moment shows nothing of it.",
    remedy="See its log for restarts, health checks that time out, or one bad instance behind a balancer.",
    points_to=("circuit_breaker", "proxy_timeout"))
BREAKER_OPEN = _rule(
    "breaker.open", "A circuit is open", "high",
    impact="The gateway refuses requests that need {subject} without asking it.",
    remedy="Repair {subject}; the circuit closes by itself with the next request that succeeds.", fails_requests=True)
BREAKER_HALF_OPEN = _rule(
    "breaker.half_open", "A circuit is half open", "medium",
    impact="The gateway lets one request through to {subject} and refuses the others until it succeeds.",
    remedy="Wait for the next look: it closes or opens again with the outcome of one request.")
BREAKER_WAS_OPEN = _rule(
    "breaker.was_open", "A circuit was open", "low",
    impact="Requests were refused then; they pass now.", remedy="See what the service did at that time.")
BREAKER_UNMEASURED = _unmeasured("breaker.unmeasured", "The states of circuits are not known")
ERRORS_RATE = _rule("errors.rate", "Too many requests fail")
ERRORS_TIMEOUTS = _rule(
    "errors.timeouts", "Too many requests time out",
    impact="These requests waited as long as the proxy does, and failed.",
    remedy="Look at the engine's slow requests in these minutes; raise the proxy's timeout only after that.",
    points_to=("proxy_timeout", "circuit_breaker"))
ERRORS_UNMEASURED = _unmeasured("errors.unmeasured", "Failures of requests are not known")
PROXY_P99 = _rule(
    "proxy.p99", "The slowest requests are near the proxy's timeout",
    impact="One request in a hundred is given up, or nearly.",
    remedy="Find what makes the slowest requests slow in the engine before raising the proxy's timeout.")
PROXY_UNMEASURED = _unmeasured("proxy.unmeasured", "Latencies behind the proxy are not known")
GATEWAY_RESTARTS = _rule(
    "gateway.restarts", "The gateway restarts often",
    impact="What a process counted after our last look at it is lost: rates are lower bounds, and requests that it was "
    "serving broke off.",
    remedy="A deployment restarts each process once. More often: see the gateway's log and its memory limit for why it "
    "ends.")

# -- this program's own sight ----------------------------------------------------------------------------------------

METRICS_SEVERAL_PROCESSES = _rule(
    "metrics.several_processes", "Several processes answer, and cannot be told apart", "low",
    impact="Rates and shares of failures of the gateway are unknown here.",
    remedy="Publish process_start_time_seconds with /metrics from every worker. Where workers share a start time, let "
    "them share one registry (PROMETHEUS_MULTIPROC_DIR), or configure a Prometheus that scrapes each of them.")
METRICS_UNMEASURED = _unmeasured("metrics.unmeasured", "Metrics cannot be read")
SOURCE_BROKEN = _rule(
    "source.broken", "A source of figures is broken", "medium",
    impact="Trouble that only {subject} shows would not be noticed here.",
    remedy="It starts again by itself; please report it with the crash report that was kept.")
COMPARE_UNMEASURED = _unmeasured("compare.unmeasured", "The keyspace cannot be read")
