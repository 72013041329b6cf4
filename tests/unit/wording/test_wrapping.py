"""Lines break between words: a URL keeps host and port, a path breaks behind a slash, nothing is lost."""

import pytest

from optimus_tui.wording.wrapping import elided, in_short, shortened_between_words, wrap

URL = "http://127.0.0.1:31587/api/v1/conversations/{id}/messages?limit=50"


@pytest.mark.parametrize("width", range(22, 70))
def test_host_and_port_of_a_url_stay_on_one_line_and_nothing_is_lost(width: int) -> None:
    lines = wrap(f"see {URL} now", width)
    assert any("http://127.0.0.1:31587" in line for line in lines)
    assert "".join(lines).replace(" ", "") == f"see{URL}now"
    assert all(len(line) <= width for line in lines)


@pytest.mark.parametrize("width", range(14, 40))
def test_a_path_is_broken_behind_a_sign_and_never_in_a_word(width: int) -> None:
    lines = wrap("/api/v1/update_conversation/messages", width)
    assert "".join(lines) == "/api/v1/update_conversation/messages"
    assert all(line[-1] in "/_" for line in lines[:-1])


def test_a_word_that_no_line_holds_is_broken_and_a_number_keeps_its_unit() -> None:
    assert wrap("3448032109f3", 5) == ["34480", "32109", "f3"]
    assert wrap("it took 125 ms", 12) == ["it took", "125 ms"]
    assert wrap("2 d 4 h old", 5) == ["2 d", "4 h", "old"]


def test_a_name_loses_its_middle_and_a_url_its_path() -> None:
    assert elided("update_conversation", 15) == "update_co…ation"
    assert elided(URL, 30).startswith("http://127.0.0.1:31587/")
    assert elided(URL, 18).startswith("127.0.0.1:31587")


def test_a_sentence_is_shortened_between_words() -> None:
    assert shortened_between_words("demo: noisy tenant", 20) == "demo: noisy tenant"
    assert shortened_between_words("demo: noisy tenant", 14) == "demo: noisy …"
    assert shortened_between_words("demo: noisy tenant", 4) == ""


@pytest.mark.parametrize(
    ("message", "short"),
    [
        ("acme / chat has used up its limit: 5 of 4 (125 %)", "acme / chat has used up its limit"),
        (
            "robot (88f1c0de…) / requests has used up its limit: 5 of 4",
            "robot (88f1c0de…) / requests has used up its limit",
        ),
        ("acme / tokens (gpt-4) never resets (no TTL)", "acme / tokens (gpt-4) never resets"),
        ("3 keys have no TTL (of 12: all of cache)", "3 keys have no TTL"),
    ],
)
def test_in_short_the_brackets_of_a_name_stay_and_those_of_a_reason_go(message: str, short: str) -> None:
    assert in_short(message) == short
