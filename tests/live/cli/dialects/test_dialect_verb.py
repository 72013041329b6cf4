"""``dialect`` on a real server: which preset fits, what a profile makes of the names, and that nothing is written."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from optimus_tui.__main__ import run
from tests.live.tools.driver import pipe
from tests.realserver import RealServer

LIMITER = (
    (b"SET", b"LIMITS:LIMITER/acme//api/chat/10/1/minute", b"12", b"EX", b"50"),
    (b"SET", b"LIMITS:LIMITER/globex/list/100/1/hour", b"3"),
    (b"SET", b"session:1", b"x"),
)
AMBIGUOUS = ((b"SET", b"ratelimit:acme:chat", b"1"), (b"SET", b"ratelimit:globex:list", b"2"))
Verb = Callable[..., tuple[int, str]]


@pytest.fixture
def verb(
    server: RealServer, home: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Verb:  # fmt: skip
    for name, value in {**home, "REDIS_URL": server.url}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def answer(*arguments: str) -> tuple[int, str]:
        code = run(list(arguments))
        return code, capsys.readouterr().out

    return answer


def test_a_preset_that_fits_is_one_line_to_write_and_then_reads_all(server: RealServer, verb: Verb) -> None:
    pipe(server.port, *LIMITER)
    before = server.command("DEBUG", "DIGEST")
    code, text = verb("dialect", "detect")
    assert code == 0 and 'dialect = "limits"' in text.split("\n") and "limits fits 2 names" in text
    code, text = verb("doctor")
    assert code == 1 and 'dialect = "limits"' in text and "limits fits 2 names" in text
    Path("optimus.toml").write_text('dialect = "limits"\n')
    code, text = verb("dialect", "detect")
    assert code == 0 and "limits reads 2 counters and 0 cache keys in 3 names" in text
    assert "nothing to write" in text
    code, text = verb("dialect", "test", "optimus.toml", "--format", "json")
    document = json.loads(text)
    (acme, globex) = document["names"][:2]
    assert code == 1  # session:1 is of no rule
    assert (acme["tenant"], acme["operation"], acme["value"], acme["limit"]) == ("acme", "/api/chat", 12, 10)
    assert acme["state"] == "over" and 0 < acme["resets_in_seconds"] <= 50
    assert (globex["tenant"], globex["state"], globex["resets_in_seconds"]) == ("globex", "immortal", None)
    assert document["unmatched"] == [{"shape": "session:…", "count": 1}]
    code, text = verb("dialect", "test", "limits")
    assert "counter  acme" in text and "never" in text and "no rule matches" in text
    assert server.command("DEBUG", "DIGEST") == before


def test_where_names_do_not_tell_the_tenant_it_is_asked(server: RealServer, verb: Verb) -> None:
    pipe(server.port, *AMBIGUOUS)
    code, text = verb("dialect", "detect", "--format", "json")
    document = json.loads(text)
    assert code == 1 and document["fits"] == [] and not document["certain"]
    assert document["shapes"][0]["shape"] == "ratelimit:•:•" and document["shapes"][0]["family"] == "limits"
    Path("asked.toml").write_text(document["toml"])
    assert verb("dialect", "test", "asked.toml")[0] == 2  # places are left to fill in
    Path("asked.toml").write_text(document["toml"].replace("{1}", "{tenant}").replace("{2}", "{operation}"))
    code, text = verb("dialect", "test", "asked.toml")
    assert code == 0 and "counter  acme" in text and "2  counters" in text


def test_hostile_names_drive_no_terminal(server: RealServer, verb: Verb) -> None:
    names = (
        b"ratelimit:\x1b[2J:\x9b1m",
        b"ratelimit:\xe2\x80\xae:b",
        b"LIMITS:LIMITER/\x07/x/1/1/minute",
        b"\xff" * 600,
    )
    pipe(server.port, *((b"SET", name, b"1") for name in names))
    for arguments in (("detect",), ("detect", "--format", "json"), ("test", "limits"), ("test", "home-made")):
        text = verb("dialect", *arguments)[1]
        assert text.replace("\n", "").isprintable(), arguments


def test_an_empty_server_and_one_that_is_away(server: RealServer, verb: Verb, monkeypatch: pytest.MonkeyPatch) -> None:
    code, text = verb("dialect", "detect")
    assert code == 0 and "there is no name to read" in text
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    assert verb("dialect", "detect")[0] == 3
    code, text = verb("dialect", "test", "-", "--format", "json")
    assert code == 3 and json.loads(text)["error"]["code"] == "unreachable"


def test_what_is_wrong_with_the_argument_is_one_sentence(verb: Verb, capsys: pytest.CaptureFixture[str]) -> None:
    Path("wrong.toml").write_text('[[limits]]\nkey = "a:{operation}"\n')
    for arguments, sentence in (
        (("show", "limts"), "there is no preset 'limts'; did you mean limits?"),
        (("test", "nowhere"), "nowhere does not exist; the presets are"),
        (("test", "wrong.toml"), "wrong.toml:1: rule 1 of [[limits]]: key has no {tenant}"),
    ):
        assert run(["dialect", *arguments]) == 2
        assert sentence in capsys.readouterr().err


def test_the_list_and_a_preset_are_printed(verb: Verb) -> None:
    code, text = verb("dialect", "list")
    assert code == 0 and "\nlimits " in text and "\nlitellm " in text
    code, text = verb("dialect", "show", "litellm")
    assert code == 0 and 'key = "{{api_key:{tenant}}}:{operation}"' in text  # not taken for a password
