"""rate_limiting: one tenant's counters, and commands that touch nothing else whatever the bytes in a name."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from optimus_tui.contract.keyspace import Counter, LimitRules, Track
from optimus_tui.contract.reading import Coverage, Fault
from optimus_tui.contract.services import Increase
from optimus_tui.dialects.layout import EDGE_COLON
from optimus_tui.settings.model import RedisTarget
from optimus_tui.verdicts.limits.blocked import CommonLimit
from optimus_tui.verdicts.limits.judge import judge
from optimus_tui.verdicts.playbooks.conclusion import Conclusion
from optimus_tui.verdicts.playbooks.rate_limiting import MAX_COMMANDS, LimitEvidence, conclude
from tests.patience import PATIENCE
from tests.unit.verdicts.playbooks.driver import GONE, T, actions, commands, found, gateway, increase, server

RULES = LimitRules(window_seconds=60, limits={"chat": 150, "profile": 100})
TARGET = RedisTarget(host="redis.prod", port=6380, db=2)


def counter(
    operation: bytes = b"chat", count: int = 1, ttl_ms: int | None = 45_000, tenant: bytes = b"acme"
) -> Counter:
    key = b"rate_limit:%b:%b" % (tenant, operation)
    return Counter(key=key, tenant=tenant, operation=operation, count=count, ttl_ms=ttl_ms, immortal=ttl_ms is None)


def ask(*counters: Counter, tracks: dict[bytes, Track] | None = None, **more: object) -> Conclusion:
    rules = more.pop("rules", RULES)
    coverage = more.pop("coverage", Coverage(100, 100, True))
    report = judge(counters, tracks=tracks or {}, rules=rules, thresholds=T, coverage=coverage, total=40)  # type: ignore[arg-type]
    fields = {
        "tenant": b"acme",
        "gateway": gateway(),
        "server": server(),
        "report": report,
        "found": len(counters),
        "fault": None,
        "slope_seconds": 1.0,
        "refused": increase({"chat": 4.0}, label="operation"),
        "target": TARGET,
        **more,
    }
    return conclude(LimitEvidence(**fields), T)  # type: ignore[arg-type]


def test_a_quiet_tenant_is_accused_of_nothing_and_the_answer_says_what_was_looked_at() -> None:
    told = ask(counter(count=107), counter(b"profile", 3))
    assert (told.findings, told.recommendations, told.unknown) == ((), (), ())
    assert told.examined[0] == "2 counters of acme among 40 counters of all tenants (all keys scanned)"
    assert (told.covered_minutes, told.source) == (30.0, "history")


def test_an_immortal_counter_is_critical_and_the_first_advice_keeps_its_count() -> None:
    told = ask(counter(count=151, ttl_ms=None), counter(b"profile", 3))
    assert found(told) == {"limits.immortal": "critical"}
    first, last = actions(told)[0], actions(told)[-1]
    assert first.command == "redis-cli -h redis.prod -p 6380 -n 2 EXPIRE rate_limit:acme:chat 60 NX"
    assert first.priority == "critical"
    assert last.command == "redis-cli -h redis.prod -p 6380 -n 2 UNLINK rate_limit:acme:chat"
    assert last.priority == "low"


def test_each_counter_gets_the_ttl_of_its_own_window() -> None:
    hour = replace(counter(b"list", ttl_ms=None), window_seconds=3600.0)
    first = actions(ask(counter(count=151, ttl_ms=None), hour))[0]
    assert [line.split()[-3:] for line in (first.command or "").splitlines()] == [
        ["rate_limit:acme:chat", "60", "NX"],
        ["rate_limit:acme:list", "3600", "NX"],
    ]
    assert "a TTL of one window each" in first.action


def test_an_old_server_gets_no_nx_and_is_told_to_look_first() -> None:
    told = ask(counter(ttl_ms=None), server=server(version="6.2.7"))
    assert (actions(told)[0].command or "").endswith("EXPIRE rate_limit:acme:chat 60")
    assert "TTL still answers -1" in actions(told)[0].reason


def test_an_unknown_window_is_said_to_be_assumed() -> None:
    told = ask(counter(ttl_ms=None), rules=None)
    assert "60 s assumed" in actions(told)[0].reason
    assert any(line.startswith("limits: the gateway publishes none") for line in told.unknown)
    assert "limits.rules_unmeasured" not in found(told)


def test_limits_that_the_names_say_are_not_called_unknown() -> None:
    named = replace(counter(count=10), limit=10, window_seconds=60.0)
    told = ask(named, rules=None)
    assert not any(line.startswith("limits") for line in told.unknown)
    assert "limits of 1 counter, from their names or the profile" in told.examined
    assert told.analysis["limits_from"] == "their names or the profile"
    told = ask(named, counter(b"list"), rules=None)
    assert any(line.startswith("limits: the gateway publishes none") for line in told.unknown)
    assert "limits of 1 counter, from their names or the profile" in told.examined


def test_over_is_high_and_near_is_low() -> None:
    assert found(ask(counter(count=150))) == {"limits.over": "high"}
    assert found(ask(counter(count=140))) == {"limits.near": "low"}
    first, last = actions(ask(counter(count=150)))
    assert "reset within 45 s" in first.action
    assert last.priority == "low"


def test_more_than_fifteen_active_limits_are_high_and_measured() -> None:
    rows = [counter(b"op%d" % number) for number in range(18)]
    told = ask(*rows)
    (one,) = told.findings
    assert (one.rule, one.severity, one.measured, one.threshold, one.samples) == (
        "limits.tenant_share", "high", 18.0, 15.0, 18,
    )  # fmt: skip
    assert ask(*rows[:15]).findings == ()
    assert told.analysis["active_limits_share"] == "120 %"


def test_two_agreeing_halves_say_when_429_comes_as_a_range() -> None:
    looks = Track(tuple((float(second - 40), 3 * second) for second in range(0, 41, 2)))
    told = ask(counter(count=120, ttl_ms=20_000), tracks={b"rate_limit:acme:chat": looks})
    first = told.analysis["operations"][0]
    assert first["requests_per_second"] == 3.0
    assert 7 <= first["seconds_to_429"] <= 10 <= first["seconds_to_429_latest"] < 14
    assert "slopes over 1.0 s: at this pace chat reaches its limit first, in 10-12 s" in told.examined


def test_nine_of_nine_tenants_over_are_no_search_for_a_client() -> None:
    told = ask(counter(count=150), common={b"chat": CommonLimit(b"chat", 9, 9)})
    (one,) = told.findings
    assert one.message.startswith("all 9 tenants have used up the limit of")
    assert not any("Find the client" in advice.action for advice in actions(told))
    assert actions(told)[0].action.startswith("Raise the limit of chat for all tenants")


def test_a_counter_of_doubtful_owner_is_judged_and_no_command_touches_it() -> None:
    odd = replace(counter(tenant=b"::ffff:10.0.0.7", ttl_ms=None), doubt=EDGE_COLON)
    told = ask(odd, tenant=b"::ffff:10.0.0.7")
    assert found(told) == {"limits.immortal": "critical"}
    assert commands(told) == []
    assert any("no command for ::ffff:10.0.0.7 / chat" in line and EDGE_COLON in line for line in told.examined)


def test_redis_away_is_critical_and_no_counter_is_invented() -> None:
    told = ask(server=server(GONE), fault=GONE, coverage=Coverage(0, None, False))
    assert found(told) == {"server.unreachable": "critical"}
    assert told.analysis["active_limits"] is None
    assert told.analysis["status"] == "unknown"


def test_a_missing_right_is_a_metric_that_cannot_be_measured() -> None:
    told = ask(fault=Fault("denied", "SCAN is not allowed"), coverage=Coverage(0, None, False))
    assert found(told) == {"limits.unmeasured": "medium"}


def test_refusals_nobody_counted_are_unknown_and_never_zero() -> None:
    told = ask(counter(), refused=Increase(name="rate_limit_refused_total"))
    assert told.analysis["refused"]["requests"] is None
    assert any(line.startswith("refused requests:") for line in told.unknown)


def test_commands_are_bounded_and_say_so() -> None:
    told = ask(*(counter(b"op%02d" % number, ttl_ms=None) for number in range(50)))
    assert sum("EXPIRE" in line for line in commands(told)) == MAX_COMMANDS
    assert f"the first {MAX_COMMANDS} of 50" in actions(told)[0].reason


def test_a_name_with_nul_gets_no_command_but_a_sentence() -> None:
    told = ask(counter(b"ch\0at", ttl_ms=None))
    assert commands(told) == []
    assert "NUL byte" in actions(told)[0].reason


def test_no_advice_ever_uses_a_pattern_xargs_monitor_or_keys() -> None:
    rows = [counter(b"op%d" % number, 200, None) for number in range(18)] + [counter(count=150)]
    text = repr(actions(ask(*rows)))
    for word in ("xargs", "--pattern", "--scan", "monitor", "KEYS", "rate_limit:*", "FLUSH"):
        assert word not in text


@pytest.fixture(scope="module")
def fake_cli(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A redis-cli that writes down its arguments, a NUL after each and one more after the last."""
    folder = tmp_path_factory.mktemp("bin")
    tool = folder / "redis-cli"
    tool.write_text('#!/bin/bash\nprintf \'%s\\0\' "$@" >> "$OUT"\nprintf \'\\0\' >> "$OUT"\n')
    tool.chmod(0o755)
    return folder


NAMES = st.binary(min_size=1, max_size=20).filter(lambda name: b"\0" not in name)
HOSTILE = (b"a b", b"*", b"[ag]*", b"$(touch x)", b"`id`", b"a\nDEL other", b"'; rm -rf /", b"\xff\xfe", b"-n", b"x\\")


def run_advice(operation: bytes, tenant: bytes, fake_cli: Path) -> list[list[bytes]]:
    out = fake_cli / "out"
    out.unlink(missing_ok=True)
    told = ask(counter(operation, ttl_ms=None, tenant=tenant), tenant=tenant)
    script = "\n".join(one.command for one in told.recommendations if one.command)
    environment = {"PATH": f"{fake_cli}:/usr/bin:/bin", "OUT": str(out), "LC_ALL": "C"}
    subprocess.run(["/bin/bash", "-c", script], check=True, env=environment, cwd=fake_cli, timeout=PATIENCE)
    return [call.split(b"\0") for call in out.read_bytes().split(b"\0\0")[:-1]]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_shell_hands_on_exactly_this_key_and_no_other(name: bytes, fake_cli: Path) -> None:
    key = b"rate_limit:%b:%b" % (name, name)
    where = [b"-h", b"redis.prod", b"-p", b"6380", b"-n", b"2"]
    calls = run_advice(name, name, fake_cli)
    assert calls == [[*where, b"EXPIRE", key, b"60", b"NX"], [*where, b"UNLINK", key]]


@settings(max_examples=25)
@given(NAMES)
def test_any_bytes_survive_the_shell(fake_cli: Path, name: bytes) -> None:
    calls = run_advice(name, b"acme", fake_cli)
    assert [b"rate_limit:acme:" + name in call for call in calls] == [True, True]


def test_more_counters_than_were_read_are_said() -> None:
    told = ask(counter(), found=2001)
    assert any("2,000 counters of these not shown" in line for line in told.examined)
    assert found(told) == {"limits.tenant_share": "high"}


def test_a_gateway_that_is_down_is_said_beside_the_counters() -> None:
    told = ask(counter(), gateway=gateway(GONE), rules=None)
    assert found(told) == {"services.gateway": "critical"}
    assert replace(told, findings=()).analysis["active_limits"] == 1


def test_a_used_up_limit_has_the_window_of_its_own_operation() -> None:
    rules = LimitRules(window_seconds=60, limits={"chat": 10, "list": 10}, windows={"chat": 600})
    of_chat, of_list = (ask(counter(name, 12), rules=rules).findings for name in (b"chat", b"list"))
    assert [one.window_seconds for one in (*of_chat, *of_list)] == [600.0, 60.0]


def test_who_asks_by_an_alias_is_told_the_name_that_the_counters_have() -> None:
    hashed = "5f8eee912cd7c0ccb238560e8a22e7f78909e6dac18288188f7f4ea35112700d"
    rules = LimitRules(window_seconds=60, aliases={hashed: "acme", "team-acme": "acme", "team-beta": "beta"})
    told = ask(rules=rules)
    assert told.unknown[0] == f"counters: acme is what the metrics call {hashed}, team-acme: ask for that tenant_id"
    assert not any(line.startswith("counters") for line in ask(rules=rules, tenant=b"gamma").unknown)
    assert not any(line.startswith("counters") for line in ask(counter(), rules=rules).unknown)


def test_no_refusals_of_an_alias_are_unknown_because_the_metrics_have_the_name_behind_it() -> None:
    rules = LimitRules(window_seconds=60, aliases={"team-acme": "acme"})
    none, some = increase({"chat": 0.0}, label="operation"), increase({"chat": 4.0}, label="operation")
    told = ask(rules=rules, refused=none)
    assert "refused requests: the gateway's metrics have no tenant of this name" in told.unknown
    for sure in (ask(rules=rules, refused=some), ask(rules=rules, refused=none, tenant=b"gamma"), ask(refused=none)):
        assert not any(line.startswith("refused requests") for line in sure.unknown)
