"""A preset as TOML to paste: what is printed reads back as the same profile, and each rule says what it means."""

import tomllib
from typing import get_args

import pytest
from msgspec.structs import replace

from optimus_tui.dialects.load import load_preset, load_table, preset_names, preset_table
from optimus_tui.dialects.model import Bucket, Dialect, LimitRule, ValueKind
from optimus_tui.dialects.template import IGNORED, MEANINGS, STAMPS
from optimus_tui.dialects.texts.meanings import CAPTURES, VALUES
from optimus_tui.dialects.texts.toml import dialect_toml, toml_value


def bare(profile: Dialect) -> Dialect:
    """Return the profile without what a comment has, and without where it was read."""
    return replace(profile, name="", about="", origin="", notes=(), signs=())


def comparable(profile: Dialect) -> str:
    """Return all that a profile says; compiled templates by their text."""
    texts = [[one.template.text for one in rules] for rules in (profile.limits, profile.cache)]
    others = [[one.text for one in rules] for rules in (profile.tracking, profile.neighbours)]
    rules: list[object] = [_plain(one) for one in profile.limits]
    rules += [replace(one, template=None) for one in profile.cache]
    services = (profile.gateway, profile.engine, profile.metrics, profile.feeds, profile.event_list)
    return repr((texts, others, rules, services, profile.writable_layout))


def _plain(rule: LimitRule) -> LimitRule:
    beside = tuple(replace(_plain(one), called=None) for one in rule.beside)
    return replace(rule, template=None, called=None, bucket=_bucket(rule), beside=beside)


def _bucket(rule: LimitRule) -> Bucket:
    at = rule.bucket.at_key
    return replace(rule.bucket, at_key=at.text if at else None)


@pytest.mark.parametrize("name", preset_names())
def test_a_printed_preset_reads_back_as_itself(name: str) -> None:
    profile, table = load_preset(name), preset_table(name)
    text = dialect_toml(table, profile)
    assert text.replace("\n", "").isprintable()
    again = load_table(tomllib.loads(text)["dialect"], "o.toml", text)
    assert comparable(bare(again)) == comparable(bare(profile))
    for rule in table.get("limits", ()):
        above = text[: text.index(f"key = {toml_value(rule['key'])}")].rsplit("\n\n", 1)[-1]
        assert above.startswith("# A counter of ") and "its value is" in above


def test_text_of_a_file_is_written_without_control_characters() -> None:
    assert toml_value("a\x1b[2J\x7f\"'") == '"a\\u001b[2J\\u007f\\"\'"'
    assert tomllib.loads(f"x = {toml_value({'/a': ['b', 1, True]})}") == {"x": {"/a": ["b", 1, True]}}


def test_each_capture_and_each_kind_of_value_has_its_meaning() -> None:
    assert set(CAPTURES) == MEANINGS | STAMPS | IGNORED
    assert set(VALUES) == set(get_args(ValueKind))
