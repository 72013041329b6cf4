"""The letters of notify-keyspace-events that a profile's feeds need."""

import pytest

from optimus_tui.dialects.feeds.notifications import needed_letters
from optimus_tui.dialects.model import FeedRule


@pytest.mark.parametrize(
    ("channels", "letters"),
    [
        ([], ""),
        (["cache_coherence:*"], ""),
        (["__keyevent@0__:del"], "Eg"),
        (["__keyevent@*__:expired", "__keyevent@*__:evicted", "__keyevent@*__:del"], "Exeg"),
        (["__keyevent@0__:set", "__keyevent@0__:*"], "EA"),
        (["__keyspace@0__:cache:*"], "KA"),
        (["__keyevent@0__:something_new"], "EA"),
    ],
)
def test_the_letters_of_channels(channels: list[str], letters: str) -> None:
    assert needed_letters(FeedRule(pattern=one) for one in channels) == letters
