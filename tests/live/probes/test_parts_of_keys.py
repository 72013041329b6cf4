"""Several counters in one key: LiteLLM's older limiter keeps requests and tokens of a minute in one document."""

import time
from pathlib import Path

from optimus_tui.contract.keyspace import Counter
from optimus_tui.dialects.layout import KeyLayout, PartOfKey, key_of
from optimus_tui.dialects.load import load_preset
from optimus_tui.index.limits import LimitIndex
from optimus_tui.settings.tuning import Tuning
from tests.live.tools.driver import ask, system
from tests.realserver import RealServer

QUICK = Tuning(apart_seconds=0.02, slope_seconds=0.1)
USED = '{"current_requests": 1, "current_tpm": 180, "current_rpm": 6}'


def minute() -> str:
    return time.strftime("%Y-%m-%d-%H-%M", time.gmtime())


async def test_requests_and_tokens_of_one_key_are_two_operations(server: RealServer, tmp_path: Path) -> None:
    async with system(server.port, tmp_path, tuning=QUICK, dialect=load_preset("litellm"), engine_url="") as (ctx, _):
        while True:  # a minute may end meanwhile: then the counter is one of the past
            key = f"llm:acme::{minute()}::request_count"
            server.command("SET", key, USED, "EX", "60")
            arguments = {"issue_type": "rate_limiting", "tenant_id": "acme"}
            document = await ask(ctx, "troubleshoot_production_issue", **arguments)
            server.command("DEL", key)
            if minute() in key:
                break
    found = {name: one["current_count"] for name, one in document["rate_limiting_analysis"].items()}
    assert found == {"rpm": 6, "tpm": 180}
    assert document["rate_limiting_details"]["total_limit_keys"] == 2


def test_a_part_is_a_row_of_its_own_and_its_key_is_the_one_in_redis() -> None:
    layout = KeyLayout(load_preset("litellm"))
    key, hostile = b"llm:acme::2026-11-28-19-04::request_count", b"llm:acme::2026-11-28-19-04::request_count\0#0"
    names = list(layout.with_parts([key, hostile, b"{team:acme}:requests"]))
    assert names[0] == key and isinstance(names[1], PartOfKey) and names[2:] == [hostile, b"{team:acme}:requests"]
    assert layout.counter(hostile) is None, "it would pass for a part: a name that is not understood, but not hidden"
    assert [key_of(one) for one in names[:2]] == [key, key]
    parsed = [layout.parse(one) for one in names[:2]]
    assert [(one.tenant, one.operation) for one in parsed] == [(b"acme", b"rpm"), (b"acme", b"tpm")]
    index = LimitIndex(layout)
    index.put_page([key])
    for name, count in zip(names, (6, 180), strict=False):
        index.put([Counter(key=name, tenant=b"acme", operation=b"x", count=count, ttl_ms=9_000, taken_mono=1.0)])
    assert sorted(one.count or 0 for one in index.counters(2.0)) == [6, 180]


def test_other_profiles_read_every_name_as_it_is() -> None:
    layout = KeyLayout(load_preset("optimus"))
    assert list(layout.with_parts([b"rate_limit:a\0#0:chat"])) == [b"rate_limit:a\0#0:chat"]
