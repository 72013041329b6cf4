"""Profiles in files: what may stand in one, and the sentence for each mistake, with its line and the remedy."""

import tomllib
from pathlib import Path

import pytest

from optimus_tui.dialects.load import MOST_RULES, load_preset, load_table, preset_names, preset_of
from optimus_tui.dialects.model import Dialect
from optimus_tui.dialects.places import DialectError
from optimus_tui.dialects.template import MAX_BYTES, MAX_CAPTURES

RULE = "[dialect]\n\n[[dialect.limits]]\n"
AT = "o.toml:3: rule 1 of [[dialect.limits]]"
KEY = 'key = "a:{tenant}"\n'

MISTAKES = {
    "no tenant": (RULE + 'key = "a:{operation}"', f"{AT}: key has no {{tenant}}"),
    "two greedy captures": (RULE + 'key = "a:{tenant...}:{operation...}"', "keep one"),
    "side by side": (RULE + 'key = "a:{tenant}{operation}"', "two captures side by side"),
    "twice": (RULE + 'key = "a:{tenant}:{tenant}"', "use {any} for a part that says nothing"),
    "unknown capture": (RULE + 'key = "a:{tenant}:{club}"', "unknown capture {club}; known are any, day"),
    "unknown look": (RULE + 'key = "a:{tenant:hsh}"', "unknown look in {tenant:hsh}; known are day, hash"),
    "open brace": (RULE + 'key = "a:{tenant"', "write `{{` for a brace itself"),
    "closing brace": (RULE + 'key = "a:{tenant}}"', "write `}}` for a brace itself"),
    "long": (RULE + f'key = "{"a" * MAX_BYTES}{{tenant}}"', f"must have 1 to {MAX_BYTES} bytes"),
    "empty": (RULE + 'key = ""', f"must have 1 to {MAX_BYTES} bytes"),
    "many captures": (RULE + f'key = "{"{any}a" * 40}{{tenant}}"', f"has more than {MAX_CAPTURES} captures"),
    "no key": (RULE + 'value = "count"', f'{AT} has no key: write key = "…"'),
    "unknown key": (RULE + KEY + 'valeu = "count"', "o.toml:5: rule 1 of [[dialect.limits]]: unknown key 'valeu'; did"),
    "hostile key": (RULE + KEY + '"\\u001b[2J" = 1', "unknown key '\\x1b[2J'; there are also, at"),
    "wrong type": (RULE + "key = 3", "o.toml:4: rule 1 of [[dialect.limits]]: key must be text, not a whole number"),
    "wrong list": (RULE + KEY + "value = [3]", "value must be text, not a whole number"),
    "unknown value": (RULE + KEY + 'value = "cnt"', "unknown value 'cnt'; known are count, remaining"),
    "json nowhere": (RULE + KEY + 'value = "json"', 'as "json current_rpm"'),
    "pair without": (RULE + KEY + 'value = "pair"', "needs previous"),
    "bucket without": (RULE + KEY + 'value = "bucket"', 'write level = "hash tokens"'),
    "unknown word": (RULE + KEY + 'resets = "never"', "o.toml:5: rule 1 of [[dialect.limits]]: resets must be ttl, "),
    "window without stamp": (RULE + KEY + 'resets = "window"', "needs a stamp in the key, as {start_s} or {index}"),
    "small number": (RULE + KEY + "limit = -1", "limit must be a whole number >= 0"),
    "no number": (RULE + KEY + "window_seconds = nan", "window_seconds must be a number > 0"),
    "many names": (RULE + KEY + f"also = {['x'] * 99}", "also must be a list of length <= 32"),
    "unknown preset": (
        '[dialect]\nextends = "optimos"',
        "o.toml:2: there is no preset 'optimos'; did you mean optimus?",
    ),
    "hostile preset": ('[dialect]\nextends = "../optimus"', "o.toml:2: there is no preset '../optimus'"),
    "itself": ('[dialect]\nname = "x"\nextends = "x"', "o.toml:3: a profile cannot extend itself: name a preset ("),
    "unknown table": ('[dialect]\nextend = "optimus"', "o.toml:2: unknown key 'extend'; did you mean extends?"),
    "no list": ("[dialect]\nlimits = 3", "o.toml:2: limits must be a list, not a whole number"),
    "no table": ("[dialect]\nlimits = [3]", "o.toml:2: rule 1 of dialect.limits: limits must be a table"),
    "no word": ('[dialect]\nwritable_layout = "yes"', "writable_layout must be true or false, not text"),
    "inline": (
        '[dialect]\ncache = [{key = "a{tenant}"}, {key = "{"}]',
        "o.toml:2: rule 2 of dialect.cache: key '{' has",
    ),
    "second rule": (
        '[[dialect.cache]]\nkey = "a{tenant}"\n[[dialect.cache]] # one more\nkey = "{"',
        "o.toml:3: rule 2 of [[dialect.cache]]",
    ),
    "gateway key": ('[dialect.gateway]\nhelth = "/x"', "o.toml:2: unknown key 'helth'; did you mean health?"),
    "gateway path": ('[dialect.gateway]\nhealth = "x"', 'o.toml:2: gateway.health is a path and begins with "/"'),
    "header": (
        '[dialect.gateway]\nheader_env = "Authorization: Bearer abc"',
        "the header itself does not belong in a file",
    ),
    "metric key": ('[dialect.metrics.a]\nnam = "x"', "o.toml:2: unknown key 'nam'; did you mean name?"),
    "metric label": ('[dialect.metrics.a]\nname = "x"\nlabels = {a = 3}', "o.toml:3: labels must be text"),
    "feed key": ('[[dialect.feed]]\nchanel = "x"', "unknown key 'chanel'; did you mean channel?"),
    "feed of nothing": ('[[dialect.feed]]\ntype = "/type"', "needs a channel or a pattern of channels, and not both"),
    "feed of both": ('[[dialect.feed]]\nchannel = "a"\npattern = "a*"', "and not both"),
    "no pointer": ('[[dialect.feed]]\nchannel = "a"\ntenant = "team"', 'begins with "/", as "/tenant"'),
    "no payload": ('[[dialect.feed]]\nchannel = "a"\npayload = "xml"', "payload must be json, key or keyevent"),
    "ten thousand rules": (
        "[dialect]\n" + ("[[dialect.limits]]\n" + KEY) * 10_000,
        f"o.toml:1: 10,000 rules are too many; at most {MOST_RULES} are used: merge some",
    ),
}


def loaded(text: str) -> Dialect:
    return load_table(tomllib.loads(text)["dialect"], "o.toml", text)


@pytest.mark.parametrize(("text", "sentence"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_sentence_with_its_place(text: str, sentence: str) -> None:
    with pytest.raises(DialectError) as error:
        loaded(text)
    said = str(error.value)
    assert sentence in said and said.startswith("o.toml:") and said.isprintable() and len(said) < 500


def test_a_profile_stands_on_a_preset_and_its_own_rules_come_first() -> None:
    ours, mine = (
        load_preset("optimus"),
        loaded('[dialect]\nextends = "optimus"\n[[dialect.limits]]\nkey = "q:{tenant}"'),
    )
    assert [rule.template.text for rule in mine.limits] == ["q:{tenant}", *(rule.template.text for rule in ours.limits)]
    assert (mine.cache, mine.event_list, mine.origin) == (ours.cache, ours.event_list, "o.toml:1")
    assert ours.writable_layout and not mine.writable_layout  # the right to write is never inherited


def test_a_preset_cannot_extend_itself_through_others(tmp_path: Path) -> None:
    for name, other in (("a", "b"), ("b", "c"), ("c", "a")):
        (tmp_path / f"{name}.toml").write_text(f'extends = "{other}"\n')
    with pytest.raises(DialectError, match=r"preset c:1: a profile cannot extend itself \(a → b → c → a\)"):
        preset_of(tmp_path, "a")


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_sound(name: str) -> None:
    assert load_preset(name).name == name


@pytest.mark.parametrize(
    "rule",
    [
        'key = "a:{tenant}"\noperation = "rpm"\nbeside = { tpm = "t" }',
        'key = "a:{tenant}"\nvalue = "json r"\nbeside = { tpm = "t" }',
        'key = "a:{tenant}"\noperation = "rpm"\nvalue = "json r"\nbeside = { tpm = "" }',
    ],
)
def test_operations_beside_another_need_a_json_document_and_their_places(rule: str) -> None:
    text = f"[[limits]]\n{rule}\n"
    with pytest.raises(DialectError, match=r"beside names further operations .* as \{ tpm = "):
        load_table(tomllib.loads(text), "x", text, within="")
