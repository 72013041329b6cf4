"""How names without a layout are described."""

import pytest

from optimus_tui.dialects.shapes import MOST_GROUPS, seen_shapes


@pytest.mark.parametrize(
    ("names", "text", "key"),
    [
        ([b"ratelimit:acme:chat", b"ratelimit:b:list"], "ratelimit:•:•", "ratelimit:{1}:{2}"),
        ([b"rl:acme:chat", b"rl:b:chat"], "rl:•:chat", "rl:{1}:chat"),
        ([b"ratelimit:a:1795892160", b"ratelimit:b:1795892220"], "ratelimit:•:•", "ratelimit:{1}:{start_s}"),
        ([b"ratelimit:a:2026-11-28", b"ratelimit:b:2026-11-29"], "ratelimit:•:•", "ratelimit:{1}:{day}"),
        ([b"ratelimit:a:29931536", b"ratelimit:b:29931537"], "ratelimit:•:•", "ratelimit:{1}:{2}"),
        ([b"throttle/a/x", b"throttle/b/y"], "throttle/•/•", "throttle/{1}/{2}"),
        ([b"quota_acme_7", b"quota_acme_8"], "quota_acme_•", "quota_acme_{1...}"),
        ([b"{limit:a}", b"{limit:b}"], "{limit:•}", "{{limit:{1}}}"),
        ([b"cache:only"], "cache:•", "cache:{1}"),
        ([b"rl:2001:db8::7", b"rl:::1", b"rl:10.0.0.1"], "rl:•", "rl:{1...}"),
        ([b"rl:chat:1:2:3:4:5:6:7:8", b"rl:list:10.0.0.1"], "rl:•:•", "rl:{1}:{2...}"),
        ([b"db_user_a_1795892160", b"db_user_b_1795892160"], "db_user_•_•", "db_user_{1...}_{start_s}"),
        ([b"ip_10.0.0.1_1795892160", b"ip_10.0.0.2_1795892160"], "ip_•_•", "ip_{1...}_{start_s}"),
    ],
)
def test_the_parts_that_vary_are_places(names: list[bytes], text: str, key: str) -> None:
    (shape,), others = seen_shapes(names, 10)
    assert (shape.text, shape.key, shape.count, others) == (text, key, len(names), 0)


def test_many_first_words_are_one_shape() -> None:
    names = [b"tenant%c:quota:x" % letter for letter in range(97, 122)]
    (shape,), _ = seen_shapes(names, 10)
    assert (shape.text, shape.count) == ("•:quota:x", 25)


def test_limiters_go_first_and_the_rest_is_counted() -> None:
    names = [b"session:%d" % number for number in range(20)] + [b"rl:a"] + [b"job.%d" % number for number in range(5)]
    shapes, others = seen_shapes(names, 2)
    assert [(shape.text, shape.family) for shape in shapes] == [("rl:•", "limits"), ("session:•", "")]
    assert others == 5


def test_shapes_are_bounded() -> None:
    letters = [bytes([97 + at // 26, 97 + at % 26]) for at in range(26 * 26)]
    names = [word + b":x" * depth for word in letters for depth in (1, 2)]
    shapes, others = seen_shapes(names, 10)
    assert 2 * len(letters) > MOST_GROUPS
    assert [shape.text for shape in shapes] == ["•:x", "•:x:x"]
    assert sum(shape.count for shape in shapes) + others == len(names)


@pytest.mark.parametrize(
    ("names", "text", "key"),
    [
        (["{acme}:rl:chat", "{beta}:rl:chat", "{beta}:rl:find"], "{•}:rl:•", "{{{1}}}:rl:{2}"),
        (["{acme:chat}:rl", "{beta:chat}:rl", "{beta:find}:rl"], "{•:•}:rl", "{{{1}:{2}}}:rl"),
        (["acme:ratelimit:chat", "beta:ratelimit:find"], "•:ratelimit:•", "{1}:ratelimit:{2}"),
        (["throttle/eu:acme/chat", "throttle/us:beta/find"], "throttle/•/•", "throttle/{1}/{2}"),
        (["acme:limits:a", "limits:acme:a", "limits:beta:b"], "limits:•:•", "limits:{1}:{2}"),
    ],
)
def test_names_that_begin_with_the_tenant_or_a_hash_tag_are_of_one_shape(names: list[str], text: str, key: str) -> None:
    (shape, *_), _ = seen_shapes([one.encode() for one in names], 4)
    assert (shape.text, shape.key, shape.family) == (text, key, "limits")
