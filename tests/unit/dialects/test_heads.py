"""Which presets are told by the beginnings of names alone: only by those that no other preset's names have."""

import pytest

from optimus_tui.dialects.heads import presets_of


@pytest.mark.parametrize(
    ("shapes", "presets"),
    [
        (["LIMITS:LIMITER/…"], ("limits",)),
        (["session:…", "LIMITS:LIMITER/acme/…", "rlflx:…"], ("limits", "rate-limiter-flexible")),
        (["plugin-limit-count1:…"], ("apisix-left", "apisix-used")),
        (["rl:…", "ratelimit:…", "rate_limit:…", "cache:…", "{user:…", "{team:…", ":1:…", "…", ""], ()),
        (["LIMITS:…", "xLIMITS:LIMITER/…"], ()),
    ],
)
def test_only_beginnings_of_one_product_tell_a_preset(shapes: list[str], presets: tuple[str, ...]) -> None:
    assert presets_of(shapes) == presets
