"""Figures and sentences of the confirmation dialog, made from a plan.

Pure. It refuses to round a count and to promise an undo.
"""

from bisect import bisect_right
from collections import Counter
from random import Random

from optimus_tui.actions.redis.key_actions import recipe_for
from optimus_tui.actions.redis.key_selection import COUNTER_KINDS
from optimus_tui.contract.actions import ActionRequest, Plan, PlanKey, Preview
from optimus_tui.contract.cache import TTL_EDGES
from optimus_tui.grammar.keys import parse_key
from optimus_tui.wording.safe import safe_text

EDGE = 10
"""Samples from each end of the list, and as many from the middle."""
BATCH_SECONDS = 0.008
"""Seconds for a batch of 100 keys with its two records on disk and its pause, without the network."""
BATCH = 100
NO_UNDO = "This cannot be undone."


def preview(plan: Plan) -> Preview:
    """Return what the operator sees before typing the words that confirm."""
    recipe = recipe_for(plan.request.kind)
    ttls = [key.ttl_ms for key in plan.keys if key.ttl_ms is not None]
    exact = plan.memory_keys == plan.count
    measured = plan.memory_sampled is not None and plan.memory_keys > 0
    used = round((plan.memory_sampled or 0) / max(1, plan.memory_keys) * plan.count) if measured else None
    gentler, gentler_words = recipe.gentler(plan) or (None, None)
    return Preview(
        title=recipe.title,
        verb=recipe.verb,
        subject=subject_of(plan.request),
        count=plan.count,
        samples=samples(plan),
        types=dict(Counter(key.type or "?" for key in plan.keys)),
        ttl_min_ms=min(ttls, default=None),
        ttl_max_ms=max(ttls, default=None),
        without_ttl=sum(key.immortal for key in plan.keys),
        histogram=_histogram(ttls),
        foreign=foreign(plan),
        neighbours=plan.neighbours,
        ambiguous=plan.ambiguous,
        bytes_estimated=used,
        bytes_exact=exact and measured,
        seconds=seconds(plan),
        effect=recipe.effect(plan),
        undo=recipe.undo,
        gentler=gentler,
        gentler_words=gentler_words,
        confirm=words_to_type(plan),
    )


def words_to_type(plan: Plan, left: int | None = None) -> str:
    """Return the words that confirm, such as ``prod 1423``: facts that must be read, and no text of a tenant.

    Args:
        plan: The plan to confirm.
        left: Number of keys that remain; None for all of the plan.
    """
    if left is None:
        left = plan.count
    return f"{plan.where.environment} {left}"


def foreign(plan: Plan) -> int:
    """Count the plan's keys that belong to another tenant, by the key grammar alone. It must be 0."""
    request = plan.request
    family, asked = "limit" if request.kind in COUNTER_KINDS else "cache", frozenset({request.tenant})
    parsed = (parse_key(key.key, asked) for key in plan.keys)
    return sum(one.family != family or one.tenant != request.tenant or bool(one.doubt) for one in parsed)


def seconds(plan: Plan) -> float:
    """Estimate the seconds that the action takes."""
    batches = -(-plan.count // BATCH)
    trips = 3 if recipe_for(plan.request.kind).watched else 1
    return batches * (BATCH_SECONDS + trips * (plan.ping_ms or 1.0) / 1000 + 0.001)


def samples(plan: Plan) -> tuple[PlanKey, ...]:
    """Return the first ten keys, ten from the middle and the last ten: the same for the same plan."""
    keys = plan.keys
    if len(keys) <= 3 * EDGE:
        return keys
    between = sorted(Random(plan.id).sample(range(EDGE, len(keys) - EDGE), EDGE))  # noqa: S311 - a sample, no secret
    return (*keys[:EDGE], *(keys[place] for place in between), *keys[-EDGE:])


def subject_of(request: ActionRequest) -> str:
    """Return the subject such as ``clinic_b, all operations``, safe to show."""
    tenant = safe_text(request.tenant, 60)
    if request.kind in COUNTER_KINDS:
        return f"{tenant}, {safe_text(request.operation or 'all operations', 60)}"
    subject = f"{tenant}, {safe_text(request.cache_kind or 'all kinds', 60)}"
    if request.kind == "unlink_prefix":
        return f"{subject}, {safe_text(request.prefix, 60)}…"
    return subject


def _histogram(ttls: list[int]) -> tuple[int, ...]:
    bins = [0] * (len(TTL_EDGES) + 1)
    for ttl in ttls:
        bins[bisect_right(TTL_EDGES, ttl / 1000)] += 1
    return tuple(bins)
