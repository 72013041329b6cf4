"""Addresses of HTTP services: http and https only, nothing secret in them."""

import pytest

from optimus_tui.settings.service_urls import parse_http_url
from optimus_tui.settings.table import SettingsError


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("http://localhost:8020", "http://localhost:8020"),
        ("http://localhost:8020/", "http://localhost:8020"),
        ("HTTPS://gw.example/base//", "https://gw.example/base"),
        ("http://[::1]:8020", "http://[::1]:8020"),
        (" http://h ", "http://h"),
    ],
)
def test_plain_addresses_lose_their_trailing_slash(url: str, read: str) -> None:
    assert parse_http_url(url, "X") == read


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h",
        "file:///etc/passwd",
        "h:80",
        "",
        "http://",
        "http://u:CANARY@h",
        "http://h?token=CANARY",
        "http://h#CANARY",
        "http://h:0",
        "http://h:99999",
        "http://h:CANARY",
        "http://[::1",
        "http://[CANARY]",
        "http://h/CANARY\x1b[2J",
        "http://h/ CANARY",
        "http://CANARY!",
        "http://h/CANARY\\x",
    ],
)
def test_everything_else_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_http_url(url, "AI_ENGINE_URL")
    assert str(refused.value).startswith("AI_ENGINE_URL: ")
    assert "CANARY" not in str(refused.value)
    assert str(refused.value).isprintable()
