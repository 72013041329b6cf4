"""What is judged of a cluster, and how its nodes stand in the health pane."""

from msgspec.structs import replace

from optimus_tui.contract.cluster import SLOTS, ClusterState, Failover, NodeFacts, SentinelState
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import HealthReport, Refusals, ServerState
from optimus_tui.tui.panes.health.nodes import cluster_lines
from optimus_tui.tui.panes.health.row_verdicts import concerns
from optimus_tui.tui.theme import plain_text
from optimus_tui.verdicts import alerts, episodes
from optimus_tui.verdicts.alert_history import merge
from optimus_tui.verdicts.cluster import judge_cluster, judge_watched
from optimus_tui.verdicts.server import NO_SAMPLES, track_server

AWAY = Fault("refused", "10.0.0.2:6379/0: connection refused")


def node(number: int, role: str = "primary", **facts: object) -> ServerState:
    """A node that answers, unless the facts have a fault."""
    own = {"place": f"10.0.0.{number}:6379", "role": role, "slots": 5461 if role == "primary" else 0, **facts}
    found = NodeFacts(**own)  # type: ignore[arg-type]
    if found.fault is not None:
        return ServerState(latency_ms=None, node=found)
    return ServerState(
        latency_ms=float(number), role=role, keys=100, memory_used=1 << 20, clients=4, commands_per_second=10.0,
        link_to_master="up" if role == "replica" else None, node=found,
    )  # fmt: skip


def state(*nodes: ServerState, **cluster: object) -> ServerState:
    told = ClusterState(**{"says_ok": True, "covered": SLOTS, **cluster})  # type: ignore[arg-type]
    return ServerState(latency_ms=3.0, mode="cluster", role="primary", cluster=told, nodes=nodes)


def rules(found: ServerState, now: float = 1000.0) -> dict[str, str]:
    return {finding.rule: finding.message for finding in judge_cluster(found, now)}


def lines(found: ServerState, width: int = 120, most: int = 10) -> list[str]:
    look = Reading(value=found, taken_at=1000.0, taken_mono=1.0)
    report = HealthReport(server=look)
    return [plain_text(line.pieces).rstrip() for line in cluster_lines(report, width, most)]


def test_a_whole_cluster_is_no_finding() -> None:
    assert rules(state(node(1), node(2), node(3), node(4, "replica"))) == {}


def test_a_lost_primary_says_which_slots_and_which_share_of_the_keys() -> None:
    lost = state(node(1), node(2, fault=AWAY), node(3), covered=10_923, lost=((5461, 10_921),))
    assert rules(lost) == {
        "server.cluster_slots": "5,461 of 16,384 slots have no primary that answers: about 33 % of all keys "
        "(5461-10921)",
        "server.cluster_node": "primary 10.0.0.2:6379 does not answer: 10.0.0.2:6379/0: connection refused",
    }
    [severity] = {one.severity for one in judge_cluster(lost, 0.0) if one.rule == "server.cluster_node"}
    assert severity == "high"


def test_a_cluster_that_refuses_everything_says_so() -> None:
    down = rules(state(node(1), says_ok=False))
    assert down["server.cluster_slots"] == "the cluster refuses every command on a key: its state is fail"


def test_a_lost_replica_is_a_lesser_finding_and_a_doubted_node_one_too() -> None:
    lost = judge_cluster(state(node(1), node(4, "replica", fault=AWAY)), 0.0)
    assert [(one.rule, one.severity) for one in lost] == [("server.cluster_node", "medium")]
    doubted = rules(state(node(1), node(2, judged="pfail")))
    assert doubted == {"server.cluster_node": "primary 10.0.0.2:6379 answers, but the other nodes call it suspected"}


def test_a_failover_is_told_for_ten_minutes() -> None:
    failed = replace(state(node(1)), failovers=(Failover(1000.0, "10.0.0.2:6379", "10.0.0.5:6379"),))
    assert rules(failed, 1500.0) == {"server.failover": "10.0.0.5:6379 took over from 10.0.0.2:6379 at 00:16:40 (UTC)"}
    assert rules(failed, 1700.0) == {}


def test_each_failover_has_its_own_time_and_is_its_own_alert() -> None:
    first = Failover(1000.0, "10.0.0.2:6379", "10.0.0.5:6379")
    once = replace(state(node(1)), failovers=(first,))
    twice = replace(once, failovers=(first, Failover(1300.0, "10.0.0.5:6379", "10.0.0.2:6379")))
    book, notices = alerts.step(alerts.Alerts(first_mono=0.0, settled=True), dated(once, 1000.0), now=1000.0, mono=0.0)
    assert [one.kind for one in notices] == ["appeared"]
    (early,) = known = dated(once, 1002.0)
    (late,) = dated(twice, 1300.0, known)
    assert (early.since, late.since) == (1000.0, 1300.0)
    assert late.message == (
        "2 failovers in 5 min, the last one first: 10.0.0.2:6379 took over from 10.0.0.5:6379 at 00:21:40, "
        "10.0.0.5:6379 took over from 10.0.0.2:6379 at 00:16:40 (UTC)"
    )
    book, notices = alerts.step(book, [late], now=1302.0, mono=302.0)
    assert [(one.kind, one.finding.since) for one in notices] == [("appeared", 1300.0)], "no second one goes unsaid"
    kept = merge([*(one.episode for one in book.held.values()), *book.ended])
    assert [(one.since, one.end) for one in kept] == [(1300.0, ""), (1000.0, "continued")]
    assert rules(twice, 1700.0) == {"server.failover": "10.0.0.2:6379 took over from 10.0.0.5:6379 at 00:21:40 (UTC)"}
    assert lines(twice, 170)[0].endswith(
        "2 failovers, last 00:21:40: 10.0.0.5:6379 to 10.0.0.2:6379 · before 00:16:40: 10.0.0.2:6379 to 10.0.0.5:6379"
    )


def dated(found: ServerState, now: float, known: tuple[Finding, ...] = ()) -> tuple[Finding, ...]:
    """The findings with the times since when they stand, after ``known`` were found two seconds before."""
    book, _ = episodes.track(episodes.NO_EPISODES, known, now - 2.0, now - 2.0)
    return episodes.track(book, judge_cluster(found, now), now, now)[1]


def test_of_a_condition_of_several_nodes_the_worst_is_named() -> None:
    full = [
        replace(node(number), memory_used=used, memory_max=100, memory_policy="noeviction")
        for number, used in ((1, 100), (2, 50), (3, 100))
    ]
    assert rules(state(*full))["server.refuses_writes"].startswith("10.0.0.1:6379: redis refuses writes")
    assert rules(state(*full))["server.refuses_writes"].endswith("(and 1 more nodes)")


def test_the_worst_node_comes_first_and_how_many_are_left_out_is_said() -> None:
    nodes = [node(1), node(3), node(2, fault=AWAY), node(4, "replica", primary="10.0.0.1:6379", lag_bytes=2048)]
    shown = lines(state(*nodes, covered=10_923, lost=((5461, 10_921),)))
    assert "10,923 of 16,384 slots served · its nodes say ok" in shown[0] and "3 of 4 nodes" in shown[0]
    assert "10.0.0.2:6379" in shown[2] and "connection refused" in shown[2]
    assert "10.0.0.4:6379" in shown[3] and "2.0 KB behind 10.0.0.1:6379" in shown[3]
    assert lines(state(*nodes), most=0)[-1] == "  +1 more node, none of them worse"
    assert all(len(line) <= 78 for line in lines(state(*nodes), width=78))


def test_a_hot_primary_stands_out() -> None:
    hot = [node(1), node(2), replace(node(3), commands_per_second=980.0)]
    assert "980 98 %" in "\n".join(lines(state(*hot)))


def test_what_a_node_refused_long_ago_is_no_news_when_it_answers_again_or_an_heir_takes_over() -> None:
    def look(*nodes: ServerState, refused: dict[str, int] | None) -> ServerState:
        return replace(state(*nodes), refused=Refusals(writes=refused))

    both = [replace(node(1), run_id="a"), replace(node(2), run_id="b")]
    heir = [both[0], replace(node(5), run_id="c")]
    track = NO_SAMPLES
    for at, one in enumerate([
        look(*both, refused={"OOM": 500}), look(both[0], node(2, fault=AWAY), refused=None),
        look(*both, refused={"OOM": 500}), look(*heir, refused={"OOM": 500, "READONLY": 9}),
    ]):  # fmt: skip
        track, seen = track_server(track, one, 2.0 * at)
        assert not (seen.refused_lately and any((seen.refused_lately.writes or {}).values())), at
    track, seen = track_server(track, look(*heir, refused={"OOM": 501, "READONLY": 9}), 10.0)
    assert seen.refused_lately is not None and seen.refused_lately.writes == {"OOM": 1, "READONLY": 0}


def watched(*nodes: ServerState, **said: object) -> ServerState:
    told = SentinelState(**{"total": 3, "answering": 3, "naming": 3, "primary": "10.0.0.1:6379", **said})  # type: ignore[arg-type]
    return ServerState(latency_ms=3.0, mode="standalone", role="primary", sentinels=told, nodes=nodes)


def test_behind_sentinels_their_word_and_each_server_are_shown() -> None:
    replica = node(4, "replica", primary="10.0.0.1:6379", lag_bytes=0)
    nodes = [node(1, slots=0), replica, node(2, "replica", fault=AWAY)]
    shown = lines(watched(*nodes))
    assert shown[0] == "  sentinel 3 sentinels name 10.0.0.1:6379"
    assert [line.split()[1] for line in shown[2:]] == ["10.0.0.2:6379", "10.0.0.4:6379", "10.0.0.1:6379"]
    assert "slots" not in shown[1]
    back = replace(node(4, "replica"), role="primary")
    assert "▲ 10.0.0.4:6379" in (row := lines(watched(node(1), back))[2]) and "calls itself a primary still" in row
    few = watched(*nodes, answering=2, naming=1, replicas_fault=Fault("denied", "SENTINEL REPLICAS is not allowed"))
    assert lines(few)[0] == (
        "  sentinel 2 of 3 answer, 10.0.0.1:6379 named by 1 · replicas unknown: SENTINEL REPLICAS is not allowed"
    )
    assert lines(watched(answering=0, naming=0, primary=""))[0] == "  sentinel none of 3 answers"


def test_sentinels_that_are_away_or_differ_are_a_finding_and_a_replica_only_where_they_say_so() -> None:
    assert judge_watched(watched(node(1))) == []
    (away,) = judge_watched(watched(node(1), answering=2, naming=2, fault=Fault("refused", "connection refused")))
    assert (away.rule, away.severity) == ("server.sentinels", "medium")
    assert all(concerns(away, line) for line in ("redis", "sentinel", "cluster")) and not concerns(away, "gateway")
    assert away.message == "no answer from 1 of 3 sentinels: connection refused"
    (odd,) = judge_watched(watched(node(1), naming=2))
    assert odd.message == "2 of 3 sentinels name 10.0.0.1:6379 as the primary, the others do not"
    silent, down = (node(2, "replica", fault=AWAY, judged=judged) for judged in ("ok", "fail"))
    assert judge_watched(watched(node(1), silent)) == [], "it may only be out of our reach"
    (lost,) = judge_watched(watched(node(1), down))
    assert (lost.rule, lost.severity) == ("server.cluster_node", "medium") and "SENTINEL" in (lost.remedy or "")


def test_one_server_has_no_nodes() -> None:
    assert lines(ServerState(latency_ms=1.0)) == []
