"""The observer's list: what is on it passes unchanged, everything else is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimus_tui.probes.redis.commands import CORE, OBSERVER, SCRIPTS, SWEEP_PAGE, CommandRefused, cleared

_WRITES = """
    set setex append incr decr del unlink expire persist rename copy move restore migrate flushall flushdb swapdb
    getdel getset getex publish spublish eval evalsha script function fcall fcall_ro evalsha_ro multi exec watch keys
    sort sort_ro smembers hgetall monitor debug shutdown save bgsave replicaof slaveof failover cluster module acl
    config client command object memory slowlog latency pubsub reset quit sync psync wait lpush xadd zadd sadd hset
"""
WRITES = _WRITES.split()


@pytest.mark.parametrize("name", WRITES)
def test_a_command_that_is_not_listed_is_refused_row_77(name: str) -> None:
    for first in (name, name.upper(), name.encode(), f" {name} "):
        with pytest.raises(CommandRefused):
            cleared((first, "k", "v"))


@pytest.mark.parametrize(
    "words",
    [("CONFIG SET", "a", "b"), ("CONFIG", "GET", "*"), ("CLIENT", "KILL", "x"), ("CLIENT LIST",), ("CLIENT",),
     ("ACL", "SETUSER", "x"), ("ACL SETUSER", "x"), ("MEMORY", "PURGE"), ("OBJECT", "HELP"), ("SLOWLOG", "RESET"),
     ("LATENCY", "RESET"), ("PUBSUB", "SHARDCHANNELS"), ("SCRIPT KILL",), ("CLIENT", 7), ("CLIENT", None), (), ("",),
     (b"  ",), (None,), (7,), (["GET"], "k"), ("GET\x00", "k"), ("SELECT", 1), ("SELECT", "0x"), ("SELECT",)],
)  # fmt: skip
def test_subcommands_and_odd_words_are_refused(words: tuple[object, ...]) -> None:
    with pytest.raises(CommandRefused):
        cleared(words)  # type: ignore[arg-type]


def test_every_listed_command_passes_in_every_spelling() -> None:
    tail: dict[str, tuple[str | int | bytes, ...]] = {"eval_ro": (SWEEP_PAGE, 0), "select": (0,), "scan": ("0",)}
    for name in OBSERVER:
        words = name.split("|")
        for spelled in (words, [word.upper() for word in words], [" ".join(words)]):
            assert cleared((*spelled, *tail.get(name, ("key",))))


def test_only_our_own_scripts_pass_and_only_without_keys() -> None:
    assert cleared(("EVAL_RO", SWEEP_PAGE, 0, b"0", 250, 0))
    for words in [("EVAL_RO", "return 1", 0), ("EVAL_RO", SWEEP_PAGE + b" ", 0), ("EVAL_RO", SWEEP_PAGE), ("EVAL_RO",),
                  ("EVAL_RO", SWEEP_PAGE, 1, "k")]:  # fmt: skip
        with pytest.raises(CommandRefused):
            cleared(words)  # type: ignore[arg-type]
    assert all(b"redis.call('SCAN'" in text for text in SCRIPTS)


def test_scans_with_wide_patterns_or_huge_counts_are_refused_row_25() -> None:
    assert cleared(("SCAN", 0, "MATCH", "*a*b*", "COUNT", 10_000))
    assert cleared(("SCAN", 0, "MATCH", rb"\*\*\*\*"))
    for tail in (("MATCH", "a" * 257), ("MATCH", "****"), ("COUNT", 10_001), ("COUNT", "x"), ("count", 99_999)):
        with pytest.raises(CommandRefused):
            cleared(("SCAN", 0, *tail))


@given(st.lists(st.one_of(st.text(max_size=12), st.binary(max_size=12), st.integers(), st.none()), max_size=4))
def test_any_words_are_cleared_as_listed_commands_or_refused(words: list[object]) -> None:
    try:
        passed = cleared(tuple(words))  # type: ignore[arg-type]
    except CommandRefused:
        return
    spelled = [word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word) for word in passed[:2]]
    assert spelled[0].lower() in OBSERVER or "|".join(spelled).lower() in OBSERVER


def test_the_list_holds_nothing_that_writes_blocks_or_walks() -> None:
    assert CORE < OBSERVER
    assert not OBSERVER & {*WRITES, "keys", "smembers", "hgetall", "blpop", "subscribe|x", "config|get", "client|list"}


def test_the_only_write_is_our_own_key_with_a_ttl_of_a_minute_row_77() -> None:
    assert cleared(["SET", b"integration_test:acme:1", b"x", "EX", 60])
    assert cleared(["UNLINK", b"integration_test:acme:1"])
    for words in (
        ["SET", b"rate_limit:acme:chat", b"0", "EX", 60],
        ["SET", b"integration_test:a", b"x"],
        ["SET", b"integration_test:a", b"x", "EX", 61],
        ["SET", b"integration_test:a", b"x", "EX", 0],
        ["SET", b"integration_test:a", b"x", "PX", 60],
        ["SET", b"integration_test:a", b"x", "EX", 60, "GET"],
        ["UNLINK", b"cache:a:b:c"],
        ["UNLINK", b"integration_test:a", b"cache:a:b:c"],
        ["UNLINK"],
    ):
        with pytest.raises(CommandRefused):
            cleared(words)  # type: ignore[arg-type]
