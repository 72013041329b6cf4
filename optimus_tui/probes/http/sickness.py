"""Decide whether a health check's own words say that the service is sick. Pure.

The service's own verdict comes first: a word or a flag at the top, or in an envelope such as ``data``. Without one its
parts decide. Where it reports itself well and a part sick, that is a remark. Unknown words, counts, and parts that are
switched off are not judged.
"""

import contextlib
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from optimus_tui.contract.services import Remark, Sickness
from optimus_tui.probes.http.health_parts import Budget, Claim, find_parts, own_claims
from optimus_tui.probes.http.health_words import LONGEST, sense_of_word
from optimus_tui.wording.safe import safe_text

MOST_QUOTED = 3


class ReportedHealth(Struct, frozen=True, kw_only=True):
    """What a body reports about its service. ``words`` quote what is sick; nothing is where ``sickness`` is empty."""

    sickness: Sickness | None = None
    words: str = ""
    remark: Remark | None = None


WELL = ReportedHealth()


def judge_body(document: dict[str, Any]) -> ReportedHealth:
    """Return how sick the JSON object of a 200 says its service is. The worst of several verdicts counts."""
    own, budget = own_claims(document), Budget()
    parts = [one for one in find_parts(document, budget) if one.sense in ("sick", "degraded")]
    ill = [one for one in parts if not one.optional]
    for sickness in _WORST_FIRST:
        if mine := [one for one in own if one.sense == sickness]:
            return ReportedHealth(sickness=sickness, words=_quote(mine, ill))
    if any(one.sense == "good" for one in own):
        return ReportedHealth(remark=_of_parts(parts))
    if ill:
        words = _quote(sorted(ill, key=_order))
        if any(one.sense == "sick" and one.sure for one in ill):
            return ReportedHealth(sickness="sick", words=words)
        return ReportedHealth(sickness="degraded", words=words)
    return ReportedHealth(remark=_of_parts(parts) or _unknown(own, budget))


def judge_text(body: bytes) -> ReportedHealth:
    """Return the same for a 200 that is no JSON object: a word as plain text, or as a JSON string."""
    text = body[: 4 * LONGEST].decode("utf-8", "replace").strip()
    if len(body) <= LONGEST:
        with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            value = msgspec.json.decode(body)
            if isinstance(value, str):
                text = value
    if sense_of_word(text) not in _WORST_FIRST:
        return WELL
    return ReportedHealth(sickness="sick", words=f'"{safe_text(text.strip(), 40)}"')


_WORST_FIRST: tuple[Sickness, Sickness] = ("sick", "degraded")


def _order(claim: Claim) -> tuple[bool, bool]:
    return claim.sense != "sick", not claim.sure


def _quote(first: Sequence[Claim], others: Sequence[Claim] = ()) -> str:
    words = list(dict.fromkeys(one.words for one in (*first, *others)))
    quoted = ", ".join(words[:MOST_QUOTED])
    if len(words) > MOST_QUOTED:
        quoted += f" and {len(words) - MOST_QUOTED} more"
    return quoted


def _of_parts(parts: Sequence[Claim]) -> Remark | None:
    """Return the remark about sick parts of a service that is well or has no verdict of its own."""
    if parts:
        return Remark("part", _quote(sorted(parts, key=_order)))
    return None


def _unknown(own: Sequence[Claim], budget: Budget) -> Remark | None:
    if own:
        return Remark("unknown word", _quote(own))
    if budget.cut:
        return Remark("unknown word", "more than is read of a health check")
    return None
