"""The parts of the write side that touch nothing: whose key it is, what may be sent, how a trail reads."""

import random

import pytest

from optimus_tui.actions.action_log import outcomes_of
from optimus_tui.actions.applying import chunks
from optimus_tui.actions.guard import may_ever_arm
from optimus_tui.actions.redis.identity import SlotOwners
from optimus_tui.actions.redis.key_actions import knows_nx
from optimus_tui.actions.redis.keys import Gathering, Known, check_request, select
from optimus_tui.actions.redis.operator_connection import LOCK_MS, Permit
from optimus_tui.actions.redis.recipe import LatencyGuard
from optimus_tui.contract.actions import ActionRequest, NodeWhere, PlanKey, Refusal
from optimus_tui.dialects.layout import own_layout
from optimus_tui.dialects.load import load_preset, load_table
from optimus_tui.grammar.keys import LOCK_PREFIX
from optimus_tui.history.audit.log import quoted, unquoted
from optimus_tui.probes.redis.commands import CommandRefused
from optimus_tui.settings.model import Settings
from tests.amounts import amount

LOCK = LOCK_PREFIX + b"acme"


def _random_tenant(dice: random.Random, letters: bytes = b"ab*?[]^-\\:\x00\xff\n %{}") -> bytes:
    while True:
        name = bytes(dice.choice(letters) for _ in range(dice.randint(1, 6)))
        if check_request(ActionRequest(kind="reset_counters", tenant=name)) is None:
            return name


def _owner(name: bytes, tenants: list[bytes]) -> bytes:
    """The contract's words, not our parser's: the longest known tenant that fits."""
    return max((tenant for tenant in tenants if name.startswith(b"cache:conv:%b:" % tenant)), key=len)


def test_no_key_of_another_tenant_is_ever_in_a_plan_row_23() -> None:
    dice, foreign, found, asked = random.Random(9), 0, 0, 0
    rounds = amount(60, 550)
    for _ in range(rounds):
        tenants = list({_random_tenant(dice) for _ in range(20)})
        known = Known(frozenset(tenants))
        names: dict[bytes, bytes] = {}
        for tenant in tenants:
            for number in range(3):
                names[b"rate_limit:%b:op%d" % (tenant, number)] = tenant
                cached = b"cache:conv:%b:%d" % (tenant, number)
                names[cached] = _owner(cached, tenants)
        for turn, tenant in enumerate(tenants):
            kind, more = (("reset_counters", {}), ("invalidate_tenant", {}), ("unlink_prefix", {"prefix": b"1"}))[
                turn % 3
            ]
            gathering = Gathering(ActionRequest(kind=kind, tenant=tenant, **more), known, own_layout())  # type: ignore[arg-type]
            gathering.add(names)
            keys = gathering.selected().keys
            foreign += sum(names[key] != tenant for key in keys)
            found, asked = found + len(keys), asked + 1
            if kind == "reset_counters":
                assert set(keys) == {b"rate_limit:%b:op%d" % (tenant, number) for number in range(3)}
    assert foreign == 0 and asked >= rounds * 18 and found > rounds * 36


def test_a_tenant_that_is_only_hinted_at_loses_no_key_to_one_that_is_sure_rows_23_and_24() -> None:
    dice, foreign, mine, open_to_doubt = random.Random(10), 0, 0, 0
    rounds = amount(60, 500)
    for turn in range(rounds):
        letters = bytes(range(256)) if turn % 2 else b"ab::"  # any byte; and names that begin alike
        tenants = sorted({_random_tenant(dice, letters) for _ in range(20)})
        sure = frozenset(tenants[::2])
        names = {
            name: _owner(name, tenants)
            for name in (b"cache:conv:%b:%d" % (tenant, number) for tenant in tenants for number in range(3))
        }
        for tenant in tenants:
            request = ActionRequest(kind="invalidate_tenant", tenant=tenant)
            chosen = select(request, list(names), Known(sure, frozenset(tenants) - sure), own_layout())
            foreign += sum(names[key] != tenant for key in chosen.keys)
            mine += len(chosen.keys)
            open_to_doubt += len(chosen.ambiguous)
    assert foreign == 0 and mine > rounds * 20 and open_to_doubt > rounds * 2


def test_nobody_can_include_a_key_of_another_tenant() -> None:
    names = [b"cache:conv:acme:1", b"cache:conv:beta:1", b"rate_limit:acme:x", b"secret"]
    request = ActionRequest(kind="invalidate_tenant", tenant=b"acme", include=frozenset(names))
    assert select(request, names, Known(), own_layout()).keys == (b"cache:conv:acme:1",)


def test_a_tenant_that_only_its_asker_knows_owns_nothing_for_certain_row_24() -> None:
    request = ActionRequest(kind="invalidate_tenant", tenant=b"acme:eu")
    chosen = select(request, [b"cache:conv:acme:eu:1"], Known(), own_layout())
    assert (chosen.keys, chosen.ambiguous) == ((), (b"cache:conv:acme:eu:1",))


def _permit(**more: object) -> Permit:
    fields: dict[str, object] = {
        "commands": {"UNLINK", "PUBLISH"},
        "keys": [b"k1", b"k2"],
        "channel": b"cache_coherence:acme",
        "lock": LOCK,
    }
    return Permit(**{**fields, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "words",
    [
        ("UNLINK", b"k1"),
        ("unlink", b"k2"),
        ("WATCH", b"k1", b"k2"),
        ("MULTI",),
        ("EXEC",),
        ("PTTL", b"anything"),
        ("PUBLISH", b"cache_coherence:acme", b"{}"),
        ("SET", LOCK, b"me", "NX", "PX", LOCK_MS),
        ("GET", LOCK),
        ("PEXPIRE", LOCK, LOCK_MS),
        ("UNLINK", LOCK),
        ("SCAN", b"0", "COUNT", 250),
        ("SELECT", 0),
        ("ACL", "DRYRUN", "me", "UNLINK", b"k1"),
        ("WAIT", 2, 1000),
        ("CLUSTER", "SLOTS"),
        ("CLUSTER", "NODES"),
        ("ASKING",),
    ],
)
def test_what_an_action_needs_may_be_sent(words: tuple[str | bytes | int, ...]) -> None:
    assert _permit().cleared(words) == words


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("UNLINK", b"k3"),
        ("UNLINK", b"k1", b"k2"),
        ("UNLINK",),
        ("WAIT", 2, 0),
        ("WAIT", 2, 5000),
        ("WAIT", 2),
        ("CLUSTER", "FAILOVER"),
        ("CLUSTER",),
        ("WATCH", b"k3"),
        ("WATCH",),
        ("EXPIRE", b"k1", 60, "NX"),
        ("PUBLISH", b"cache_coherence:other", b"{}"),
        ("SET", b"k1", b"v", "NX", "PX", LOCK_MS),
        ("SET", LOCK, b"me"),
        ("SET", LOCK, b"me", "PX", LOCK_MS),
        ("PEXPIRE", LOCK, 10**9),
        ("GET", b"k1"),
        ("SCAN", b"0", "MATCH", b"*"),
        ("SCAN", b"0", "COUNT", 100_000),
        ("SELECT", 1),
        ("DEL", b"k1"),
        ("FLUSHALL",),
        ("EVAL", b"return 1", 0),
        ("KEYS", b"*"),
        ("CONFIG", "SET", "x", "y"),
        ("ACL", "SETUSER", "x"),
        ("CLIENT", "KILL", "x"),
        ("RENAME", b"k1", b"k2"),
        ("UNLINK k1",),
    ],
)
def test_everything_else_never_reaches_the_socket_row_77(words: tuple[str | bytes | int, ...]) -> None:
    with pytest.raises(CommandRefused):
        _permit().cleared(words)


def test_without_a_plan_nothing_that_writes_may_be_sent() -> None:
    for words in (("UNLINK", b"k"), ("EXPIRE", b"k", "1"), ("PUBLISH", b"c", b"m"), ("WATCH", b"k"), ("GET", LOCK)):
        with pytest.raises(CommandRefused):
            Permit().cleared(words)
    Permit({"EXPIRE"}, [b"k"]).cleared(("EXPIRE", b"k", 60))
    for seconds in (-1, "x", 1.5):
        with pytest.raises(CommandRefused):
            Permit({"EXPIRE"}, [b"k"]).cleared(("EXPIRE", b"k", seconds))


@pytest.mark.parametrize("words", [("UNLINK", b"k1"), ("WATCH", b"k1"), ("MULTI",), ("GET", LOCK), ("UNLINK", LOCK)])
def test_only_what_reads_follows_a_redirection(words: tuple[str | bytes, ...]) -> None:
    permit = _permit()
    permit.cleared(("ASKING",))
    with pytest.raises(CommandRefused):
        permit.cleared(words)
    permit.cleared(("ASKING",))
    assert permit.cleared(("PTTL", b"k1")) and permit.cleared(words)


def test_counters_come_before_what_belongs_to_them_on_whatever_node() -> None:
    halves = ((0, 8191), (8192, 16383))
    nodes = [NodeWhere(id=str(half), place="h:1", run_id="r", epoch=1, slots=(half,)) for half in halves]
    facts = [PlanKey(key=b"%d" % index, part=index % 3 == 2) for index in range(30)]
    owners = SlotOwners(nodes)
    found = owners.sorted(facts)
    assert not isinstance(found, Refusal)
    order = [(fact.part, nodes.index(owners.of(fact.key))) for fact in found]  # type: ignore[arg-type]
    assert order == sorted(order) and {*order} == {(False, 0), (False, 1), (True, 0), (True, 1)}
    assert sorted(fact.key for fact in found) == sorted(fact.key for fact in facts)
    assert isinstance(SlotOwners(nodes[:1]).sorted(facts), Refusal), "a slot that nobody owns"


def test_an_intent_without_its_result_is_unknown_row_74() -> None:
    records = [
        {"event": "confirmed"},
        {"event": "intent", "start": 0, "keys": ["a"] * 3},
        {"event": "result", "start": 0, "end": 3, "odd": {"already gone": [1]}},
        {"event": "intent", "start": 3, "keys": ["a"] * 3},
    ]
    outcomes, publishing = outcomes_of(8, records)  # type: ignore[arg-type]
    assert outcomes == ["done", "already gone", "done", *["unknown"] * 3, "left", "left"] and not publishing
    assert outcomes_of(8, [*records, {"event": "publishing"}])[1]  # type: ignore[list-item]


def test_places_are_cut_into_neighbouring_batches() -> None:
    assert list(chunks(range(250))) == [(0, 100), (100, 200), (200, 250)]
    assert list(chunks([1, 2, 5, 6, 7, 300])) == [(1, 3), (5, 8), (300, 301)]
    assert list(chunks([])) == []


def test_one_slow_answer_is_chance_and_two_are_not() -> None:
    strain = LatencyGuard([0.3] * 20)
    assert all(strain.took(0.4) is None for _ in range(30))
    assert strain.took(50.0) is None and strain.took(0.4) is None
    assert "the server is slow" in (strain.took(30.0) or "")


def test_a_long_way_to_the_server_is_no_suffering() -> None:
    strain = LatencyGuard([40.0] * 20)
    assert all(strain.took(42.0) is None for _ in range(200))
    assert all(LatencyGuard([0.2] * 20).took(4.0) is None for _ in range(3)), "doubled, and nobody can feel it"


@pytest.mark.parametrize(
    ("version", "answer"), [("7.0.15", True), ("6.2.1", False), ("8.2", True), ("", False), ("x", False)]
)
def test_expire_nx_is_for_redis_7(version: str, answer: bool) -> None:
    assert knows_nx(version) is answer


def test_a_key_in_the_trail_gives_back_its_bytes() -> None:
    every = bytes(range(256)) * 2
    assert unquoted(quoted(every)) == every and quoted(every).isascii() and quoted(every).isprintable()


def test_keys_of_another_system_are_never_written_and_it_is_said_why() -> None:
    refusal = may_ever_arm(Settings(writable=True, dialect=load_preset("kong")))
    assert refusal is not None
    assert refusal.code == "layout"
    assert refusal.message == "the keys of the profile 'kong' are only read: it does not allow writing them"
    assert refusal.remedy is not None and "writable_layout = true under [dialect]" in refusal.remedy
    for dialect in (None, load_preset("optimus"), load_table({"extends": "kong", "writable_layout": True}, "x")):
        assert may_ever_arm(Settings(writable=True, dialect=dialect)) is None
    ours = load_table({"extends": "optimus"}, "x")  # what our own preset allows is not taken over either
    assert may_ever_arm(Settings(writable=True, dialect=ours)) is not None
