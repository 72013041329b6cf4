"""Recognise presets by a gateway's answers: a text on a free path, or the names of its metrics.

Only free paths are asked. This finds what names in Redis cannot show: a product that has no key now, and the library
that publishes metrics.
"""

import asyncio
import re
from typing import TYPE_CHECKING

from msgspec import Struct

from optimus_tui.dialects.load import load_preset, preset_names
from optimus_tui.probes.http.fetch import FETCH_ERRORS, Fetched, fetch
from optimus_tui.probes.http.free_paths import paid_products, says
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.context import Context

_SIGN = re.compile(r"([A-Za-z_:][A-Za-z0-9_:]*)(?:\{([A-Za-z_][A-Za-z0-9_]*)\})?")


class AnswerSign(Struct, frozen=True):
    """A preset, and what the gateway answers that only its product does: ``/metrics has starlette_requests_total``."""

    preset: str
    words: str


async def presets_by_answers(ctx: "Context") -> tuple[AnswerSign, ...]:
    """Return the presets that the gateway's answers show, each once; none if it does not answer."""
    base, path = ctx.settings.gateway_url, ctx.settings.profile.gateway.metrics
    products = await asyncio.to_thread(paid_products)
    *told, page = await asyncio.gather(
        *(_answer(ctx, base + one.path) for one in products), _answer(ctx, base + path if path else "")
    )
    found = [
        AnswerSign(one.preset, f"{one.path} answers as no other product does")
        for one, answer in zip(products, told, strict=True)
        if answer is not None and says(answer, one.body)
    ]
    if page is not None and page.status == 200:
        found += await asyncio.to_thread(by_metrics, page.body.decode("utf-8", "replace"), path)
    return tuple({one.preset: one for one in reversed(found)}.values())[::-1]


def by_metrics(page: str, path: str) -> list[AnswerSign]:
    """Return the presets whose metrics are on a page."""
    found = []
    for preset in map(load_preset, preset_names()):
        sign = next((one for one in preset.metric_signs if _has(page, one)), "")
        if sign:
            found.append(AnswerSign(preset.name, f"{safe_text(path, 60)} has {sign}"))
    return found


def _has(page: str, sign: str) -> bool:
    parts = _SIGN.fullmatch(sign)
    if parts is None:
        return False
    labels = rf'\{{(?:[^\n]*,)?{parts[2]}="' if parts[2] else r"[ {]"
    return re.search(rf"^{re.escape(parts[1])}{labels}", page, re.MULTILINE) is not None


async def _answer(ctx: "Context", url: str) -> Fetched | None:
    if not url:
        return None
    try:
        return await fetch(ctx.http, url)
    except FETCH_ERRORS:
        return None
