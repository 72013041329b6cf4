"""Commands that are pasted become exactly the bytes they stand for."""

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimus_tui.settings.model import RedisTarget, Secret
from optimus_tui.wording.safe import curl, redis_cli, shell_word

bash = shutil.which("bash")


@pytest.mark.skipif(bash is None, reason="no bash on this machine")
@settings(max_examples=60)
@given(st.binary(min_size=0, max_size=40).filter(lambda raw: b"\0" not in raw))
def test_bash_turns_a_word_back_into_the_same_bytes_row_11(raw: bytes) -> None:
    assert bash is not None
    out = subprocess.run([bash, "-c", "printf %s " + shell_word(raw)], capture_output=True, check=True).stdout
    assert out == raw


@pytest.mark.parametrize(
    "raw", [b"evil secret:payments", b"a'b", b"$(reboot)", b"`x`", b"a\nb", b"-rf", b"*", b"=ls", b"=", b"~"]
)
def test_a_word_is_never_two_words_nor_a_command(raw: bytes) -> None:
    assert bash is not None
    script = f"set -- {shell_word(raw)}; printf '%s|%s' $# \"$1\""
    out = subprocess.run([bash, "-c", script], capture_output=True, check=True).stdout
    assert out == b"1|" + raw


def test_a_nul_byte_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="NUL"):
        shell_word(b"a\0b")


def test_redis_cli_names_the_server_and_never_the_password() -> None:
    target = RedisTarget(
        scheme="rediss", host="cache.example", port=6380, db=2, username="ops", password=Secret("hunter2")
    )
    line = redis_cli(target, ["PTTL", b"rate_limit:a b:chat"])
    assert line == "redis-cli -h cache.example -p 6380 --tls --user ops -n 2 PTTL 'rate_limit:a b:chat'"
    assert "hunter2" not in line


def test_curl_carries_headers_as_one_word() -> None:
    assert curl("http://localhost:8020/health", ("X-Tenant-ID", "a b")) == (
        "curl -sS -H 'X-Tenant-ID: a b' http://localhost:8020/health"
    )


def test_a_word_that_begins_with_an_equals_sign_is_quoted_for_zsh() -> None:
    assert shell_word(b"=ls") == "'=ls'" and shell_word(b"a=b") == "a=b"
    zsh = shutil.which("zsh")
    if zsh is not None:
        out = subprocess.run([zsh, "-fc", "printf %s " + shell_word(b"=ls")], capture_output=True, check=True).stdout
        assert out == b"=ls"


def test_a_line_for_a_cluster_follows_its_redirections() -> None:
    target = RedisTarget(topology="cluster", host="h", port=7000, scheme="rediss")
    assert redis_cli(target, ["GET", b"k"]) == "redis-cli -h h -p 7000 -c --tls GET k"
