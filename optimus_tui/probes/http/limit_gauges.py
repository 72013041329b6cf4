"""Read the limits that a gateway publishes as gauges, by the profile's rules: one value is the limit of one counter."""

from collections.abc import Mapping

import httpx

from optimus_tui.contract.keyspace import LimitRules
from optimus_tui.contract.reading import Fault
from optimus_tui.dialects.model import Dialect, GaugeRule
from optimus_tui.dialects.template import Template
from optimus_tui.grammar.info import parse_exposition
from optimus_tui.probes.http.fetch import FETCH_ERRORS, fault_of_http, fetch
from optimus_tui.probes.http.metrics import CAP_BYTES, MAX_LIMIT, MAX_NAME, MAX_NAMES
from optimus_tui.probes.http.profile_health import with_header_words
from optimus_tui.wording.safe import safe_text

MOST_LIMITS = 10 * MAX_NAMES
SOURCE = "the gateway's metrics"


async def read_limit_gauges(
    http: httpx.AsyncClient, base: str, dialect: Dialect
) -> tuple[LimitRules | None, Fault | None]:
    """Return the limits by the names of the counters, and the fault; both are None if the gateway publishes none.

    Args:
        http: The client.
        base: The address of the gateway that is asked.
        dialect: Which gauges say limits, and where its metrics are.
    """
    path = dialect.gateway.metrics
    if not path:
        return None, None
    url = base + path
    try:
        answer = await fetch(http, url, cap_bytes=CAP_BYTES)
    except FETCH_ERRORS as error:
        return None, fault_of_http(error, url)
    if answer.status == 404:
        return None, None
    if answer.status != 200 or answer.problem:
        why = answer.problem or f"answered {answer.status}"
        fault = Fault("invalid", f"{safe_text(path, 60)}: {safe_text(why, 100)}")
        return None, with_header_words(fault, dialect.gateway, answer.status)
    return limits_of_gauges(answer.body, dialect.limit_gauges), None


def limits_of_gauges(page: bytes, gauges: tuple[GaugeRule, ...]) -> LimitRules | None:
    """Return the limits on a page of metrics; None if it has none.

    A value that is not a limit is left out. So is a counter for which the page has two different limits, which happens
    when workers publish side by side, and the alias of a tenant that has two.
    """
    rules = {rule.name: (Template(rule.key), rule) for rule in gauges}
    keys: dict[str, int] = {}
    aliases: dict[str, set[str]] = {}
    disagreed: set[str] = set()
    for name, labels, value in parse_exposition(page, rules).samples:
        template, rule = rules[name]
        tenant, alias = labels.get(rule.labels.get("tenant", "tenant"), ""), labels.get(rule.alias, "")
        if tenant and alias and tenant != alias and len(tenant) + len(alias) <= MAX_NAME and len(aliases) < MOST_LIMITS:
            aliases.setdefault(tenant, set()).add(alias)
        if not (1 <= value <= MAX_LIMIT and value == int(value)):
            continue
        key = _key(template, rule.labels, labels)
        if keys.setdefault(key, int(value)) != value:
            disagreed.add(key)
        if len(keys) >= MOST_LIMITS:
            break
    kept = {key: limit for key, limit in keys.items() if key and key not in disagreed}
    if not kept:
        return None
    known = {tenant: next(iter(names)) for tenant, names in aliases.items() if len(names) == 1}
    return LimitRules(window_seconds=60, keys=kept, aliases=known, source=SOURCE)


def _key(template: Template, names: Mapping[str, str], labels: Mapping[str, str]) -> str:
    """Return the counter's name that the labels of one value give; "" where a label is missing or too long."""
    texts: dict[str, bytes] = {}
    for capture in template.captures:
        text = labels.get(names.get(capture.name, capture.name), "")
        if not text or len(text) > MAX_NAME:
            return ""
        texts[capture.name] = text.encode("utf-8", "surrogateescape")
    return template.fill(texts).decode("utf-8", "surrogateescape")
