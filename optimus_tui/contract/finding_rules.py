"""The catalogue of findings: one row for each rule, with its texts and its fixed properties. Pure.

To add a finding, add a row here and write the rule that decides it: a verdict that calls ``make_finding`` with the
constant and the figures. To change a sentence, change it here. Ids are stable: documents, alerts and incidents hold
them.

Texts are templates as ``str.format`` takes them. ``{subject}`` stands for the subject of the finding, everything else
for a keyword argument of ``make_finding`` or ``phrase``; ``tests/house/test_finding_rules.py`` compares each call with
its template. A ``{{`` is a brace.
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


_FOLLOW = "events are examined with the caches, which follow them"
_FAMILIES: dict[str, FindingRule] = {
    row.id: row
    for row in (
        _family("breaker", TROUBLE, "circuit_breaker", ("circuit_breaker",)),
        _family("cache", TROUBLE, "cache_miss", ("cache_miss",)),
        _family("coherence", COHERENCE, points_to=("cache_miss",)),
        _family("compare"),
        _family("errors", TROUBLE, "circuit_breaker", ("circuit_breaker", "proxy_timeout"), fails_requests=True),
        _family("events", COHERENCE, points_to=("cache_miss",), issue_because=_FOLLOW),
        _family("feed", COHERENCE, points_to=("cache_miss",), issue_because=_FOLLOW),
        _family(
            "gateway",
            points_to=("memory_leak", "circuit_breaker"),
            issue_because="a process that starts again may have run out of memory, and its circuits start closed again",
        ),
        _family("integration", points_to=("circuit_breaker",)),
        _family("latency", TROUBLE, "high_latency", ("high_latency", "proxy_timeout")),
        _family("limits", points_to=("rate_limiting",)),
        _family("memory", TROUBLE, "memory_leak", ("memory_leak",)),
        _family("metrics", points_to=()),
        _family("proxy", TROUBLE, "proxy_timeout", ("proxy_timeout",)),
        _family("redis", TROUBLE, "high_latency", ("high_latency",)),
        _family(
            "server",
            points_to=("cache_miss", "high_latency"),
            issue_because="the cache and the limits are in Redis: without its answers there are misses, or waits",
        ),
        _family("services", fails_requests=True),
        _family("source"),
    )
}
"""What holds for all rules of a family unless a row says otherwise."""

CATALOGUE: dict[str, FindingRule] = {}
"""Every rule by its id, in the order of this file."""


def rule_of(rule_id: str) -> FindingRule:
    """Return the row of a rule. An id that is not in the catalogue gets the defaults of its family.

    Documents of other versions, and tests of ``test_ai_engine_integration``, have ids that are not in the catalogue.
    """
    row = CATALOGUE.get(rule_id)
    if row is not None:
        return row
    family = _FAMILIES.get(rule_id.partition(".")[0], _family(""))
    return replace(family, id=rule_id, alert_group=rule_id.removesuffix("_unknown"))


def title_of_rule(rule_id: str) -> str:
    """Return the title of a rule; for an id that is not in the catalogue, the words of the id."""
    return rule_of(rule_id).title or rule_id.replace(".", ": ").replace("_", " ")


def rules_cured_by(action: str) -> tuple[str, ...]:
    """Return the ids of all rules that an action may cure; first those for which it is offered."""
    offered = [row.id for row in CATALOGUE.values() if row.cured_by == action]
    return (*offered, *(row.id for row in CATALOGUE.values() if action in row.also_cured_by))


def _rule(rule_id: str, title: str, severity: Severity | None = None, **columns: Any) -> str:
    """Add a row to the catalogue and return its id. A column that is not given has the value of the family.

    Raises:
        LookupError: The family of the rule has no row in ``_FAMILIES``.
    """
    name = rule_id.partition(".")[0]
    family = _FAMILIES.get(name)
    if family is None:
        raise LookupError(f'{rule_id}: _FAMILIES has no row _family("{name}"); add it, or use the id of another family')
    columns.setdefault("alert_group", rule_id.removesuffix("_unknown"))
    CATALOGUE[rule_id] = replace(family, id=rule_id, title=title, severity=severity, **columns)
    return rule_id


def _unmeasured(rule_id: str, title: str) -> str:
    """Add a rule for what could not be measured."""
    return _rule(
        rule_id,
        title,
        "medium",
        one="{subject} cannot be measured: {reason}",
        impact="Trouble with {subject} would not be noticed here.",
        phrases={"see_reason": "See the reason that the finding names."},
    )


# fmt: off

_MEMORY_REMEDY = "Raise maxmemory, remove keys, or set an eviction policy (maxmemory-policy)."
_DISK_REMEDY = "See the disk behind the server (full? rights?) and its log; a good save makes it accept writes again."
_CANNOT_BE_MEASURED = "{subject} cannot be measured{reason}"
_CHECKS = {
    "checks_failed": "{subject} failed {failed} of {count} checks: {reason}",
    "no_reason": "it did not answer as it should",
    "checks_failed_impact": "Failed checks have no latency: the figures are those of the successful ones.",
    "see_health": "Run the health check, then look at its log.",
    "degraded": "{subject} is degraded: /health answered 200, but reports {words}",
    "degraded_impact": "It answers, and does less than it should."}
"""Of a service that is down or degraded while its latency is measured."""
_STATES = {
    **_CHECKS,
    "down": "does not answer", "is_degraded": "is degraded", "sick": "is unhealthy", "wrong": "answers wrongly",
    "code": ": it answered {code}"}
"""What an unhealthy service does."""
_REMARK = "{subject} answered 200 and reports {words}: taken as healthy by its status code"
_REMARKS = {
    "part": "{subject} reports itself healthy, but a part of it as {words}",
    "part_impact": "Requests that need that part fail, or are answered without it; the status code does not show it."}
_CIRCUIT = {
    "processes": " in {processes}",
    "engine_answers": ", although the AI engine answers our checks: it fails or times out under real requests"}

# -- limits: counters in Redis against the limits in force -----------------------------------------------------------

_ASKED_OF_TENANT: dict[str, Any] = {"explained_by": TROUBLE, "issue": "rate_limiting", "of_tenant": True}
_COUNTER, _USED = "limits.counter", "limits.used"

LIMITS_IMMORTAL = _rule(
    "limits.immortal", "A counter without TTL never resets", "critical",
    one="{subject} never resets: its counter has no TTL ({used})", as_cause="{subject} lost its TTL",
    many="{count:,} counters never reset (no TTL): {names}",
    impact="The count only grows: at its limit, {tenant} is refused for good (after a repair: until its TTL ends).",
    impact_many="{full:,} of them have reached the limit: those tenants are refused (429). The others will follow.",
    phrases={
        "impact_full": "Every such request of {tenant} is refused (429), for good "
        "(after a repair: until its TTL ends).",
        "impact_left": "The count grows: after {left}, {tenant} is refused for good "
        "(after a repair: until its TTL ends)."},
    remedy="Reset this one counter (served at once), or give it a TTL (its count stays until that ends); then find what"
    " wrote it without one.",
    remedy_many="So many at once: see how the code that writes them sets the TTL, then repair each tenant.",
    cured_by="repair_counter", also_cured_by=("reset_counters",), alert_group=_COUNTER, fault="limits.immortal",
    fails_requests=True, limit_state="immortal", from_redis=True, **_ASKED_OF_TENANT)
LIMITS_OVER = _rule(
    "limits.over", "A limit is used up", "high",
    one="{subject} has used up its limit: {used} ({share})", as_cause="{subject} used up its limit",
    many="{count:,} counters have used up their limit: {names}",
    impact_many="{tenants} answered 429 on these operations until the windows end.",
    phrases={
        "flagged": "{subject} is blocked by its limiter, whose own flag says so",
        "nothing_left": "{subject} has nothing left; its limit is not known",
        "shared": "{tenants} have used up {limit} for {operation}: "
        "the limit is too low for this traffic, or one limit is shared by all",
        "the_limit": "the limit of {limit:,}",
        "their_limits": "their limits",
        "shared_impact": "{tenants} answered 429 on {operation} until the windows end.",
        "shared_remedy": "Raise the limit of {operation}, or check whether the gateway counts all tenants together (one"
        " address or one key behind a proxy); no single client is to blame."},
    impact="Each further request of this kind is answered 429 until the window ends.",
    remedy="Wait for the reset, look in the gateway's access log for a client that loops, or raise this tenant's"
    " limit.",
    remedy_many="So many at once: check whether the limits fit the traffic, and what the tenants have in common.",
    cured_by="reset_counters", alert_group=_COUNTER, fault=_USED, fails_requests=True, limit_state="over",
    from_redis=True, window_seconds=60.0, ended_in=1, **_ASKED_OF_TENANT)
LIMITS_NEAR = _rule(
    "limits.near", "A limit is nearly used up", "low",
    one="{subject} is near its limit: {used} ({share})",
    many="{count:,} counters are near their limits: {names}",
    impact_many="Each has used {share} or more of its limit.",
    impact="At this pace its requests are refused (429) before the window ends.",
    remedy="Nothing yet; watch how fast it fills.", remedy_many="Nothing yet; watch how fast they fill.",
    alert_group=_COUNTER, fault=_USED, limit_state="near", from_redis=True, needs_nothing=True, **_ASKED_OF_TENANT)
LIMITS_BROKEN = _rule(
    "limits.broken", "A counter cannot be read", "medium",
    one="{subject} cannot be read as a counter: {problem}",
    many="{count:,} keys cannot be read as counters: {names}",
    impact="How much of these limits is used is unknown, and the gateway's own increments may fail on them.",
    remedy="Find what wrote another type or text under this name.",
    phrases={
        "foreign": "{subject} holds {problem}, written by another limiter: the gateway counts 0, 1, 2",
        "foreign_many": "{count:,} keys ({names}) hold counts of another limiter: the gateway counts 0, 1, 2",
        "foreign_impact": "How much of these limits is used is unknown: a token bucket, for one, keeps what is left.",
        "foreign_remedy": "Find which limiter writes these names too, and give it a prefix of its own."},
    alert_group=_COUNTER, fault="limits.broken", limit_state="broken", from_redis=True, **_ASKED_OF_TENANT)
LIMITS_NODE_AWAY = _rule(
    "limits.node_away", "Counters are on a node that does not answer", "medium",
    one="{count:,} of {all:,} counters, of {tenants:,} of {total:,} tenants ({share}), are on a node that does not "
    "answer: {names}",
    impact="How much of these limits is used is unknown, and what the gateway asks of these counters fails; the others "
    "are not touched.",
    remedy="See the nodes of the cluster in the health pane: start the primary again, or promote its replica.",
    from_redis=True)
LIMITS_LONG_TTL = _rule(
    "limits.long_ttl", "A counter lives longer than its window",
    one="{subject} expires in {left}, although its window is {window} ({used})",
    many="{count:,} counters live far longer than the window of {window}, up to {left}: {names}",
    impact="It lives far beyond its window: once it is full, {tenant} is answered 429 for {left}, not for {window}.",
    impact_many="{full:,} of them have reached the limit: those tenants are refused (429) until the TTL ends.",
    remedy="Find what sets this TTL (a mixed-up unit, a TTL that is set again) and make it one window.",
    phrases={
        "all": "all counters live far longer than the window of {window}, up to {left}: {names}",
        "impact_full": "{tenant} is answered 429 for {left}, not for {window}.",
        "remedy_all": "Every counter lives so long: either the published window_seconds or the writer's TTL is wrong."},
    from_redis=True, **_ASKED_OF_TENANT)
LIMITS_KEPT = _rule(
    "limits.kept", "The key of a sliding window never expires", "low",
    one="{names} has no TTL: a sorted set drops the entries that leave its window, but its key stays for ever",
    many="{names} have no TTL: a sorted set drops the entries that leave its window, but its key stays for ever",
    impact="No request is refused because of it, but the keys of tenants that left are never removed.",
    remedy="Set a TTL of one window with each request.", from_redis=True, **_ASKED_OF_TENANT)
LIMITS_TENANT_SHARE = _rule(
    "limits.tenant_share", "A tenant holds too many counters", "high",
    one="{subject} has {count:,} active counters, more than {limit:,}",
    many="{count:,} tenants have more than {limit:,} active counters each: {names}",
    impact="One tenant is busy on unusually many operations at once: a client out of control, or made-up names.",
    impact_many="Many tenants are busy on unusually many operations at once.",
    remedy="Look at this tenant's operations: unknown names point to a client that invents them.",
    remedy_many="Check whether a release added operations, or whether names are being made up.",
    cured_by="reset_counters", from_redis=True, **_ASKED_OF_TENANT)
LIMITS_REFUSED = _rule(
    "limits.refused", "Requests were refused (429)",
    one="{count} requests of {subject} were refused (429) {when} ({share})",
    many="{bound}many requests of {tenants:,} tenants were refused (429) {when}: {names}",
    phrases={
        "within": "in {span}",
        "since_start": "since the gateway started, at an unknown time",
        "share": "at least {share} of its requests",
        "share_unknown": "share unknown: {reason}",
        "ended": "{count:,} refusals of all tenants in the last {span}",
        "ended_here": "{refused} of the last {count:,} requests ({span})"},
    impact="Requests of this tenant are refused, even if the counter of the present window is low.",
    impact_many="Requests of these tenants are refused.",
    remedy="See in the gateway's access log whether one client repeats its requests, and whether the limit fits what"
    " this tenant needs.",
    remedy_many="So many at once: check whether the limits fit the traffic, or whether one limit is shared by all.",
    fails_requests=True, **_ASKED_OF_TENANT)
LIMITS_REFUSED_BELOW = _rule(
    "limits.refused_below", "Requests were refused below the published limit", "high",
    one="{count:,} requests were refused (429) within {span} while {subject} stood at {used:,} of the"
    " published {limit:,}",
    impact="The published limit is not the one in force: shares of it that are shown are too low.",
    remedy="Compare the limit in force with /api/rate-limits: either that is stale, or a second limiter refuses.",
    fails_requests=True, **_ASKED_OF_TENANT)
LIMITS_TOTAL = _rule(
    "limits.total", "Redis holds too many rate-limit keys", "medium",
    one="{count} rate-limit keys, more than {limit:,}",
    impact="Redis holds more counters than expected: many active tenants, or keys that never expire.",
    remedy="See which tenants hold the most, and whether their counters have TTLs.", from_redis=True)
LIMITS_UNKNOWN_LAYOUT = _rule(
    "limits.unknown_layout", "Keys may be rate limits in another layout",
    one="{layouts}",
    impact="If one of these shapes holds the counters, a tenant at its limit is not noticed here.",
    remedy="Run optimus-tui dialect detect: it says which preset reads these names, or what to write for them.",
    from_redis=True)
LIMITS_RULES = _rule(
    "limits.rules", "Part of the published limits cannot be used", "medium",
    one="part of the published limits cannot be used: {problem}",
    impact="Operations without a usable limit are not judged: a used-up limit of theirs is not noticed here.",
    remedy="Correct what /api/rate-limits publishes, or set these limits under [limits] in optimus.toml.")
LIMITS_PARTIAL = _rule(
    "limits.partial", "Only a part of the counters was read", "low",
    one="{subject} were measured in part: {reason}",
    impact="Trouble in the rest of the {subject} would not be noticed here.",
    remedy="Run it again, or leave the dashboard open, which reads the rest step by step.")
LIMITS_UNMEASURED = _unmeasured("limits.unmeasured", "Rate limits cannot be read")
LIMITS_RULES_UNMEASURED = _unmeasured("limits.rules_unmeasured", "The limits in force are not known")

# -- latency ---------------------------------------------------------------------------------------------------------

_COMPARE = "See what {subject} waits for; compare with the other dependencies' latency in the same minutes."
_TIMEOUTS = {"timeouts": " Callers may run into their timeouts."}

LATENCY_P95 = _rule(
    "latency.p95", "One request in twenty is slow",
    one="{subject} p95 {p95} is over {limit}", as_cause="{subject} became slow",
    impact="One request in twenty to {subject} takes longer than the limit.{timeouts}", remedy=_COMPARE,
    measures="p95 of {samples}",
    phrases={
        **_TIMEOUTS,
        "quick_again": "quick again in the last {count} checks",
        "estimate": "{subject} p95 {p95} is over {limit}",
        "at_least": "{subject} p95 is more than {lower}, over the threshold of {limit}",
        "between": "{subject} p95 is more than {lower} and {upper} at most, over the threshold of {limit}",
        "route_quick_again": "quick again in its last {count:,} requests ({span})",
        "route_none_slow": "none of its last {count} requests ({span}) took over {limit}",
        "route_some_slow": "lately {slow} ({span}) took over {limit}"},
    alert_group="latency", window_seconds=10.0, raised_in=2)
LATENCY_FEW = _rule(
    "latency.few", "Some checks were slow",
    one="{checks} of {subject} took {took}", as_cause="{subject} became slow",
    phrases={
        "several": "over {limit}, the slowest {slowest}",
        "first_signs": "judged once {count} in a row were slow",
        "wait": "Wait for the next {checks}: if they are slow, too, it is judged, and its remedy is offered.",
        "half_impact": "At least half of the requests to {subject} take longer than the limit."},
    impact="If it was a cold start, nothing is lost. A p95 is judged from 20 checks on.",
    measures="the slowest of {samples}",
    remedy="Look again in a minute; if it is still slow, see what {subject} waits for.", alert_group="latency",
    window_seconds=10.0, raised_in=2)
LATENCY_NOW = _rule(
    "latency.now", "Every request is slow at present",
    one="{subject} p50 {p50}: {when} took over {limit}", as_cause="{subject} became slow",
    impact="Every request to {subject} takes longer than the limit at present.{timeouts}",
    measures="p50 of {samples}",
    phrases={**_TIMEOUTS, "last": "each of the last {count} checks"},
    remedy="See what {subject} waits for now: its load, its own dependencies, its last deployment.",
    alert_group="latency", window_seconds=10.0)
LATENCY_HALF = _rule(
    "latency.half", "Half of the requests are slow",
    one="half of {count:,} requests to {subject} took over {limit} (p50 {p50})", remedy=_COMPARE,
    measures="p50 of {samples}",
    impact="Half of the requests to {subject} take longer than the limit.", alert_group="latency",
    window_seconds=10.0, raised_in=2)
LATENCY_SINGLE = _rule(
    "latency.look", "A single check was slow", "medium", one="{subject} took {took}, more than {limit}")
LATENCY_COLD_START = _rule(
    "latency.cold_start", "A service has just started", "low",
    one="{subject} started at {started}: its latency is judged from {judged} on",
    impact="Its first requests are slower: it opens its connections and fills its caches.",
    remedy="Nothing has to be done: it ends by itself; failures are judged at once.", points_to=(), needs_nothing=True)
LATENCY_UNMEASURED = _unmeasured("latency.unmeasured", "Latencies of requests are not known")

# -- cache -----------------------------------------------------------------------------------------------------------

CACHE_LARGE = _rule(
    "cache.large", "The cache holds many keys", "low",
    one="{count} cache keys, more than {limit:,}",
    impact="The cache takes memory, and bulk invalidations take long.",
    remedy="See which kind and tenant hold the most, and whether their TTLs fit.",
    explained_by=COHERENCE, issue="", cured_by="unlink_prefix", points_to=("memory_leak",), from_redis=True)
CACHE_NO_TTL = _rule(
    "cache.no_ttl", "Cache keys never expire", "low",
    one="{keys} without TTL: {kinds}",
    impact="They never expire: stale answers and memory stay until somebody removes them.",
    remedy="Give them a TTL (EXPIRE; the answers are kept), and find the code that writes them without one.",
    explained_by=COHERENCE, issue="", cured_by="expire_no_ttl", also_cured_by=("unlink_no_ttl", "unlink_prefix"),
    points_to=("memory_leak",), from_redis=True)
CACHE_UNKNOWN_LAYOUT = _rule(
    "cache.unknown_layout", "Keys may be cache keys in another layout", "low",
    one="{layouts}",
    impact="If these hold the cache, its size, its TTLs and its coherence are unknown here.",
    remedy="Run optimus-tui dialect detect: it says which preset reads these names, or what to write for them.",
    from_redis=True)
CACHE_HIT_RATE = _rule(
    "cache.hit_rate", "The hit rate is low",
    one="hit rate {rate} is below {limit} ({source}){few}",
    remedy="See in the feed whether bulk invalidations or short TTLs are the cause.",
    phrases={
        "few": "; only {count} look-ups: it may be chance",
        "now": "now {rate} ({source})",
        "remedy_low": "Raise the TTL of the kinds that expire soonest; see in the feed if too much is invalidated."},
    impact="More requests than usual go to the AI Engine: slower answers, more load.",
    as_cause="the hit rate fell", as_effect="it fell", window_seconds=10.0, raised_in=2)
CACHE_HIT_RATE_CONFLICT = _rule(
    "cache.hit_rate_conflict", "Two sources disagree about the hit rate", "medium",
    one="the hit rate is {published} by {published_by}, but {present} by {present_by}: the newer counts decide",
    impact="The published figure alone suggests that the cache still works.",
    remedy="Let the gateway publish its hit rate over the last minutes, or its counts of hits and misses.")
CACHE_HIT_RATE_UNKNOWN = _rule(
    "cache.hit_rate_unknown", "The hit rate is not known", "medium",
    one="hit rate unknown: the gateway does not publish it, and {reason}",
    impact="A cache that stopped working would not be noticed here.",
    remedy="Let the gateway serve /api/cache/metrics, or allow INFO.")
CACHE_HIT_RATE_UNMEASURED = _unmeasured("cache.hit_rate_unmeasured", "The hit rate cannot be read")
CACHE_EVICTIONS = _rule(
    "cache.evictions", "Redis evicts keys before they expire", "low",
    one="{count:,.0f} keys were evicted before they expired, in {span}",
    impact="Redis is full and drops keys by its policy ({policy}): each dropped key is an avoidable miss.",
    remedy="Give Redis more memory, or cache less: see which kinds hold the most.",
    points_to=("memory_leak", "cache_miss"))
CACHE_CHURN = _rule(
    "cache.churn", "Keys are invalidated again right after they are refilled", "low",
    one="{count:,} times keys were refilled and invalidated within {span}; most often {worst} ({times:,})",
    as_cause="the first of {count:,} refills that were invalidated at once",
    impact="Wasted work: these answers are computed, stored and dropped before they are read twice.",
    remedy="Invalidate what changed instead of whole kinds, or fill the cache only after a burst of writes.",
    also_cured_by=("unlink_prefix",))
CACHE_BULK = _rule(
    "cache.bulk", "The cache is invalidated in bulk", "low",
    one="{events} of {tenants} in the last {span}",
    impact="Answers that were cached are computed again: more load on the AI engine, slower answers.",
    remedy="See in the feed (type bulk_invalidation) which job drops whole tenants, and whether it must.",
    as_cause="{events} of {tenants} began", also_cured_by=("unlink_prefix",))
CACHE_UNMEASURED = _unmeasured("cache.unmeasured", "Cache keys cannot be read")

# -- coherence, events and the feed ----------------------------------------------------------------------------------

COHERENCE_LOW_COVERAGE = _rule(
    "coherence.low_coverage", "Few cache keys are tracked for coherence", "medium",
    one="{tracking} for {keys}: {ratio}, below {limit}",
    impact="Changes may not reach the keys they should: stale answers.",
    remedy="Check that what writes the cache also registers it for coherence.")
COHERENCE_HIGH_OVERHEAD = _rule(
    "coherence.high_overhead", "Tracking keys are nearly as many as cache keys", "medium",
    one="{tracking} for {keys}: {ratio}, above {limit}",
    impact="Tracking costs nearly as much as the cache it tracks.",
    remedy="See whether tracking keys outlive the cache keys they belong to.")
COHERENCE_STALE = _rule(
    "coherence.stale", "Cache keys survived an invalidation", "high",
    one="{keys} survived an invalidation: {names}",
    impact="Tenants get data from before a change until the TTL ends; without a TTL, for ever.",
    remedy="Find the code that sets these keys, or that does not invalidate them; look at each before you remove it.",
    cured_by="invalidate_tenant")
COHERENCE_SUSPECT = _rule(
    "coherence.suspect", "Cache keys may have survived an invalidation", "low",
    one="{keys} may have survived an invalidation: {names}",
    impact="Tenants may get stale answers, unless these keys have shorter TTLs than others of their kind.",
    remedy="Compare their value with the source; give all keys of a kind the same TTL.",
    cured_by="invalidate_tenant")
COHERENCE_MALFORMED = _rule(
    "coherence.malformed", "Events in the log are malformed", "low",
    one="{events} in the log is malformed", many="{events} in the log are malformed",
    impact="Services that act on events may not understand these.",
    remedy="See in the feed who sends them: an event needs type, tenant_id and timestamp.")
COHERENCE_UNHEARD = _rule(
    "coherence.unheard", "A channel of events has no subscriber", "low",
    one="no subscriber on the event channels of {tenants}",
    impact="Nothing is lost if the gateway unlinks keys itself; caches that rely on the channel stay stale.",
    remedy="See whether anything should be subscribed to the channels of these tenants.")
COHERENCE_UNMEASURED = _unmeasured("coherence.unmeasured", "Coherence cannot be read")
EVENTS_CLOCK = _rule(
    "events.clock", "The clock of a publisher of events is off",
    one="{offset} in {events}: the publisher's clock or time zone is off",
    phrases={"late": "{offset} in {events}: the publisher's clock or time zone is off, or events are delivered late"},
    impact="Events are placed by their own timestamps: these fall outside every window and in the wrong order.",
    remedy="Set the publisher's clock (NTP), and let it write UTC: a local time must not end in Z.")
EVENTS_FLOOD = _rule(
    "events.flood", "Too many coherence events", "medium",
    one="{rate:,.0f} coherence events a second in the last {span}, more than {limit:,.0f}{mostly}",
    as_cause="a flood of {rate:,.0f} coherence events a second began",
    impact="Every gateway carries out each of them: constant work, and caches that stay empty.",
    remedy="See in the feed, by type and tenant, what the events are about; then stop what publishes them. "
    "No event says which client sent it. CLIENT LIST has address, name and library of each: cmd=publish are those that "
    "publish.",
    phrases={
        "mostly": "; most are {what}",
        "stop": "Stop what publishes {what}{busiest}; the feed counts all by type, tenant and channel. No event says "
        "which client sent it. CLIENT LIST has address, name and library of each: cmd=publish are those that publish."},
    issue_because="a flood of events is examined with the caches, which follow them", window_seconds=10.0)
EVENTS_UNMEASURED = _unmeasured("events.unmeasured", "Events cannot be read")
FEED_DENIED = _rule(
    "feed.denied", "The coherence feed is denied", "medium",
    one="coherence feed denied: {reason}", phrases={"reason": "the server refuses the subscription"},
    impact="Invalidation events cannot be seen here; the system itself is not affected.",
    remedy="Allow the profile's channels: `optimus-tui doctor` prints the ACL line.", alert_group="feed.link")
FEED_BROKEN = _rule(
    "feed.broken", "The coherence feed is broken", "medium",
    one="coherence feed is broken{reason}",
    impact="Invalidation events are not seen here, and waiting does not help.",
    remedy="See what answers at the address of Redis.", alert_group="feed.link")
FEED_DOWN = _rule(
    "feed.down", "The coherence feed is interrupted", "medium",
    one="coherence feed is not live{reason}",
    impact="Events of this time may be missing here; the feed marks the gap.",
    remedy="It reconnects by itself; see the state of Redis.", alert_group="feed.link")
FEED_SILENT = _rule(
    "feed.silent", "No event came for a long time", "low",
    one="last event {ago} ago, {link}",
    phrases={"verified": "link verified {ago} ago", "unverified": "link not verified"},
    impact="Either nothing changes, or what publishes invalidations has stopped.",
    remedy="Change something that must invalidate a key, and see whether its event arrives.", alert_group="feed.link")
FEED_DROPPED = _rule(
    "feed.dropped", "Events were lost inside this program", "medium",
    one="{events} lost inside this program",
    impact="The feed and its counts are not complete.", remedy="This is a bug in this program: please report it.")

# -- Redis as a server -----------------------------------------------------------------------------------------------

_REDIS_REMEDY = "Look at the Redis process, its log and the network on the way; then at its address in the settings."

SERVER_UNREACHABLE = _rule(
    "server.unreachable", "Redis does not serve", "critical", as_cause="redis stopped serving",
    one="redis does not serve: {reason}", phrases=_CHECKS,
    impact="No caching, no rate limits, no coherence: the gateway falls back or fails, and three panes show old data.",
    remedy=_REDIS_REMEDY, alert_group="server")
SERVER_UNPROVEN = _rule(
    "server.unproven", "Which server is the primary is not known", "high",
    one="the sentinels prove no primary: {reason}",
    phrases={
        "answers": "the sentinels prove no primary: {reason}; {place}, which they named before, answers",
        "silent": "{reason}; nor does {place}, the primary that they named before"},
    impact="What is shown of Redis is old, and actions are refused. The gateway may go on with the server that it "
    "knows; if that dies, nobody names another.",
    remedy="Look at the sentinels' processes and logs, and at the network on the way to them.",
    alert_group="server")
SERVER_LOGIN = _rule(
    "server.login", "Redis refuses our login", "high",
    one="redis refuses our login: {reason}",
    impact="Redis answers, but our login may not read it: limits, cache keys and events are unknown.",
    remedy="Check user and password in the settings.", alert_group="server")
SERVER_UNKNOWN = _rule(
    "server.unknown", "Redis cannot be measured", "medium",
    one=_CANNOT_BE_MEASURED,
    impact="An outage of {subject} would not be noticed here.", remedy=_REDIS_REMEDY)
SERVER_REFUSES_WRITES = _rule(
    "server.refuses_writes", "Redis refuses writes", "critical",
    one="redis refuses writes: {reasons}",
    phrases={
        "OOM": "it is at its maxmemory",
        "MISCONF": "it cannot write its data to disk",
        "NOREPLICAS": "too few replicas keep up (min-replicas-to-write)",
        "READONLY": "it is a read-only replica",
        "memory_full": "it uses {used} of {limit} and evicts nothing ({policy})",
        "memory_full_no_ttl": "it uses {used} of {limit} and evicts nothing ({policy}, and no key has a TTL)",
        "writes_stopped": "it cannot write its data to disk, and stops writes until it can",
        "append_failed": "the last write to its append-only file failed",
        "snapshot_failed": "its last snapshot failed, so it stops writes",
        "no_replica": "no replica keeps up, and it needs at least one (min-replicas-to-write)",
        "lately": "{counts} in the last {span}",
        "with_error": "{count:,} refused with {error}",
        "since_start": "{count:,} refused since its start",
        "remedy_OOM": _MEMORY_REMEDY,
        "remedy_MISCONF": _DISK_REMEDY,
        "remedy_NOREPLICAS": "Bring the replicas back, or lower min-replicas-to-write.",
        "remedy_READONLY": "Point the gateway at the primary: after a failover this server may have become a replica."},
    impact="Nothing is cached or counted any more: rate limits do not count, invalidations do not reach the log.",
    points_to=("memory_leak", "cache_miss"), issue_because="", fails_requests=True)
SERVER_MEMORY = _rule(
    "server.memory", "Redis is nearly full and evicts nothing",
    one="redis uses {share} of its maxmemory ({limit}) and evicts nothing ({policy})",
    remedy=_MEMORY_REMEDY,
    impact="When it is full, every write is refused: no caching, no rate limits.",
    points_to=("memory_leak", "cache_miss"), issue_because="", from_redis=True)
SERVER_PERSISTENCE = _rule(
    "server.persistence", "The last snapshot of Redis failed", "medium",
    one="the last snapshot of redis failed (rdb_last_bgsave_status)", remedy=_DISK_REMEDY,
    impact="A restart loses what changed since the last good one; with stop-writes-on-bgsave-error (the default) "
    "writes are refused.", from_redis=True)
SERVER_REPLICA_LINK = _rule(
    "server.replica_link", "A replica lost its primary", "high",
    one="redis is a replica whose link to its primary is {link}",
    phrases={
        "copying": "redis is a replica that is copying the whole data of its primary",
        "copying_impact": "Until it is done, counters and cache keys that are read here are old or missing.",
        "copying_remedy": "Wait until the copy is complete; if it never ends, see the replica's log."},
    impact="Counters, cache keys and events that are read here are as old as the loss of the link.",
    remedy="See whether the primary is up and reachable from the replica; else point REDIS_URL at the primary.",
    from_redis=True)
SERVER_REPLICAS = _rule(
    "server.replicas", "Replicas of Redis disconnected", "medium",
    one="{lost} of redis disconnected, {connected:,} still connected",
    impact="Fewer copies of the data; what reads from that replica reads old data.",
    remedy="See the replica's process and its log.", from_redis=True)
SERVER_CLUSTER_SLOTS = _rule(
    "server.cluster_slots", "A part of the cluster is not served", "critical",
    one="{lost:,} of 16,384 slots have no primary that answers: about {share} of all keys ({ranges})",
    phrases={
        "down": "the cluster refuses every command on a key: its state is fail",
        "down_lost": "the cluster refuses every command on a key: {lost:,} of 16,384 slots have no primary ({ranges})"},
    impact="Limits and cache keys in these slots fail; if the tenant is a hash tag, all keys of some tenants. "
    "Counts here are only of the rest.",
    remedy="See the nodes below: start the primary again, or promote its replica (CLUSTER FAILOVER FORCE).",
    fails_requests=True)
SERVER_CLUSTER_NODE = _rule(
    "server.cluster_node", "Servers of a cluster, or behind sentinels, do not answer",
    one="{role} {place} does not answer: {reason}",
    phrases={
        "several": "{count:,} nodes do not answer, first {role} {place}: {reason}",
        "judged": "{role} {place} answers, but the other nodes call it {judged}",
        "watched_remedy": "See its process and its log, and SENTINEL REPLICAS."},
    impact="Fewer copies of the data: if another node is lost, a part of it cannot be read.",
    remedy="See the process of the node and its log, and CLUSTER NODES on another one.")
SERVER_SENTINELS = _rule(
    "server.sentinels", "Sentinels do not answer, or disagree", "medium",
    one="no answer from {away:,} of {all:,} sentinels: {reason}",
    phrases={"differ": "{naming:,} of {all:,} sentinels name {place} as the primary, the others do not"},
    impact="A failover needs a majority of the sentinels: without it no server takes over if the primary dies, and "
    "actions are refused where fewer name it.",
    remedy="Look at their processes and logs; SENTINEL CKQUORUM tells whether a failover is possible.")
SERVER_FAILOVER = _rule(
    "server.failover", "Another server became primary", "medium",
    one="{new} took over from {old} at {at} (UTC)", is_moment=True,
    phrases={
        "several": "{count:,} failovers in {span}, the last one first: {which} (UTC)",
        "one_of": "{new} took over from {old} at {at}"},
    impact="What was written in the last moments before may be lost; events of that time may not have been heard.",
    remedy="See why the old primary went away, and that it comes back as a replica.")
SERVER_REFUSES_CONNECTIONS = _rule(
    "server.refuses_connections", "Redis refuses connections", "high",
    one="redis refused {connections} in {span}: it has no room for another client (maxclients)",
    impact="New connections are refused: workers that start or reconnect have no Redis.",
    remedy="Close idle clients (CLIENT LIST), look for one that never closes, or raise maxclients.")
SERVER_CLIENTS = _rule(
    "server.clients", "Redis has nearly no room for another client", "medium",
    one="{count:,} of {limit:,} clients are connected to redis (maxclients)",
    impact="When it is full, new connections are refused.",
    remedy="Look for a client that opens connections and never closes them (CLIENT LIST), or raise maxclients.",
    from_redis=True)
SERVER_INFO_UNKNOWN = _rule(
    "server.info_unknown", "The state of Redis is not known",
    one="redis answers, but its state is unknown: {reason}",
    impact="Refused writes, a full memory or a lost primary would not be noticed here.")
SERVER_INFO_SENSELESS = _rule(
    "server.info_senseless", "INFO of Redis holds impossible values", "medium",
    one="INFO of redis holds impossible values, which are not used: {fields}",
    impact="What depends on these fields (memory, clients, look-ups, replication) is not judged.",
    remedy="See what answers there: a proxy, or a server with a damaged INFO.")
REDIS_SLOW_COMMANDS = _rule(
    "redis.slow_commands", "Redis runs slow commands",
    one="{commands}; the slowest, {slowest}, took {took}",
    impact="Redis runs one command at a time: all others waited that long.",
    remedy="Find the client that runs it on so much data (SLOWLOG GET names it), and limit the amount.")
REDIS_SLOW_UNMEASURED = _unmeasured("redis.slow_unmeasured", "Slow commands cannot be read")
REDIS_EVENTS_UNMEASURED = _unmeasured("redis.events_unmeasured", "Latency events of Redis cannot be read")
MEMORY_GROWTH = _rule(
    "memory.growth", "Memory grows",
    one="{subject} grows by {pace}, at least by {least}{full_soon}",
    impact="From {first} to {last} in {span}.{beside}",
    remedy="Compare with the gateway's traffic; if that is steady, look for an unbounded cache in its process.",
    phrases={
        "full_soon": "; at this pace maxmemory is reached in {left} at the latest",
        "grows_too": " {namespace} grows at the same time.",
        "remedy_redis": "See which namespace grows and whether its keys have TTLs."})
MEMORY_CLIENT_BUFFERS = _rule(
    "memory.client_buffers", "Clients' buffers take much memory", "medium",
    one="clients' buffers take {size}, {share} of Redis' memory",
    impact="This memory is not in keys: it holds replies that clients read too slowly.",
    remedy="Look for clients that ask for much and read slowly (CLIENT LIST, field omem).")
MEMORY_OUTPUT_BUFFER = _rule(
    "memory.output_buffer", "One client's output buffer is large", "low",
    one="one client's output buffer holds {size}",
    impact="A subscriber that does not keep up is cut off at its limit and misses events.",
    remedy="Find the subscriber that falls behind.")
MEMORY_UNMEASURED = _unmeasured("memory.unmeasured", "The memory of Redis is not known")

# -- gateway, engine, Postgres ---------------------------------------------------------------------------------------

_GATEWAY_REMEDY = "Look at the gateway's process and its log; then at its address in the settings."
_ENGINE_REMEDY = "Look at the engine's process and its log; then at its address in the settings."
_POSTGRES_REMEDY = "Look at the database and its connections; then at the DSN in the settings."
_OUTAGE = "An outage of {subject} would not be noticed here."
_SAYS_REMEDY = "See what {subject} reports under /health, and whether that part is needed."
_STILL_ANSWERS = "Requests are answered, as far as is known."
_GATEWAY: dict[str, Any] = {"points_to": ("high_latency",)}
_ENGINE: dict[str, Any] = {
    "explained_by": TROUBLE, "issue": "circuit_breaker", "points_to": ("circuit_breaker", "proxy_timeout")}
_POSTGRES: dict[str, Any] = {"points_to": ("proxy_timeout",)}

SERVICES_GATEWAY = _rule(
    "services.gateway", "The gateway is not healthy",
    one="{subject} {state}{reason}", phrases=_STATES,
    impact="Requests of all tenants fail or are about to.", remedy=_GATEWAY_REMEDY, **_GATEWAY)
SERVICES_ENGINE = _rule(
    "services.engine", "The AI engine is not healthy", as_cause="the engine was no longer healthy",
    one="{subject} {state}{reason}", phrases=_STATES,
    impact="Answers that are not cached fail: chat, conversations and messages of all tenants.",
    remedy=_ENGINE_REMEDY, **_ENGINE)
SERVICES_POSTGRES = _rule(
    "services.postgres", "Postgres is not healthy", as_cause="postgres was no longer healthy",
    one="{subject} {state}{reason}", phrases=_STATES,
    impact="The AI Engine cannot read or store conversations.", remedy=_POSTGRES_REMEDY, **_POSTGRES)
SERVICE_DOWN = {"gateway": SERVICES_GATEWAY, "engine": SERVICES_ENGINE, "postgres": SERVICES_POSTGRES}
"""By service, the rule of one that does not answer, or says that it is not well."""
SERVICES_GATEWAY_UNKNOWN = _rule(
    "services.gateway_unknown", "The gateway cannot be measured", "medium",
    one=_CANNOT_BE_MEASURED,
    impact=_OUTAGE, remedy=_GATEWAY_REMEDY, **_GATEWAY)
SERVICES_ENGINE_UNKNOWN = _rule(
    "services.engine_unknown", "The AI engine cannot be measured", "medium",
    one=_CANNOT_BE_MEASURED,
    impact=_OUTAGE, remedy=_ENGINE_REMEDY, **_ENGINE)
SERVICES_POSTGRES_UNKNOWN = _rule(
    "services.postgres_unknown", "Postgres cannot be measured", "medium",
    one=_CANNOT_BE_MEASURED,
    impact=_OUTAGE, remedy=_POSTGRES_REMEDY, **_POSTGRES)
SERVICES_GATEWAY_SAYS = _rule(
    "services.gateway_says", "The gateway is healthy, but a part of it may not be", "low",
    phrases=_REMARKS, one=_REMARK, impact=_STILL_ANSWERS, remedy=_SAYS_REMEDY, **_GATEWAY)
SERVICES_ENGINE_SAYS = _rule(
    "services.engine_says", "The AI engine is healthy, but a part of it may not be", "low",
    phrases=_REMARKS, one=_REMARK, impact=_STILL_ANSWERS, remedy=_SAYS_REMEDY, **_ENGINE)
SERVICES_POSTGRES_SAYS = _rule(
    "services.postgres_says", "Postgres is healthy, but a part of it may not be", "low",
    phrases=_REMARKS, one=_REMARK, impact=_STILL_ANSWERS, remedy=_SAYS_REMEDY, **_POSTGRES)
SERVICES_FLAPPING = _rule(
    "services.flapping", "A service failed several checks", "medium",
    one="{subject} failed {failed} of {count} checks in {span}",
    phrases={"good_again": "good again in the last {count} checks"},
    impact="Requests fail whenever it does not answer; a single check in a good moment does not show it.",
    remedy="See its log for restarts, health checks that time out, or one bad instance behind a balancer.",
    points_to=("circuit_breaker", "proxy_timeout"))
BREAKER_OPEN = _rule(
    "breaker.open", "A circuit is open", "high", as_effect="it opened",
    one="the circuit to {subject} is open{processes}{cause}", phrases=_CIRCUIT,
    impact="The gateway refuses requests that need {subject} without asking it.",
    remedy="Repair {subject}; the circuit closes by itself with the next request that succeeds.", fails_requests=True)
BREAKER_HALF_OPEN = _rule(
    "breaker.half_open", "A circuit is half open", "medium",
    one="the circuit to {subject} is half-open{processes}{cause}", phrases=_CIRCUIT,
    impact="The gateway lets one request through to {subject} and refuses the others until it succeeds.",
    remedy="Wait: the result of the next request closes the circuit or opens it again.")
BREAKER_WAS_OPEN = _rule(
    "breaker.was_open", "A circuit was open", "low",
    one="the circuit to {subject} was open within the window and is closed again",
    impact="Requests were refused then; they pass now.", remedy="See the log of {subject} of that time.")
BREAKER_UNMEASURED = _unmeasured("breaker.unmeasured", "The states of circuits are not known")
ERRORS_RATE = _rule(
    "errors.rate", "Too many requests fail",
    one="{share} of {requests} failed, the threshold is {limit}{rest}",
    impact="Callers get errors instead of answers.", window_seconds=10.0,
    remedy="See which route fails most, then the engine's health and the gateway's log.",
    phrases={
        "part": "{share} of {requests} of {part} failed, the threshold is {limit}",
        "part_impact": "Callers get errors instead of answers there; most others are answered.",
        "part_remedy": "See the gateway's log of that route or tenant, then what it depends on.",
        "few": "; too few failed to be sure of that ({count:,})",
        "good_again": "{share} of the last {count:,.0f} requests ({span})",
        "most_at": "; most at {parts}",
        "failed_of": "{label} {name} ({count:,} of {requests})"})
ERRORS_TIMEOUTS = _rule(
    "errors.timeouts", "Too many requests time out",
    one="{what} is {share}, the threshold is {limit}{few}",
    phrases={
        "part": "{what} of {part} is {share}, the threshold is {limit}{few}",
        "few": "; so few may be chance"},
    impact="These requests waited for the proxy's whole timeout, and failed.",
    remedy="Look at the engine's slow requests in these minutes; raise the proxy's timeout only after that.",
    points_to=("proxy_timeout", "circuit_breaker"))
ERRORS_UNMEASURED = _unmeasured("errors.unmeasured", "Failures of requests are not known")
PROXY_P99 = _rule(
    "proxy.p99", "The slowest requests are near the proxy's timeout",
    one="{subject}: p99 {p99} is close to the timeout of {timeout}",
    phrases={"reached": "{subject}: p99 {p99} reaches the timeout of {timeout}"},
    impact="One request in a hundred times out, or nearly does.",
    remedy="Find what makes the slowest requests slow in the engine before raising the proxy's timeout.")
PROXY_UNMEASURED = _unmeasured("proxy.unmeasured", "Latencies behind the proxy are not known")
GATEWAY_RESTARTS = _rule(
    "gateway.restarts", "The gateway restarts often",
    one="the gateway's processes restarted at least {times} in {span} ({processes} seen)",
    impact="Requests that a process was serving at a restart failed. What it counted after it was last read is lost, "
    "so rates are lower bounds.",
    remedy="A deployment restarts each process once. If they restart more often, see its log and memory limit.")

# -- this program's own sight ----------------------------------------------------------------------------------------

METRICS_SEVERAL_PROCESSES = _rule(
    "metrics.several_processes", "Several processes answer, and cannot be told apart", "low",
    one="{reason}", phrases={"reason": "several processes answer here: no rates"},
    impact="Rates and shares of failures of the gateway are unknown here.",
    remedy="Publish process_start_time_seconds with /metrics from every worker. Where workers share a start time, let "
    "them share one registry (PROMETHEUS_MULTIPROC_DIR), or configure a Prometheus that scrapes each of them.")
METRICS_UNMEASURED = _unmeasured("metrics.unmeasured", "Metrics cannot be read")
SOURCE_BROKEN = _rule(
    "source.broken", "A source of figures is broken", "medium",
    one="{subject} is not read any more ({error}); its figures here are old",
    impact="Trouble that only {subject} shows would not be noticed here.",
    remedy="It starts again by itself. This is a bug in this program: please report it with the crash report.")
COMPARE_UNMEASURED = _unmeasured("compare.unmeasured", "The keyspace cannot be read")
