"""INFO's text into fields, whatever answered."""

import math

from hypothesis import given
from hypothesis import strategies as st

from optimus_tui.grammar.info import keys_in, parse_info, real, whole

SAMPLE = (
    b"# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\n\r\n"
    b"# Keyspace\r\ndb0:keys=42,expires=1,avg_ttl=0\r\nratio:1.5\r\n"
)


def test_fields_are_read_and_numbers_only_where_they_are_numbers() -> None:
    fields = parse_info(SAMPLE)
    assert fields["redis_version"] == "7.0.15"
    assert (keys_in(fields, 0), keys_in(fields, 1)) == (42, None)
    assert (whole(fields, "ratio"), real(fields, "ratio"), whole(fields, "nothing")) == (None, 1.5, None)


@given(st.one_of(st.binary(), st.text(), st.none(), st.integers(), st.lists(st.integers())))
def test_any_reply_gives_fields_or_none_and_never_an_error(reply: object) -> None:
    fields = parse_info(reply)
    for name in fields:
        assert isinstance(whole(fields, name), int | None)
        number = real(fields, name)
        assert number is None or math.isfinite(number)


def test_numbers_that_are_none_stay_unknown() -> None:
    fields = parse_info("a:nan\nb:inf\nc:" + "9" * 5000 + "\nd:--1\ne:²\nf:-5")
    assert [whole(fields, name) for name in "abcdef"] == [None, None, None, None, None, -5]
    assert [real(fields, name) for name in "abcde"] == [None] * 5


def test_a_flood_of_lines_is_bounded() -> None:
    assert len(parse_info(b"\n".join(b"f%d:1" % index for index in range(50_000)))) == 2000
