"""What a profile says about a service: which answers are healthy, and the header to authenticate with."""

import json
import os
import re
from collections.abc import Mapping
from typing import Any

import httpx

from optimus_tui.contract.reading import Fault
from optimus_tui.dialects.model import MISSING, ServiceProfile, value_at
from optimus_tui.probes.http.fetch import Fetched
from optimus_tui.probes.http.health_body import ReportedHealth
from optimus_tui.settings.model import Settings
from optimus_tui.wording.safe import safe_text

MOST_BYTES = 8_000
"""Bytes of one header with its name."""
WANTS_HEADER = (401, 403)
HEADER_REMEDY = (
    'export OPTIMUS_GATEWAY_AUTH="Authorization: Bearer …" and write header_env = "OPTIMUS_GATEWAY_AUTH" under '
    "[dialect.gateway] (of an engine: [dialect.engine])"
)
"""How the one header is given that a service may want; it never stands in a file."""
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}):[ \t]*([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)")


def fault_of_answer(answer: Fetched, path: str, profile: ServiceProfile) -> Fault | None:
    """Return why an answer is not that of a healthy service, by the profile's statuses and values; None if it is."""
    shown = safe_text(path, 60)
    if answer.status not in profile.statuses:
        wanted = " or ".join(map(str, profile.statuses[:4]))
        return Fault("invalid", f"{shown} answered {answer.status}, and {wanted} means healthy there")
    if not profile.healthy:
        return None
    body = _body(answer.body)
    for pointer, wanted_value in profile.healthy.items():
        value = value_at(body, pointer)
        if value is MISSING or value != wanted_value or isinstance(value, bool) != isinstance(wanted_value, bool):
            place = f'"{safe_text(pointer, 40)}"' if pointer else "its body"
            said = "missing" if value is MISSING else _shown(value)
            message = f"{shown} answered {answer.status}, but {place} is {said}, not {_shown(wanted_value)}"
            return Fault("invalid", message)
    return None


def reported(fault: Fault | None, answer: Fetched, profile: ServiceProfile) -> ReportedHealth:
    """Return what a service reports about itself if it answered properly, by the values that the profile names."""
    if fault is None or answer.status not in profile.statuses:
        return ReportedHealth()
    return ReportedHealth(sickness="sick", words=fault.message)


def _body(body: bytes) -> Any:
    text = body.decode("utf-8", "replace").strip()
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f'"{safe_text(value.strip(), 40)}"'
    return safe_text(json.dumps(value), 40)


def header_of(profile: ServiceProfile, env: Mapping[str, str]) -> tuple[tuple[str, str] | None, str]:
    """Return the header in the profile's variable, and a sentence if it is missing; "" if it is not needed."""
    name = profile.header_env
    if not name:
        return None, ""
    text = env.get(name, "").strip()
    if not text:
        return None, f"{name} is not set: the service is asked without the header that its profile names"
    found = _HEADER.fullmatch(text)
    if found is None or len(text) > MOST_BYTES:
        return None, f"{name} holds no header: write it as `Authorization: Bearer …`"
    return (found[1], found[2]), ""


def with_header_words(
    fault: Fault | None, profile: ServiceProfile, status: int | None = None, env: Mapping[str, str] = os.environ
) -> Fault | None:
    """Return the fault of an answer, with why no header was sent, or with how to give the header that is wanted.

    Args:
        fault: What is wrong with the answer.
        profile: How the service is asked.
        status: The answer's status code; None where nothing was received.
        env: Where the header is looked for.
    """
    if fault is None:
        return None
    if status in WANTS_HEADER and not profile.header_env:
        return Fault(fault.kind, fault.message, fault.remedy or HEADER_REMEDY)
    why = header_of(profile, env)[1]
    if not why:
        return fault
    return Fault(fault.kind, f"{fault.message}; {why}", fault.remedy)


def missing_headers(settings: Settings, env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return, by the service's name, why it is asked without the header that its profile names."""
    profiles = {"gateway": settings.profile.gateway, "engine": settings.profile.engine}
    found = {name: header_of(profile, env)[1] for name, profile in profiles.items()}
    return {name: sentence for name, sentence in found.items() if sentence}


class ProfileHeaders(httpx.Auth):
    """Adds a service's header to the requests for its own addresses, and to no other."""

    def __init__(self, settings: Settings, env: Mapping[str, str] = os.environ) -> None:
        self._by_origin: dict[tuple[str, str, int | None], tuple[str, str]] = {}
        addresses = ((settings.gateways, settings.profile.gateway), (settings.engines, settings.profile.engine))
        for urls, profile in addresses:
            header, _ = header_of(profile, env)
            if header is not None:
                self._by_origin |= {_origin(httpx.URL(url)): header for url in urls}

    def auth_flow(self, request: httpx.Request) -> Any:
        """Yield the request, with the header where it goes to an address of its service."""
        header = self._by_origin.get(_origin(request.url))
        if header is not None:
            request.headers[header[0]] = header[1]
        yield request


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
