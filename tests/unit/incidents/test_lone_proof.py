"""What was done without an incident: the finding that it was for is watched, and each result is said once."""

from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from optimus_tui.contract.finding_rules import (
    ERRORS_RATE,
    LIMITS_BROKEN,
    LIMITS_IMMORTAL,
    LIMITS_OVER,
    LIMITS_REFUSED,
    LIMITS_UNMEASURED,
)
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.incident import Figure, KeptReceipt, Stamp
from optimus_tui.contract.services import Counted, Increase, Window
from optimus_tui.incidents.lone_proof import LATE_SECONDS, SHOWN_SECONDS, Found, LoneProof, record_of
from optimus_tui.incidents.proof import FILLS
from optimus_tui.tui.incidents.lone_proof import worst_cured_by
from optimus_tui.workflow.proof import FOLLOW_SECONDS

CHAT = "demo_dentist / chat"
OVER = Finding(
    rule=LIMITS_OVER, severity="high", subject=CHAT, message=f"{CHAT} has used up its limit: 521 of 150 (347 %)",
    measured=521.0, threshold=150.0, unit="requests", window_seconds=60.0,
)  # fmt: skip
FAILING = Finding(
    rule=ERRORS_RATE, severity="high", subject="gateway", message="20 % of 100 requests failed",
    measured=0.2, threshold=0.05, unit="share",
)  # fmt: skip
EFFECT = Finding(rule=LIMITS_REFUSED, severity="high", subject="demo_dentist", message="282 requests were refused")
ACTED = 1_000.0
NOW_USED = (Figure(name=f"{LIMITS_OVER}|{CHAT}", value=80.0, words="80 of 150"),)


IMMORTAL = Finding(
    rule=LIMITS_IMMORTAL, severity="critical", subject=CHAT, measured="no TTL", threshold="a TTL",
    message=f"{CHAT} never resets: its counter has no TTL (155 of 150)",
)  # fmt: skip


class Watched:
    """An act on clocks that the test moves, with what is found then."""

    def __init__(self, finding: Finding, *, outside: bool = True, until: float | None = None) -> None:
        self.now, self.came = ACTED, 0.0
        self.found: Found | None = Found((finding,))
        clock = SimpleNamespace(wall=lambda: self.now, mono=lambda: self.now)
        windows = SimpleNamespace(series=self._series, increase=self._increase)
        ctx: Any = SimpleNamespace(clock=clock, windows=windows)
        receipt = KeptReceipt(
            action_id="a", kind="remedy", tenant="", words="w", ended=ACTED, outside=outside, until=until
        )
        self.proof = LoneProof(
            ctx, record_of(receipt, finding, Stamp(wall=ACTED)), lambda: self.found, [finding, EFFECT]
        )

    async def _series(self, name: str, minutes: float) -> Window:
        return Window(name=name)

    async def _increase(self, name: str, minutes: float) -> Increase:
        series = (Counted(labels={"status": "200"}, increase=self.came),)
        return Increase(name=name, series=series, covered_minutes=1.0, source="history")

    async def at(self, seconds: float) -> tuple[str, bool] | None:
        self.now = ACTED + seconds
        result = await self.proof.turn()
        return None if result is None else (result[0].words, result[1])


async def test_a_limit_that_is_free_again_is_fixed_with_its_figures_when_its_window_has_ended() -> None:
    watched = Watched(OVER)
    watched.found = Found((EFFECT,), NOW_USED)
    assert await watched.at(30) is None, "its window may have begun anew, and not be full yet"
    assert await watched.at(63) == (
        "fixed 1 min 3 s after you acted: demo_dentist / chat used 521 of 150 → 80 of 150", True
    )  # fmt: skip
    assert watched.proof.over


async def test_until_a_proof_is_possible_it_says_when_that_is_and_never_better_or_worse() -> None:
    watched = Watched(OVER)
    worse = replace(OVER, measured=900.0, severity="critical")
    watched.found = Found((worse,), ())
    watched.now = ACTED + 1
    promised = await watched.proof.promise()
    early = "too early: proof possible at 00:17:42 (a whole window of the limit)"
    assert promised == "proof possible at 00:17:42 (a whole window of the limit); reported then"
    assert watched.proof.status() == ("proof possible at 00:17:42", "accent")
    assert watched.proof.aim == (LIMITS_OVER, CHAT)
    assert await watched.at(30) is None and watched.proof.too_early() == early
    assert await watched.at(63) is not None
    assert watched.proof.too_early() == "", "now it can be told"
    assert watched.proof.status() == ("worse than before 1 min 3 s after you acted", "warning")
    watched.now += SHOWN_SECONDS
    assert watched.proof.status() == ("", ""), "it was said"


async def test_what_needs_requests_stays_too_early_until_they_came() -> None:
    watched = Watched(FAILING)
    await watched.proof.promise()
    await watched.at(60)
    assert watched.proof.too_early() == "too early: 0 of 20 requests came"
    assert watched.proof.status() == ("0 of 20 requests came, a proof needs more", "accent")
    watched.came = 15.0
    assert await watched.at(61) is None
    late = "15 of 20 requests came, proof possible at 00:18:01"
    assert watched.proof.status() == (late, "accent"), "promised by the rate at which they came since"
    watched.came = 20.0
    assert await watched.at(61) is None, "its share still counts what came before"
    assert watched.proof.too_early() == ""
    by = "figures still include the time before, proof expected by 00:18:40"
    assert watched.proof.status() == (by, "accent")


async def test_a_counter_that_was_reset_is_proved_after_seconds() -> None:
    watched = Watched(OVER, outside=False)
    watched.found = Found((), NOW_USED)
    assert await watched.at(10) is None
    said = await watched.at(17)
    assert said is not None and said[0].startswith("fixed 17 s after you acted: ")


async def test_what_is_not_fixed_is_said_once_and_that_it_is_fixed_later_once() -> None:
    watched = Watched(OVER)
    assert [await watched.at(seconds) for seconds in (30, 60)] == [None] * 2
    said = await watched.at(63)
    assert said == (f"not fixed 1 min 3 s after you acted: {CHAT} used 521 of 150 → 521 of 150", False)
    assert await watched.at(LATE_SECONDS + 30) is None and not watched.proof.over
    watched.found = Found((), NOW_USED)
    fixed = await watched.at(300)
    assert fixed is not None and fixed[0].startswith("fixed 5 min after you acted: ") and watched.proof.over


async def test_of_too_few_requests_nothing_is_proved() -> None:
    watched = Watched(FAILING)
    watched.found = Found((), ())
    assert await watched.at(60) is None
    said = await watched.at(LATE_SECONDS)
    assert said is not None and said[0].endswith("too little was recorded since: 0 of 20 requests came") and not said[1]
    watched.came = 20.0
    fixed = await watched.at(150)
    assert fixed is not None and fixed[0].startswith("fixed 2 min 30 s after you acted: gateway failing 20 % → ")


async def test_a_low_remark_of_the_past_is_no_fault_any_more() -> None:
    watched = Watched(FAILING)
    watched.came = 40.0
    watched.found = Found((replace(FAILING, severity="low", message="20 % failed; 0 % of the last 40 requests"),), ())
    said = await watched.at(32)
    assert said is not None and said[0].startswith("fixed 32 s after you acted: ")


@pytest.mark.parametrize("blind", [None, Found((Finding(rule=LIMITS_UNMEASURED, severity="high", subject="rate limits",
                                                        message="cannot be read"),))])  # fmt: skip
async def test_what_cannot_be_measured_is_never_fixed(blind: Found | None) -> None:
    watched = Watched(OVER)
    watched.found = blind
    assert await watched.at(70) is None
    said = await watched.at(LATE_SECONDS)
    assert said is not None and said[0].startswith("not known whether it helped 2 min after you acted: ")


async def test_it_is_not_followed_for_ever() -> None:
    watched = Watched(OVER)
    await watched.at(LATE_SECONDS)
    assert await watched.at(FOLLOW_SECONDS + 1) is None and watched.proof.over


def test_an_action_is_for_the_worst_alarm_of_its_tenant_that_it_cures() -> None:
    other = replace(OVER, subject="shop / chat", severity="critical")
    found = [other, EFFECT, OVER]
    assert worst_cured_by("reset_counters", "demo_dentist", found) == OVER
    assert worst_cured_by("reset_counters", "nobody", [EFFECT]) is None
    assert worst_cured_by("expire_no_ttl", "demo_dentist", found) is None


async def test_a_reset_that_does_not_help_is_said_at_the_promised_time_and_a_smaller_count_is_no_better() -> None:
    watched = Watched(OVER, outside=False)
    promised = await watched.proof.promise()
    assert promised.endswith("proof possible at 00:16:56 (15 s to see whether it comes back); reported then")
    again = replace(OVER, measured=222.0, message=f"{CHAT} has used up its limit: 222 of 150")
    watched.found = Found((again,), (), ACTED + 15)
    assert await watched.at(16) is None, "the last reading is older than that time"
    assert watched.proof.status()[0] == "not proved yet, waiting for the next reading"
    watched.found = Found((again,), (), ACTED + 17)
    assert await watched.at(18) == (
        f"not fixed 18 s after you acted: {CHAT} used 521 of 150 → 222 of 150", False
    )  # fmt: skip
    assert watched.proof.status() == ("not fixed 18 s after you acted", "warning")


async def test_a_counter_that_has_a_ttl_again_is_fixed_at_once_and_until_when_it_refuses_is_said_beside_it() -> None:
    watched = Watched(IMMORTAL, outside=False, until=ACTED + 60)
    full = replace(OVER, measured=175.0, message=f"{CHAT} has used up its limit: 175 of 150 (117 %)")
    watched.found = Found((full,), (), ACTED + 1.5)
    said = await watched.at(2)
    assert said == (
        f'repaired 2.0 s after you acted: "{CHAT} never resets" is gone; '
        f"{CHAT} stays refused until 00:17:40, then the limit counts from 0", True
    )  # fmt: skip
    assert watched.proof.over and watched.proof.status() == ("repaired, refused until 00:17:40", "accent")
    watched.now = ACTED + 60
    assert watched.proof.status() == ("repaired 2.0 s after you acted", "b:success"), "its window has ended"


async def test_of_two_counters_without_a_ttl_one_is_left() -> None:
    several = replace(IMMORTAL, subject="several counters", message="2 counters never reset", measured=2.0,
                      threshold=0.0, unit="counters")  # fmt: skip
    watched = Watched(several, outside=False)
    watched.found = Found((IMMORTAL,), (), ACTED + 2)
    said = await watched.at(3)
    assert said is not None and said[0].startswith("better, but not fixed 3.0 s after you acted: ")


async def test_a_finding_that_is_only_held_because_of_the_windows_before_is_gone() -> None:
    watched = Watched(OVER, outside=False)
    watched.found = Found((replace(OVER, held=True),), NOW_USED, ACTED + 17)
    said = await watched.at(18)
    assert said is not None and said[0].startswith("fixed 18 s after you acted: ")


async def test_a_counter_that_cannot_be_read_any_more_is_not_free_again() -> None:
    watched = Watched(OVER, outside=False)
    broken = Finding(rule=LIMITS_BROKEN, severity="medium", subject=CHAT, message="it cannot be read as a counter")
    watched.found = Found((broken,), (), ACTED + 17)
    assert await watched.at(18) is None
    said = await watched.at(LATE_SECONDS)
    assert said is not None and said[0].startswith("not known whether it helped 2 min after you acted: ")


async def test_a_counter_that_fills_up_again_is_not_proved_before_it_is_full_or_its_window_has_ended() -> None:
    watched = Watched(OVER, outside=False)
    watched.found = Found((), NOW_USED, ACTED + 17, fills=True)
    assert await watched.at(18) is None
    assert watched.proof.status() == (FILLS, "accent")
    watched.found = Found((replace(OVER, measured=155.0),), (), ACTED + 24, fills=True)
    said = await watched.at(25)
    assert said == (f"not fixed 25 s after you acted: {CHAT} used 521 of 150 → 155 of 150", False)
    watched.found = Found((), NOW_USED, ACTED + 70)
    fixed = await watched.at(71)
    assert fixed is not None and fixed[0].startswith("fixed 1 min 11 s after you acted: ") and watched.proof.over
