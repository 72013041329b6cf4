"""Check the gateway and the engine: one bounded request each, all in parallel under one deadline.

A health check is healthy only for 200 with a JSON object that reports nothing unhealthy, or for what the profile calls
healthy; a figure counts only if it is valid. A service that is down is a finding, so the value is always set; its fault
says why. If a service has several addresses, the worst counts.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

import httpx
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.clock import Clock
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import CacheMetrics, GatewayState, ServiceInstance, ServiceState, Status
from optimus_tui.dialects.model import ServiceProfile
from optimus_tui.probes.http.fetch import CODES, DEADLINE_S, FETCH_ERRORS, Fetched, elsewhere, fault_of_http, fetch
from optimus_tui.probes.http.health_body import WELL, ReportedHealth, judge_body, judge_text, says_well
from optimus_tui.probes.http.limit_gauges import read_limit_gauges
from optimus_tui.probes.http.metrics import parse_cache_metrics, parse_rules
from optimus_tui.probes.http.profile_health import fault_of_answer, reported, with_header_words
from optimus_tui.probes.load_meter import measured_ms
from optimus_tui.settings.model import Settings
from optimus_tui.wording.safe import safe_text

GATEWAY_WORDS: tuple[Status, Status, Status] = ("healthy", "unhealthy", "error")
ENGINE_WORDS: tuple[Status, Status, Status] = ("connected", "error", "disconnected")
"""The status for a JSON object with 200, for any other answer, and for none."""

CAP_BYTES = 64_000
RULES_CAP_BYTES = 400_000
"""Bytes of a JSON answer; decoded it may take twenty times as much memory."""


USUAL = ServiceProfile(text=False)
"""How a service is asked where nothing else is said: ``/health``, by the usual words of a JSON object."""
NOT_ASKED = Fault("invalid", "not asked: the profile in force names no health check")
"""The result of a health check that was not made."""


class ServiceCheck(Struct, frozen=True):
    """The result of one GET: the JSON object, or the fault; ``answer`` is None where nothing was received.

    ``reported`` is what a health check reports about its service; ``fault`` quotes it if that is unhealthy.
    """

    answer: Fetched | None
    document: dict[str, Any] | None = None
    fault: Fault | None = None
    reported: ReportedHealth = WELL

    @property
    def failure(self) -> Fault | None:
        """Return why it did not answer as it should, or None. A service that reports itself degraded did answer."""
        if self.reported.sickness == "degraded":
            return None
        return self.fault


async def read_gateway(
    http: httpx.AsyncClient, settings: Settings, clock: Clock, *, with_rules: bool, away: bool = False
) -> Reading[GatewayState]:
    """Return health, cache figures and (``with_rules``) limits. ``value`` is always set, also for an outage.

    All three are asked together. If nothing answered at the last try (``away``), health is asked first, and the others
    only if it is answered.

    ``Reading.fault`` is the health check's; each other part has its own in the value. If the gateway answers 404 for
    ``/api/rate-limits``, or limits were not asked for, ``rules`` and ``rules_fault`` are None.
    """
    profile = settings.profile.gateway
    if settings.gateway_urls:
        service, base = await _instances(http, settings.gateway_urls, GATEWAY_WORDS, profile)
        metrics, *limits = await asyncio.gather(*_published(http, base, profile, with_rules))
    else:
        base = settings.gateway_url
        asked = look_at_health(http, health_url(base, profile), profile=profile)
        health = await asked if away else None
        if health is None:
            health, metrics, *limits = await asyncio.gather(asked, *_published(http, base, profile, with_rules))
        elif health.fault is not None and health.fault.kind == "refused":
            paths = (profile.cache_metrics, *[profile.limits] * with_rules)
            metrics, *limits = (ServiceCheck(None, None, health.fault if path else None) for path in paths)
        else:
            metrics, *limits = await asyncio.gather(*_published(http, base, profile, with_rules))
        service = _service(health, GATEWAY_WORDS)
    service = replace(service, fault=with_header_words(service.fault, profile, service.status_code))
    cache, cache_fault, rules, rules_fault = None, None, None, None
    if metrics.document is not None:
        cache, cache_fault = parse_cache_metrics(metrics.document)
    for published in limits:
        if published.document is not None:
            rules, rules_fault = parse_rules(published.document)
        elif not (published.answer and published.answer.status == 404):
            rules_fault = published.fault
    if with_rules and settings.profile.limit_gauges and not profile.limits:
        rules, rules_fault = await read_limit_gauges(http, base, settings.profile)
    state = GatewayState(
        service=service,
        cache=cache,
        cache_fault=cache_fault or metrics.fault,
        cache_absent=not profile.cache_metrics or (metrics.answer is not None and metrics.answer.status == 404),
        rules=rules,
        rules_fault=rules_fault,
    )
    return Reading(
        value=state, taken_at=clock.wall(), taken_mono=clock.mono(), took_ms=service.latency_ms, fault=service.fault
    )


async def read_cache_metrics(http: httpx.AsyncClient, settings: Settings) -> CacheMetrics | None:
    """Return the cache figures that the gateway publishes; None where it publishes no valid ones."""
    path = settings.profile.gateway.cache_metrics
    if not path:
        return None
    seen = await look(http, settings.gateway_url + path)
    if seen.document is not None:
        return parse_cache_metrics(seen.document)[0]
    return None


async def read_engine(http: httpx.AsyncClient, settings: Settings, clock: Clock) -> Reading[ServiceState]:
    """Return the health of the AI engine. ``value`` is always set, even for an outage; ``fault`` says what is wrong."""
    profile = settings.profile.engine
    if settings.engine_urls:
        state, _ = await _instances(http, settings.engine_urls, ENGINE_WORDS, profile)
    else:
        seen = await look_at_health(http, health_url(settings.engine_url, profile), profile=profile)
        state = _service(seen, ENGINE_WORDS)
    state = replace(state, fault=with_header_words(state.fault, profile, state.status_code))
    return Reading(
        value=state, taken_at=clock.wall(), taken_mono=clock.mono(), took_ms=state.latency_ms, fault=state.fault
    )


def _published(
    http: httpx.AsyncClient, base: str, profile: ServiceProfile, with_rules: bool
) -> list[Coroutine[Any, Any, ServiceCheck]]:
    """Return the requests for what the gateway publishes of itself; nothing is sent where the profile has no path."""
    looks = [_look_if(http, base, profile.cache_metrics)]
    if with_rules:
        looks.append(_look_if(http, base, profile.limits, RULES_CAP_BYTES))
    return looks


async def _look_if(http: httpx.AsyncClient, base: str, path: str, cap_bytes: int = CAP_BYTES) -> ServiceCheck:
    if not path:
        return ServiceCheck(None)
    return await look(http, base + path, cap_bytes=cap_bytes)


async def _instances(
    http: httpx.AsyncClient, urls: tuple[str, ...], words: tuple[Status, Status, Status], profile: ServiceProfile
) -> tuple[ServiceState, str]:
    """Return the worst address of a service, with all states, and the first address that serves (else the first)."""
    looks = await asyncio.gather(*(look_at_health(http, health_url(url, profile), profile=profile) for url in urls))
    found = tuple(ServiceInstance(url, _service(seen, words)) for url, seen in zip(urls, looks, strict=True))
    serving = next((one.address for one in found if one.state.serves), urls[0])
    found = tuple(sorted(found, key=lambda one: (-_badness(one.state), -(one.state.latency_ms or 0.0))))
    worst = found[0]
    fault = worst.state.fault
    if fault is not None:
        bad = sum(one.state.fault is not None for one in found)
        message = f"{bad} of {len(found)} addresses, {safe_text(worst.address, 80)}: {fault.message}"
        fault = replace(fault, message=message)
    return replace(worst.state, fault=fault, instances=found), serving


def _badness(state: ServiceState) -> int:
    """Return 0 for a service that is well up to 4 for one that does not answer."""
    if state.fault is None:
        return int(state.remark is not None)
    if state.sickness == "degraded":
        return 2
    if state.status_code is None:
        return 4
    return 3


async def look(
    http: httpx.AsyncClient, url: str, deadline_s: float = DEADLINE_S, cap_bytes: int = CAP_BYTES
) -> ServiceCheck:
    """Return the result of ``GET url``; never raises for an outage or a hostile answer."""
    try:
        answer = await fetch(http, url, deadline_s, cap_bytes)
    except FETCH_ERRORS as error:
        return ServiceCheck(None, None, fault_of_http(error, url))
    document, problem = _object(answer, url)
    if document is not None:
        return ServiceCheck(answer, document)
    return ServiceCheck(answer, None, Fault("invalid", f"{safe_text(_path(url), 60)} {problem}"))


def _path(url: str) -> str:
    return "/" + url.partition("://")[2].partition("/")[2]


def health_url(base: str, profile: ServiceProfile) -> str:
    """Return the address of a service's health check; "" where its profile has none."""
    if profile.health:
        return base + profile.health
    return ""


async def look_at_health(
    http: httpx.AsyncClient, url: str, deadline_s: float = DEADLINE_S, profile: ServiceProfile = USUAL
) -> ServiceCheck:
    """Return the result of a health check, judged as the profile says; nothing is sent where ``url`` is "".

    A 200 whose body reports something unhealthy has a fault that quotes it.
    """
    if not url:
        return ServiceCheck(None, None, NOT_ASKED)
    seen = await look(http, url, deadline_s)
    answer = seen.answer
    if answer is None or answer.problem or (not profile.healthy and profile.statuses == USUAL.statuses):
        return _by_its_words(seen, safe_text(_path(url), 60), profile)
    fault = fault_of_answer(answer, _path(url), profile)
    if fault is None and not profile.healthy and answer.status == 200:
        return _by_its_words(seen, safe_text(_path(url), 60), profile)
    return replace(seen, fault=fault, reported=reported(fault, answer, profile))


def _by_its_words(seen: ServiceCheck, path: str, profile: ServiceProfile) -> ServiceCheck:
    if seen.answer is None or seen.answer.status != 200 or seen.answer.problem:
        return seen
    if seen.document is not None:
        words = judge_body(seen.document)
    elif profile.text and says_well(seen.answer.body):
        return replace(seen, fault=None)
    else:
        words = judge_text(seen.answer.body)
    if words.sickness is None:
        return replace(seen, reported=words)
    return replace(seen, reported=words, fault=Fault("invalid", f"{path} answered 200, but says {words.words}"))


def _service(seen: ServiceCheck, words: tuple[Status, Status, Status]) -> ServiceState:
    if seen.answer is None:
        if seen.fault is NOT_ASKED:
            return ServiceState(status="not configured", fault=None)
        if seen.fault is not None and seen.fault.kind in ("starved", "denied"):
            return ServiceState(status="unknown", fault=seen.fault)
        status = words[2]
        if seen.fault is not None and seen.fault.kind == "invalid":  # it spoke, but not HTTP
            status = words[1]
        return ServiceState(status=status, fault=seen.fault)
    status = words[0]
    if seen.fault is not None:
        status = words[1]
    return ServiceState(
        status=status,
        latency_ms=measured_ms(seen.answer.took_ms, seen.answer.own_ms),
        own_ms=seen.answer.own_ms,
        status_code=seen.answer.status,
        version=_version(seen.document),
        fault=seen.fault,
        sickness=seen.reported.sickness,
        remark=seen.reported.remark,
    )


def _object(answer: Fetched, url: str) -> tuple[dict[str, Any] | None, str]:
    """Return the JSON object of a 200, or what is wrong with the answer in words that are safe to show."""
    if answer.status in CODES and answer.location:
        return None, f"answered {answer.status} and leads {elsewhere(url, answer.location)}, which is not followed"
    if answer.status != 200:
        problem = f"answered {answer.status} {safe_text(answer.reason, 60)}".rstrip()
        if body := safe_text(answer.body.strip(), 200):
            problem += f": {body}"
        return None, problem
    if answer.problem:
        return None, f"answered 200, but {answer.problem}"
    if wrong := _other_type(answer.content_type):
        return None, f"answered 200 with {safe_text(wrong, 60)} instead of JSON"
    if not answer.body.strip():
        return None, "answered 200 with nothing in it"
    try:
        document = msgspec.json.decode(answer.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None, "answered 200 with what is not JSON"
    if not isinstance(document, dict):
        return None, "answered 200 with JSON that is not an object"
    return document, ""


def _other_type(header: str) -> str:
    """Return the media type where it is not JSON, else "". A proxy may send the header twice, joined by a comma."""
    for one in header.split(","):
        kind = one.partition(";")[0].strip().lower()
        if kind and kind != "application/json" and not kind.endswith("+json"):
            return kind
    return ""


def _version(document: dict[str, Any] | None) -> str | None:
    version = (document or {}).get("version")
    if isinstance(version, str) and version.strip():
        return safe_text(version, 40)
    return None
