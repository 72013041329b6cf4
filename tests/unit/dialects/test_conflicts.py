"""Rules that can match the same name are found by walking through both templates, and never where none can."""

import tomllib

import pytest

from optimus_tui.dialects.conflicts import common_name, conflict_notes
from optimus_tui.dialects.load import load_table
from optimus_tui.dialects.machines import machine_of
from optimus_tui.dialects.template import LOOKS, Template

BOTH = [
    ("rl:{tenant}:{operation}", "rl:{operation}:{tenant}"),
    ("ratelimit:{tenant}:{day}", "ratelimit:{tenant}:{index}"),
    ("a:{tenant}:{hash}", "a:{tenant}:{n}"),
    ("{{{tenant}:{operation}}}:hits", "{{{tenant:hash}:{rest}}}:hits"),
    ("x_{tenant}_op_{operation...}_{start_s}", "x_{tenant...}_{start_s}"),
    ("a:{tenant...}", "a:{tenant}:{n}:{operation}"),
    ("a{tenant}", "{tenant}b"),
    ("{tenant}::{minute}::c", "{any}:{tenant}::{minute}::c"),
    ("x:{tenant}:{unit}", "x:{tenant}:{operation}"),
    ("r:{uuid}:{tenant}", "r:{any}:{tenant}"),
    ("exact", "ex{tenant}"),
]
APART = [
    ("rl:{tenant}", "rl:{tenant}:{operation}"),
    ("rate_limit:{tenant...}:{operation}", "rate_limit:{tenant}"),
    ("a:{tenant}:{uuid}", "a:{tenant}:{hash}"),
    ("a:{tenant}:{start_s}", "a:{tenant}:{start_ms}"),
    ("a:{tenant}:{day}", "a:{tenant}:{hhmm}"),
    ("{hash}", "{any}:{hash}"),
    ("LIMITS:LIMITER/{tenant}/{limit}/{times}/{unit}", "LIMITS:LIMITER/{tenant}/{operation...}/{limit}/{times}/{unit}"),
    ("a:{tenant:md5}", "a:{tenant:sha256}"),
    ("a:{tenant}:x", "a:{tenant}:y"),
    ("a:{tenant}", "b:{tenant}"),
    ("a::{tenant}", "a:{tenant}"),
]


@pytest.mark.parametrize(("one", "other"), BOTH)
def test_a_name_of_both_is_found(one: str, other: str) -> None:
    for left, right in ((Template(one), Template(other)), (Template(other), Template(one))):
        name = common_name(left, right)
        assert name is not None
        assert all(left.match(name) or []) and left.match(name) is not None
        assert all(right.match(name) or []) and right.match(name) is not None


@pytest.mark.parametrize(("one", "other"), APART)
def test_templates_that_are_apart(one: str, other: str) -> None:
    assert common_name(Template(one), Template(other)) is None
    assert common_name(Template(other), Template(one)) is None


@pytest.mark.parametrize("looks", sorted(LOOKS))
def test_each_form_is_walked_through_as_it_matches(looks: str) -> None:
    """A form can follow itself with any text between, and a name that is found passes the pattern's own check."""
    form = Template(f"a:{{any:{looks}{'...' * (looks == 'ip6')}}}")  # an address holds the separator itself
    name = common_name(form, Template("a:{any...}"))
    assert name is not None and LOOKS[looks].fullmatch(name[2:])
    assert len(machine_of(form).moves) < 500


def test_a_profile_s_notes_name_both_rules_and_an_example() -> None:
    text = '[[limits]]\nkey = "rl:{tenant}:{operation}"\n[[limits]]\nkey = "rl:{operation}:{tenant}"\n'
    (note,) = load_table(tomllib.loads(text), "optimus.toml", text, within="").notes
    assert "'rl:{tenant}:{operation}' and 'rl:{operation}:{tenant}' both match 'rl:x:x'" in note
    meant = load_table(tomllib.loads(text + "fallback = true\n"), "optimus.toml", text, within="")
    assert meant.notes == () and meant.limits[1].fallback


def test_a_rule_before_those_of_its_preset_is_meant() -> None:
    text = 'extends = "limits"\n[[limits]]\nkey = "LIMITS:LIMITER/gw/{tenant}/{operation...}/{limit}/{times}/{unit}"\n'
    assert load_table(tomllib.loads(text), "optimus.toml", text, within="").notes == ()


def test_many_rules_are_compared_within_bounds() -> None:
    rules = ["{any...}" + "x" * at + ":{tenant}" for at in range(200)]
    table = {"limits": [{"key": key} for key in rules]}
    notes = load_table(table, "optimus.toml", within="").notes
    assert len(notes) <= 12 and any("more pairs" in note or "too many" in note for note in notes)


def test_nothing_is_said_of_no_rules() -> None:
    assert conflict_notes("limits", ()) == ()
