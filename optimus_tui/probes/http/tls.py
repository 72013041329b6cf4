"""The transport for https, and whom it trusts: the system's authorities, or what the profile of a service names."""

import asyncio
import ssl
from collections.abc import Callable
from functools import partial

import httpx

from optimus_tui.dialects.model import ServiceProfile
from optimus_tui.settings.model import Settings

TlsOf = Callable[[], ssl.SSLContext]
LIMITS = httpx.Limits(max_connections=8, max_keepalive_connections=4, keepalive_expiry=4.0)
"""Idle connections are closed before uvicorn closes them after 5 s, so that no request meets a closing one."""


class LazyTls(httpx.AsyncBaseTransport):
    """The transport for https, built on first use; ``tls`` makes the context that decides whom to trust."""

    def __init__(self, limits: httpx.Limits = LIMITS, tls: TlsOf | None = None) -> None:
        self._limits, self._tls = limits, tls or trusting_the_system
        self._inner: httpx.AsyncHTTPTransport | None = None
        self._building = asyncio.Lock()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request, after building the transport if it is the first one."""
        async with self._building:
            if self._inner is None:
                context = await asyncio.to_thread(self._tls)
                self._inner = httpx.AsyncHTTPTransport(verify=context, limits=self._limits, trust_env=False)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the transport if it was built."""
        if self._inner is not None:
            await self._inner.aclose()


def trusting_the_system() -> ssl.SSLContext:
    """Return a context with the system's and certifi's root certificates."""
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def of_services(settings: Settings) -> dict[str, TlsOf]:
    """Return, by origin, how to make the TLS context of each service whose profile has TLS settings."""
    found: dict[str, TlsOf] = {}
    for urls, profile in (
        (settings.gateways, settings.profile.gateway),
        (settings.engines, settings.profile.engine),
    ):
        if not (profile.tls_ca or profile.tls_cert or not profile.tls_verify):
            continue
        for url in map(httpx.URL, urls):
            if url.scheme == "https":
                found[f"https://{url.netloc.decode('ascii')}"] = partial(_as_named, profile)
    return found


def _as_named(profile: ServiceProfile) -> ssl.SSLContext:
    """Return the context that a profile describes; its files were checked when the settings were read."""
    context = ssl.create_default_context(cafile=profile.tls_ca) if profile.tls_ca else trusting_the_system()
    if not profile.tls_verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if profile.tls_cert:
        context.load_cert_chain(profile.tls_cert, profile.tls_key or None, password=lambda: "")
    return context
