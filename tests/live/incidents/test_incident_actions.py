"""After each kind of action the checks run again on a real server: fixed is said where it was measured, only there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from optimus_tui.actions.service import ActionService
from optimus_tui.contract.actions import Refusal
from optimus_tui.contract.incident import ActionRecord, KeptReceipt
from optimus_tui.incidents.open import kept, open_incident
from optimus_tui.incidents.service import IncidentService
from optimus_tui.settings.model import Thresholds
from tests.live.actions.driver import carried_out, planned, put
from tests.live.tools.driver import system
from tests.realserver import RealServer

pytestmark = pytest.mark.live


class Case(NamedTuple):
    kind: str
    issue: str
    rule: str
    spoil: Callable[[RealServer], None]
    more: dict[str, Any]


CASES = [
    Case("repair_counter", "rate_limiting", "limits.immortal", lambda s: put(s, "rate_limit:acme:chat"), {}),
    Case("reset_counters", "rate_limiting", "limits.over",
         lambda s: put(s, "rate_limit:acme:chat", ttl=600, value="200"), {"operation": b"chat"}),
    Case("unlink_no_ttl", "memory_leak", "cache.no_ttl", lambda s: put(s, "cache:conv:acme:1", "cache:conv:acme:2"),
         {"cache_kind": b"conv"}),
    Case("unlink_prefix", "memory_leak", "cache.large",
         lambda s: put(s, *(f"cache:conv:acme:old{i}" for i in range(9)), ttl=600), {"prefix": b"old"}),
    Case("invalidate_tenant", "cache_miss", "cache.no_ttl", lambda s: put(s, "cache:conv:acme:1"), {}),
]  # fmt: skip


async def checked(service: IncidentService, receipt: KeptReceipt, rule: str) -> ActionRecord:
    """Record an action and return it with its verdict, without the time to see whether a counter fills again."""
    record = await service.acted(receipt, rules=(rule,))
    assert (record.verdict is None) == (rule == "limits.over"), "what can be read at once is checked at once"
    if record.verdict is None:
        record = await service.check_again(record.receipt.action_id)
    return record


@pytest.mark.parametrize("case", CASES, ids=[case.kind for case in CASES])
async def test_fixed_is_said_where_it_was_measured_and_only_there(
    make_server: Callable[..., RealServer], tmp_path: Path, case: Case
) -> None:
    server = make_server()
    put(server, "rate_limit:other:chat", "cache:conv:other:1", ttl=600)
    case.spoil(server)
    bounds = Thresholds(cache_keys_large=5)
    async with system(server.port, tmp_path, writable=True, environment="test", thresholds=bounds) as (context, _):
        action_service = ActionService(context, tmp_path)
        assert not isinstance(await action_service.arm("test"), Refusal)
        incident_service = await open_incident(context, root=tmp_path / "incidents")
        await incident_service.choose(case.issue, "acme")
        step = await incident_service.run("identify")
        assert step.outcome is not None and case.rule in {one.rule for one in step.outcome.findings}

        async def act() -> Any:
            receipt = await carried_out(action_service, await planned(action_service, case.kind, **case.more))
            assert receipt.verified and receipt.counts == {"done": len(receipt.outcomes)}
            return kept(receipt)

        first = await act()
        case.spoil(server)  # whoever writes them is still at it
        record = await checked(incident_service, first, case.rule)
        assert record.verdict == "same", record.checks
        assert incident_service.state.repaired is None
        record = await checked(incident_service, await act(), case.rule)
        assert record.verdict == "fixed", record.checks
        assert incident_service.state.repaired is not None
        case.spoil(server)
        third = await act()
        server.kill()  # nobody can look any more
        record = await checked(incident_service, third, case.rule)
        assert record.verdict in ("unknown", "worse"), record.checks
        action_service.close()
        await incident_service.aclose()


async def test_an_action_whose_fault_no_step_has_shown_is_never_called_fixed(
    server: RealServer, tmp_path: Path
) -> None:
    put(server, "cache:conv:acme:1", ttl=600)
    async with system(server.port, tmp_path, writable=True, environment="test") as (context, _):
        action_service = ActionService(context, tmp_path)
        assert not isinstance(await action_service.arm("test"), Refusal)
        incident_service = await open_incident(context, root=tmp_path / "incidents")
        await incident_service.run("health")
        receipt = await carried_out(action_service, await planned(action_service, "invalidate_tenant"))
        record = await incident_service.acted(kept(receipt))
        assert record.verdict == "same", record.checks
        action_service.close()
        await incident_service.aclose()
