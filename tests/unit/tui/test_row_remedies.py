"""What to do about a finding stands on its row: the first look tells the cause and the remedy, no key is needed."""

from collections.abc import Hashable

import pytest
from msgspec.structs import replace
from rich.cells import cell_len

from optimus_tui.contract.finding_rules import CATALOGUE
from optimus_tui.contract.findings import PAST, Finding
from optimus_tui.contract.services import HealthReport
from optimus_tui.tui.actions.remedy_text import RowRemedy, has_remedy
from optimus_tui.tui.panes.health.finding_lines import QuietReason, finding_lines
from optimus_tui.wording.wrapping import clauses

NOW = 1_700_000_000.0
SLOW = Finding(
    rule="latency.now", severity="medium", subject="engine", since=NOW - 90, samples=5,
    message="engine p50 642 ms: each of the last 5 checks took over 500 ms",
    remedy="See what engine waits for now: its load, its own dependencies, its last deployment.",
)  # fmt: skip
ROUTE = replace(SLOW, rule="latency.p95", subject="route /a", message="route /a p95 ≈ 839 ms is over 500 ms",
                caused_by=("latency.now", "engine"))  # fmt: skip
OTHER = replace(SLOW, rule="cache.bulk", subject="hit rate", message="many bulk invalidations")
RESTART = RowRemedy("Restart the AI engine", "offered")
SEE = RowRemedy(SLOW.remedy, "explained")


def texts(
    *found: Finding, width: int, remedies: dict[Hashable, RowRemedy], is_roomy: bool = True, **quiet: str
) -> list[str]:
    """Return the lines of findings about these subjects."""
    reasons: dict[Hashable, QuietReason] = {
        (one.rule, one.subject): QuietReason(quiet[one.subject]) for one in found if one.subject in quiet
    }
    lines = finding_lines(HealthReport(findings=found), width, NOW, reasons, remedies, is_roomy=is_roomy)
    return ["".join(text for text, _ in line.pieces).rstrip() for line in lines]


def key(finding: Finding) -> tuple[str, str]:
    return finding.rule, finding.subject


def test_an_action_stands_below_its_finding_and_since_and_samples_give_way_to_it() -> None:
    assert texts(SLOW, width=76, remedies={key(SLOW): RESTART}) == [
        "▲ MED  engine p50 642 ms: each of the last 5 checks took over 500 ms",
        "       remedy: Restart the AI engine (a) · since 22:11 · 5 samples",
    ]
    assert texts(SLOW, width=60, remedies={key(SLOW): RESTART})[-1] == (
        "       remedy: Restart the AI engine (a) · since 22:11"
    )
    assert texts(SLOW, width=48, remedies={key(SLOW): RESTART})[-1] == "       remedy: Restart the AI engine (a)"


@pytest.mark.parametrize("width", range(36, 141, 2))
@pytest.mark.parametrize("remedy", [RESTART, SEE, RowRemedy("too early: proof possible at 19:13:10", "done")])
def test_no_word_of_a_remedy_is_cut_at_any_width(width: int, remedy: RowRemedy) -> None:
    lines = texts(SLOW, width=width, remedies={key(SLOW): remedy})
    assert all(cell_len(line) <= width for line in lines), lines
    told = " ".join(" ".join(lines).split())
    assert not any(line.strip() in ("(a)", "(e)") for line in lines), "a key stands beside what it is for"
    assert any(f"{remedy.label.strip()} {form}" in told for form in remedy.forms)


def test_without_an_action_the_first_clause_that_fits_stands_whole_and_e_shows_the_rest() -> None:
    assert texts(SLOW, width=120, remedies={key(SLOW): SEE})[-1].startswith(
        "       remedy: See what engine waits for now: its load, its own dependencies, its last deployment · since"
    )
    assert "remedy: See what engine waits for now (e) · since" in texts(SLOW, width=72, remedies={key(SLOW): SEE})[-1]


@pytest.mark.parametrize("rule", [one for one in CATALOGUE.values() if one.remedy], ids=lambda one: one.id)
def test_each_rule_has_a_first_clause_that_says_what_to_do(rule: object) -> None:
    for form in clauses(rule.remedy):  # type: ignore[attr-defined]
        assert form.count("(") == form.count(")") and form == form.strip(" ,;:."), form
        assert len(form.split()) > 1, form


def test_what_follows_from_a_cause_does_not_repeat_its_remedy_and_another_fault_says_its_own() -> None:
    remedies: dict[Hashable, RowRemedy] = {
        key(SLOW): RESTART, key(ROUTE): RESTART, key(OTHER): RowRemedy("Stop the job", "offered")
    }  # fmt: skip
    lines = texts(SLOW, ROUTE, OTHER, width=76, remedies=remedies)
    assert ["remedy" in line for line in lines] == [False, True, False, False, True]
    assert "remedy: Stop the job (a)" in lines[-1]
    short = texts(SLOW, ROUTE, OTHER, width=76, remedies=remedies, is_roomy=False)
    assert sum("remedy" in line for line in short) == 1, "a later one may take no line more where there are few"
    assert "remedy" in texts(ROUTE, width=76, remedies=remedies, is_roomy=False)[-1], "but the first one always"


def test_what_is_no_alarm_or_not_judged_yet_has_no_remedy() -> None:
    assert "remedy" not in " ".join(texts(SLOW, width=76, remedies={key(SLOW): RESTART}, engine="muted"))
    assert has_remedy(SLOW) and has_remedy(replace(ROUTE, first_signs="judged at 10:30:20"))
    for one in (
        replace(SLOW, first_signs="judged at 10:30:20"),
        replace(SLOW, held=True),
        replace(SLOW, message=f"{PAST}{SLOW.message}"),
        replace(SLOW, rule="latency.cold_start"),
    ):
        assert not has_remedy(one)


def test_a_later_remedy_that_needs_more_than_a_line_is_left_to_its_explanation() -> None:
    long = RowRemedy("See what route /api/conversations/{conversation_id}/messages/of/a/tenant waits for", "explained")
    lines = texts(SLOW, OTHER, width=60, remedies={key(SLOW): RESTART, key(OTHER): long})
    assert sum("remedy" in line for line in lines) == 1
    assert "remedy" in " ".join(texts(OTHER, width=60, remedies={key(OTHER): long})), "the first one is folded"
