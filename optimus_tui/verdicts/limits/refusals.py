"""Requests that were refused (429), by tenant: judged by the gateway's own counters. Pure.

A counter in Redis forgets refusals when its window ends; the gateway's counters do not. A share is unknown, with the
reason, if requests are not counted by tenant. Refusals that grow while the counter is below the published limit show
that another limit is in force.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.contract.finding_rules import LIMITS_REFUSED, LIMITS_REFUSED_BELOW
from optimus_tui.contract.findings import MANY_COUNTERS, Finding, Severity, each_or_one, some_of
from optimus_tui.contract.keyspace import ALL_TENANTS, Counter, LimitRules
from optimus_tui.contract.make_finding import make_finding, phrase
from optimus_tui.contract.services import Counted, Increase
from optimus_tui.verdicts.gateway.latency import as_past
from optimus_tui.verdicts.gateway.performance import MIN_REQUESTS, nearest_deciding, outcomes
from optimus_tui.verdicts.limits.judge import limit_for
from optimus_tui.verdicts.limits.words import LONGEST_TENANT, operation_words, tenant_words
from optimus_tui.verdicts.playbooks.conclusion import span_words
from optimus_tui.verdicts.statistics import surely_less
from optimus_tui.wording.numbers import age, percent
from optimus_tui.wording.safe import safe_text

REFUSED_SHARE, LEAST_REFUSED = 0.10, 20
LEAST_NOW = 3
"""Refusals within less than a minute that are enough where their pace makes ``LEAST_REFUSED`` of a minute."""
MORE_BY_CHANCE = 1.5
"""Standard deviations by which a few seconds' requests may exceed their usual number by chance."""
SURE_REFUSALS = 10
"""Where so many refusals would have come at the pace of before, none at all is not chance."""
SAME_SPAN = 0.8
"""Two figures are of the same time where the shorter one covers at least this part of the longer one."""


class RefusedRequests(Struct, frozen=True):
    """Requests of one tenant that were refused; ``tenant`` is "" if the gateway does not count by tenant.

    ``share`` is the refused share of its requests, from 0 to 1, as a lower bound; None if it is unknown, for the reason
    in ``why``.
    """

    tenant: str
    refused: float
    share: float | None
    why: str = ""

    @property
    def name(self) -> str:
        """The tenant's name as it is shown."""
        return _name_of(self.tenant) or ALL_TENANTS


def _name_of(tenant: str) -> str:
    return safe_text(tenant, LONGEST_TENANT)


def refused_by_tenant(requests: Increase, refused: Increase, tenant: str | None = None) -> list[RefusedRequests]:
    """Return the refused requests of each tenant, the most first; ``tenant`` limits it to one.

    A gateway that does not count by tenant gives one entry for all together.
    """
    if refused.covered_minutes <= 0:
        return []
    counts = {name: count for name, count in refused.by("tenant").items() if count > 0}
    if tenant is not None and set(counts) - {""}:
        counts = {name: count for name, count in counts.items() if name == tenant}
    return [_share(name, count, requests, refused) for name, count in counts.items()]


def _share(tenant: str, count: float, requests: Increase, refused: Increase) -> RefusedRequests:
    """Return a tenant's refused requests with their share: by status 429 where it is counted, else by the refusals."""
    spans = sorted((requests.covered_minutes, refused.covered_minutes))
    if spans[0] <= 0:
        return RefusedRequests(tenant, count, None, "how many requests there were is not known")
    if spans[0] < SAME_SPAN * spans[1]:
        return RefusedRequests(tenant, count, None, "requests were counted over another time than refusals")
    results = outcomes(_of(requests.series, tenant))
    if tenant and results.requests <= 0:
        everybody = outcomes(requests.series).requests
        least = count / (everybody + count)
        if least >= REFUSED_SHARE:  # of all requests: of its own it can only be more
            return RefusedRequests(tenant, count, least)
        return RefusedRequests(tenant, count, None, "requests are not counted by tenant")
    if results.refused and results.refused >= count * SAME_SPAN:
        return RefusedRequests(tenant, count, results.refused_share)
    return RefusedRequests(tenant, count, count / (results.requests + count))


def _of(series: Iterable[Counted], tenant: str) -> list[Counted]:
    return [one for one in series if not tenant or one.labels.get("tenant") == tenant]


def find_refusals(
    requests: Increase, refused: Increase, tenant: str | None = None, *, since_start: bool = False
) -> list[Finding]:
    """Return ``limits.refused``: high from 10 % and 20 refusals on, medium if the share is unknown.

    With ``since_start`` the figures cover the gateway's whole life, of unknown length: then it is medium.
    """
    least = max(LEAST_NOW, LEAST_REFUSED * min(1.0, refused.covered_minutes))
    worth = [
        one
        for one in refused_by_tenant(requests, refused, tenant)
        if one.refused >= least and (one.share is None or one.share >= REFUSED_SHARE)
    ]
    when = phrase(LIMITS_REFUSED, "within", span=span_words(refused.covered_minutes))
    if since_start:
        when = phrase(LIMITS_REFUSED, "since_start")
    worth.sort(key=lambda one: (one.share is None, -one.refused))
    shared = [one for one in worth if one.share is not None]
    vague = [one for one in worth if one.share is None]
    bound = ""
    if refused.lower_bound:
        bound = "at least "
    results = [*_by_share(shared, bound, when, sure=not since_start), *_by_share(vague, bound, when, sure=False)]
    return [replace(one, window_seconds=refused.covered_minutes * 60) for one in results]


Pair = tuple[Increase, Increase]
"""Requests and refusals over one span."""


def find_refusals_lately(window: Pair, *lately: Pair) -> list[Finding]:
    """Return the findings about refusals; those whose refusals have ended in the last minute are low.

    Args:
        window: Refusals over the window. They decide if there were not enough requests in the last minute.
        lately: Refusals over the last half minute and the last minute or so, the longest last. The most recent one with
            enough requests of the tenant decides whether refusals have ended.
    """
    found = find_refusals(*window)
    *nearer, minute = lately
    if minute[1].covered_minutes > 0 and outcomes(minute[0].series).requests >= MIN_REQUESTS:
        now = find_refusals(*minute)
        still = {one.subject for one in now}
        ended = phrase(
            LIMITS_REFUSED, "ended", count=round(minute[1].total), span=span_words(minute[1].covered_minutes)
        )
        found = [*now, *(as_past(one, ended) for one in found if one.subject not in still)]
    return [_none_lately(_as_of_now(one, nearer, (window, minute)), nearer) for one in found]


class _Came(NamedTuple):
    """The requests of one tenant over a span, those refused among them, and the seconds."""

    requests: float
    refused: float
    seconds: float

    def within(self, seconds: float) -> "_Came":
        """Return what comes in so many seconds at this pace."""
        scale = seconds / self.seconds if self.seconds > 0 else 0.0
        return _Came(self.requests * scale, self.refused * scale, seconds)

    def ends(self, before: "_Came") -> bool:
        """Return True if none was refused where many would have been, and surely fewer requests come than before."""
        usual = before.within(self.seconds)
        fewer = self.requests + MORE_BY_CHANCE * math.sqrt(self.requests) <= usual.requests
        return fewer and not self.refused and usual.refused >= SURE_REFUSALS

    def keeps_to(self, before: "_Came") -> bool:
        """Return True if surely fewer requests come than before, or no more get through, but for chance."""
        passed, usual = self.requests - self.refused, before.within(self.seconds)
        fewer = self.requests + MORE_BY_CHANCE * math.sqrt(self.requests) <= usual.requests
        return fewer or passed - MORE_BY_CHANCE * math.sqrt(passed) <= usual.requests - usual.refused


def _came(pair: Pair, subject: str) -> _Came:
    """Return what the finding's tenant asked and was refused; of all tenants if the finding sums up several."""
    everybody = subject in (ALL_TENANTS, *MANY_COUNTERS)
    requests, refused = (
        [each for each in one.series if everybody or _name_of(each.labels.get("tenant", "")) == subject] for one in pair
    )
    results, count = outcomes(requests), sum(one.increase for one in refused)
    asked = results.requests
    if (results.refused or 0.0) < count * SAME_SPAN:  # the counter of requests leaves them out
        asked += count
    seconds = min(pair[0].covered_minutes, pair[1].covered_minutes) * 60
    return _Came(asked, max(count, results.refused or 0.0), seconds)


def _as_of_now(found: Finding, nearer: Iterable[Pair], longer: Iterable[Pair]) -> Finding:
    """Return the finding, low where the tenant's newest requests are not refused any more.

    A limiter that is full again at the end of each window refuses nothing at its beginning, and lets more through then
    than in the mean, of as many requests as before: such a tenant does not keep within its limit.
    """
    share = REFUSED_SHARE
    if found.unit == "share" and isinstance(found.measured, float):
        share = found.measured
    before = [_came(pair, found.subject) for pair in longer]

    def goes_on(now: _Came) -> bool | None:
        if now.seconds <= 0 or now.requests < 1:
            return None
        if now.requests < MIN_REQUESTS:
            if any(now.ends(one) for one in before):
                return False
            return None
        calm = now.refused < REFUSED_SHARE * now.requests and surely_less(now.refused, now.requests, share)
        return not (calm and any(now.keeps_to(one) for one in before))

    decided = nearest_deciding((_came(pair, found.subject) for pair in nearer), lambda now: now.requests, goes_on)
    if found.severity == "low" or decided is None or decided[1]:
        return found
    now = decided[0]
    refused, span = f"{round(now.refused):,}" if round(now.refused) else "none", age(now.seconds)
    words = phrase(LIMITS_REFUSED, "ended_here", refused=refused, count=round(now.requests), span=span)
    return as_past(found, words)


def _none_lately(found: Finding, nearer: Iterable[Pair]) -> Finding:
    """Return a finding that still counts with for how many seconds its tenant was not refused at all, if it was not.

    That alone proves no end: a limiter that is full at the end of each window refuses none at its beginning.
    """
    newest = next((came for pair in nearer if (came := _came(pair, found.subject)).seconds > 0), None)
    if found.severity == "low" or newest is None or newest.refused:
        return found
    return replace(found, proved_seconds=newest.seconds)


def _by_share(cases: Sequence[RefusedRequests], bound: str, when: str, *, sure: bool) -> list[Finding]:
    return each_or_one(cases, lambda one: _one(one, bound, when, sure), lambda many: _many(many, bound, when, sure))


def _one(one: RefusedRequests, bound: str, when: str, sure: bool) -> Finding:
    unit = "requests"
    if one.share is not None:
        share = phrase(LIMITS_REFUSED, "share", share=percent(one.share))
        unit = "share"
        threshold = REFUSED_SHARE
        measured = one.share
    else:
        share = phrase(LIMITS_REFUSED, "share_unknown", reason=one.why)
        threshold = float(LEAST_REFUSED)
        measured = float(round(one.refused))
    severity: Severity = "medium"
    if sure:
        severity = "high"
    return make_finding(
        rule=LIMITS_REFUSED,
        severity=severity,
        subject=one.name,
        count=f"{bound}{round(one.refused):,}",
        when=when,
        share=share,
        measured=measured,
        threshold=threshold,
        unit=unit,
        samples=round(one.refused),
    )


def _many(many: Sequence[RefusedRequests], bound: str, when: str, sure: bool) -> Finding:
    severity: Severity = "medium"
    if sure:
        severity = "high"
    return make_finding(
        rule=LIMITS_REFUSED,
        severity=severity,
        subject="several tenants",
        many=True,
        bound=bound,
        tenants=len(many),
        when=when,
        names=some_of([f"{one.name} {round(one.refused):,}" for one in many]),
        measured=float(len(many)),
        threshold=0.0,
        unit="tenants",
        samples=round(sum(one.refused for one in many)),
    )


def find_refused_below(
    growth: Increase, first: Mapping[bytes, Counter], second: Mapping[bytes, Counter], rules: LimitRules | None
) -> list[Finding]:
    """Return ``limits.refused_below``: refusals grew between two reads of a counter that stayed below its limit.

    ``growth`` must be that between the two reads. A count only rises within its window, so a counter that is below the
    limit at the second read was below it all the time.
    """
    if rules is None or growth.covered_minutes <= 0:
        return []
    cases: dict[bytes, tuple[Counter, int, float]] = {}
    for one in growth.series:
        tenant, operation = one.labels.get("tenant", ""), one.labels.get("operation", "")
        if one.increase < 1 or not tenant:
            continue
        counters = [
            counter
            for counter in second.values()
            if _text(counter.tenant) == tenant and (not operation or _text(counter.operation) == operation)
        ]
        standing = [_below(first.get(counter.key), counter, rules) for counter in counters]
        if counters and all(standing):
            fullest = max(counters, key=lambda counter: counter.count or 0)
            before = cases.get(fullest.key)
            grown = one.increase + (before[2] if before else 0.0)
            cases[fullest.key] = (fullest, limit_for(fullest, rules) or 0, grown)
    seconds = growth.covered_minutes * 60
    return [_refused_below(counter, limit, grown, seconds) for counter, limit, grown in cases.values()]


def _below(before: Counter | None, after: Counter, rules: LimitRules) -> bool:
    """Return whether the counter stayed below its limit all the time, in one window."""
    limit = limit_for(after, rules)
    if before is None or before.count is None or after.count is None or limit is None or after.sliding:
        return False
    ends = before.resets_mono
    same = before.immortal or (ends is not None and ends > after.taken_mono)
    return same and before.count <= after.count < limit


def _refused_below(counter: Counter, limit: int, grown: float, seconds: float) -> Finding:
    name = f"{tenant_words(counter.tenant)} / {operation_words(counter.operation)}"
    return make_finding(
        rule=LIMITS_REFUSED_BELOW,
        subject=name,
        count=round(grown),
        span=age(seconds),
        used=counter.count or 0,
        limit=limit,
        measured=float(counter.count or 0),
        threshold=float(limit),
        unit="requests",
        samples=round(grown),
        window_seconds=seconds,
    )


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
