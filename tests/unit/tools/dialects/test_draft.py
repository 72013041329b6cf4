"""A profile from what names tell: nothing is answered that they do not tell, and the TOML means what was answered."""

import tomllib
from collections.abc import Sequence

import pytest

from optimus_tui.dialects.detect import detect
from optimus_tui.dialects.layout import KeyLayout
from optimus_tui.dialects.load import load_preset, preset_names
from optimus_tui.tools.dialects.draft import ProfileDraft
from optimus_tui.tools.dialects.finding_out import NamesFound
from optimus_tui.tools.dialects.questions import OWN, ShapeQuestion, open_row, problem_of, reading_of
from tests.unit.dialects.recorded import names_of

PRESETS = [load_preset(name) for name in preset_names()]
AMBIGUOUS = [b"rl:acme:chat", b"rl:clinic_b:chat", b"rl:acme:list"]


def found(
    names: Sequence[bytes], dialect: str = "optimus", configured: bool = False, understood: int = 0
) -> NamesFound:
    return NamesFound(
        dialect=dialect, configured=configured, names=len(names), total=len(names), whole=True,
        counts={"limit": understood}, found=detect(names, PRESETS),
    )  # fmt: skip


def draft_of(names: Sequence[bytes]) -> ProfileDraft:
    return ProfileDraft(found(names), {})


def question_of(draft: ProfileDraft) -> ShapeQuestion:
    (question,) = draft.questions
    assert isinstance(question, ShapeQuestion)
    return question


def test_a_preset_with_names_of_its_own_is_one_line_and_no_question() -> None:
    draft = draft_of([row.key for row in names_of("slowapi-tenant")])
    assert (draft.questions, draft.value(), draft.text()) == ([], "limits", 'dialect = "limits"\n')


def test_names_of_many_programs_begin_without_an_answer_for_reader_part_and_ttl() -> None:
    question = question_of(draft_of(AMBIGUOUS))
    assert [row.name for row in question.rows()] == ["family", "reader"]
    assert "reader" not in question.answers and "not answered yet" in problem_of(question)
    question.answers["reader"] = OWN
    open_rows = [row.name for row in question.rows() if row.name not in question.answers]
    assert open_rows == ["part1", "part2", "no_ttl"], "express mends a lost TTL, home-made limiters do not: it is asked"
    question.answers |= {"part1": "any", "part2": "operation", "no_ttl": "heals"}
    assert "say which part it is" in problem_of(question)


def test_the_answers_make_a_rule_that_reads_the_names_and_is_written_as_it_is_meant() -> None:
    draft = draft_of(AMBIGUOUS)
    question = question_of(draft)
    question.answers |= {"reader": OWN, "part1": "tenant", "part2": "operation", "no_ttl": "heals"}
    assert reading_of(question) == "rl:acme:chat is read as tenant acme, operation chat"
    written = tomllib.loads(draft.text())["dialect"]
    assert written == draft.value()
    rule = draft.profile().limits[0]
    assert (rule.template.text, rule.no_ttl, rule.values) == ("rl:{tenant}:{operation}", "heals", ("count", "log"))
    layout = KeyLayout(draft.profile())
    assert {layout.parse(name).tenant for name in AMBIGUOUS} == {b"acme", b"clinic_b"}


def test_a_preset_may_be_chosen_for_them_and_they_may_be_left() -> None:
    draft = draft_of(AMBIGUOUS)
    question = question_of(draft)
    question.answers["reader"] = "express"
    assert problem_of(question) == "" and "operation" in reading_of(question)
    assert draft.value() == "express"
    question.answers["family"] = "leave"
    assert (draft.value(), reading_of(question)) == ("optimus", "rl:acme:chat stays unread")


def test_a_sole_tenant_is_a_word_that_can_be_said_to_be_the_tenant() -> None:
    question = question_of(draft_of([b"quota:acme:chat", b"quota:acme:list"]))
    question.answers |= {"part1": "tenant", "part2": "operation", "no_ttl": "normal"}
    assert question.rule() == (
        "limits", {"key": "quota:{tenant}:{operation}", "value": ["count", "log"], "no_ttl": "normal"},
    )  # fmt: skip


def test_a_stamp_says_by_itself_what_a_missing_ttl_means() -> None:
    question = question_of(draft_of([b"quota:acme:2026-01-31", b"quota:clinic_b:2026-01-31"]))
    question.answers["part1"] = "tenant"
    assert problem_of(question) == ""
    assert question.rule() == ("limits", {"key": "quota:{tenant}:{day}", "value": ["count", "log"], "no_ttl": "dated"})


def test_what_was_there_before_stays_below_or_above() -> None:
    names = [row.key for row in names_of("slowapi-tenant")]
    assert ProfileDraft(found(names, understood=3), {}).value() == {"extends": ["limits", "optimus"]}
    assert ProfileDraft(found(names, "litellm", configured=True), {}).value() == {"extends": ["litellm", "limits"]}
    own = {"extends": "fastapi-cache", "limits": [{"key": "own:{tenant}"}]}
    draft = ProfileDraft(found([*names, *AMBIGUOUS], "own", configured=True), own)
    question_of(draft).answers |= {"reader": OWN, "part1": "tenant", "part2": "any", "no_ttl": "stuck"}
    value = draft.value()
    assert isinstance(value, dict) and value["extends"] == ["fastapi-cache", "limits"]
    assert [rule["key"] for rule in value["limits"]] == ["own:{tenant}", "rl:{tenant}:{any}"]
    added = tomllib.loads(draft.text())["dialect"]
    assert added == {"limits": value["limits"][1:]}, "the file has its own rules already"


def test_two_presets_with_the_same_names_are_asked() -> None:
    draft = draft_of([row.key for row in names_of("apisix-limit-count-new")])
    (question,) = draft.questions
    assert open_row(question) is not None and "your version decides" in question.about
    question.answers["preset"] = "apisix-used"
    assert draft.value() == "apisix-used"


def test_a_prefix_before_the_tenant_keeps_all_else_that_the_preset_says() -> None:
    draft = draft_of([row.key for row in names_of("slowapi-tenant-endpoint-prefix")])
    (question,) = draft.questions
    question.answers["prefix"] = "yes"
    rule, preset = draft.profile().limits[0], load_preset("limits").limits[0]
    assert (rule.no_ttl, rule.values, rule.resets) == (preset.no_ttl, preset.values, preset.resets)
    assert tomllib.loads(draft.text())["dialect"] == draft.value()


@pytest.mark.parametrize(
    "name", [b"rl:\x1b[2J:a", b"rl:{1}:{tenant}", b'rl:"\n[x]:b', b"rl:\xff\xfe:c", b"\x00limit:" * 9]
)
def test_hostile_names_make_neither_a_crash_nor_a_broken_file(name: bytes) -> None:
    draft = draft_of([name, name + b"2"])
    for question in draft.questions:
        assert reading_of(question).isprintable() and question.title.isprintable() and question.about.isprintable()
        for row in list(question.rows()):
            question.answers.setdefault(row.name, next(iter(row.choices)))
        question.answers["reader"] = OWN
        for row in list(question.rows()):
            question.answers.setdefault(row.name, next(iter(row.choices)))
        assert reading_of(question).isprintable()
        assert all(row.label.isprintable() for row in question.rows())
    if not any(problem_of(question) for question in draft.questions):
        assert tomllib.loads(draft.text())


@pytest.mark.parametrize(
    ("names", "answers", "key"),
    [
        (
            (b"{acme}:rl:chat", b"{beta}:rl:chat", b"{beta}:rl:find"), {"part0": "tenant", "part2": "operation"},
            "{{{tenant}}}:rl:{operation}",
        ),
        (
            (b"{acme:chat}:rl", b"{beta:chat}:rl", b"{beta:find}:rl"), {"part0": "tenant", "part1": "operation"},
            "{{{tenant}:{operation}}}:rl",
        ),
    ],
)  # fmt: skip
def test_a_tenant_inside_a_hash_tag_is_asked_for(names: tuple[bytes, ...], answers: dict[str, str], key: str) -> None:
    draft = draft_of(names)
    question_of(draft).answers |= {**answers, "reader": OWN, "no_ttl": "heals"}
    assert draft.rules()["limits"][0]["key"] == key
    parsed = KeyLayout(draft.profile()).parse(names[0])
    assert (parsed.family, parsed.tenant, parsed.operation) == ("limit", b"acme", b"chat")
