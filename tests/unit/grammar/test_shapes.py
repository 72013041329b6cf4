"""Names of no known layout into few shapes, whatever they are."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimus_tui.grammar.keys import MAX_SHAPES, SHOWN, Shapes, head_of, heads_of, looks_like_limiter
from tests.amounts import amount


def shapes_of(*names: bytes) -> list[tuple[str, int]]:
    seen = Shapes()
    seen.add(heads_of(names))
    return [(one.text, one.count) for one in seen.shapes()]


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        (b"LIMITS:LIMITER/127.0.0.1/chat/5/1/minute", "LIMITS:LIMITER/…"),
        (b"fastapi-limiter:127.0.0.1:/chat:0:0", "fastapi-limiter:…"),
        (b"user:123:profile", "user:…"),
        (b"celery-task-meta-5f2c", "celery-task-meta-…"),
        (b"_kombu.binding.celery", "_kombu.binding.celery"),
        (b"celery", "celery"),
        (b":1:rl:0cc175b9", ":1:rl:…"),
        (b"limiter:acme", "limiter:…"),
        (b"\xff\xfe\x00", "…"),
        (b"", "…"),
        (b"5f2c9a", "…"),
        (b"session:", "…"),
    ],
)
def test_a_shape_is_the_literal_beginning_of_a_name(name: bytes, shape: str) -> None:
    assert shapes_of(name) == [(shape, 1)]


def test_tenants_within_a_name_do_not_make_a_shape_each() -> None:
    names = [f"limiter:{''.join(random.choices('abcdef', k=8))}:chat:x".encode() for _ in range(300)]
    assert shapes_of(*names) == [("limiter:…", 300)]


def test_hostile_names_by_the_ten_thousand_stay_few_and_all_are_counted() -> None:
    seen, rng = Shapes(), random.Random(7)
    thousands = amount(20, 100)
    for _ in range(thousands):
        names = [bytes(rng.choices(b"abcXYZ:/|-\x00\xff1", k=rng.randrange(1, 40))) for _ in range(1000)]
        seen.add(heads_of(names))
        assert len(seen._heads) <= MAX_SHAPES
    assert seen.count == thousands * 1000
    shown = seen.shapes()
    assert len(shown) <= SHOWN
    assert sum(one.count for one in shown) == thousands * 1000


@given(st.lists(st.binary(max_size=60), max_size=60))
def test_any_names_are_counted_once_each(names: list[bytes]) -> None:
    seen = Shapes()
    seen.add(heads_of(names))
    assert sum(one.count for one in seen.shapes()) == len(names) == seen.count
    for name in names:
        assert len(head_of(name)) <= 97


def test_a_limiter_is_known_by_its_words() -> None:
    def like(name: bytes) -> bool:
        seen = Shapes()
        seen.add(heads_of([name]))
        return looks_like_limiter(seen.shapes())

    assert all(
        like(name)
        for name in (
            b"LIMITS:LIMITER/1", b"ratelimit:9", b"throttle_anon:1", b"quota:acme:1", b"x:rate-limit:1", b"rl:acme",
            b":1:rl:acme", b"rlflx:acme", b"bucket:acme:chat", b"gcra:1", b"@upstash/ratelimit:acme:chat",
            b"gw_generic_key_acme_1795892160",
        )
    )  # fmt: skip
    assert not any(
        like(name)
        for name in (b"session:1", b"unlimited:1", b"celery", b"user:1", b"url:1", b"s3_bucket_list:1", b"girl:1")
    )
