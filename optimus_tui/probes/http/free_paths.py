"""Ask no path that costs money or changes something: those that a profile names, and those of a product found there.

Without a profile nobody has said what answers at an address. Some products pay for each call of a path that is free
everywhere else (LiteLLM's ``/health``). Such a path is asked only after the answer of a free path has shown that it is
another product.
"""

import asyncio
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

import httpx
import msgspec

from optimus_tui.dialects.load import PRESETS, load_preset, preset_names
from optimus_tui.probes.http.fetch import Fetched, PathNotAsked, fetch
from optimus_tui.settings.model import Settings

Origin = tuple[str, str, int | None]
CAP_BYTES = 2_000
"""Bytes of the answer that tells a product; a longer one is not that answer."""


class PaidProduct(NamedTuple):
    """A product with paths that are never asked, and the free path whose answer tells that it is there."""

    preset: str
    never: frozenset[str]
    path: str
    body: str


@cache
def paid_products() -> tuple[PaidProduct, ...]:
    """Return the products that are recognised by an answer, as their presets describe it.

    Only presets whose file says so are read: all of them take as long as a dozen requests. What a preset takes over
    from the one that it extends is found in that one.
    """
    telling = [name for name in preset_names() if "tells" in (PRESETS / f"{name}.toml").read_text("utf-8")]
    gateways = [(name, load_preset(name).gateway) for name in telling]
    return tuple(
        PaidProduct(name, frozenset(one.never), path, body)
        for name, one in gateways
        for path, body in one.tells.items()
    )


def says(answer: Fetched, body: str) -> bool:
    """Return True if an answer is exactly this text, plain or as a JSON string."""
    if answer.status != 200 or answer.problem:
        return False
    text = answer.body.decode("utf-8", "replace").strip()
    return text in (body, msgspec.json.encode(body).decode())


class FreePaths:
    """Refuses requests of one client before they are sent. Without a profile it finds out first what answers."""

    def __init__(self, http: httpx.AsyncClient, settings: Settings) -> None:
        self._http = http
        self._never = self._named(settings)
        self._told: set[Origin] = set()
        """Addresses whose product was told by an answer, not by a profile."""
        origins = [origin_of(httpx.URL(url)) for url in (*settings.gateways, *settings.engines)]
        self._unknown = set() if settings.names_dialect else set(origins)
        http.event_hooks = {**http.event_hooks, "request": [self.before]}

    @staticmethod
    def _named(settings: Settings) -> dict[Origin, Mapping[str, str]]:
        """Return by address the paths that the profile in force never asks, with its name."""
        profile = settings.profile
        services = ((settings.gateways, profile.gateway), (settings.engines, profile.engine))
        return {
            origin_of(httpx.URL(url)): dict.fromkeys(one.never, profile.name)
            for urls, one in services
            for url in urls
            if one.never
        }

    async def before(self, request: httpx.Request) -> None:
        """Raise PathNotAsked for a path that must not be asked; if that is not known yet, find it out first."""
        origin, path = origin_of(request.url), request.url.path
        if origin in self._unknown:
            read = paid_products.cache_info().currsize
            products = paid_products() if read else await asyncio.to_thread(paid_products)
            if any(path in one.never for one in products):
                await self._find_out(origin, str(request.url.copy_with(raw_path=b"/")).rstrip("/"))
        if preset := self._never.get(origin, {}).get(path):
            remedy = "name another path in the profile"
            if origin in self._told:
                remedy = f'dialect = "{preset}" in optimus.toml names one that is free'
            raise PathNotAsked(f"{path} is not asked: a call of {preset}'s costs money; {remedy}")

    async def _find_out(self, origin: Origin, base: str) -> None:
        """Ask the free paths; the address stays unknown where none is answered."""
        for one in paid_products():
            answer = await fetch(self._http, base + one.path, cap_bytes=CAP_BYTES)
            if says(answer, one.body):
                self._never[origin] = dict.fromkeys(one.never, one.preset)
                self._told.add(origin)
            elif answer.status >= 500:
                return
        self._unknown.discard(origin)


def origin_of(url: httpx.URL) -> Origin:
    """Return scheme, host and port of an address."""
    return url.scheme, url.host, url.port
