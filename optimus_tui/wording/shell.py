"""Commands that a person may paste into a shell, safe for any bytes in a name.

A key is never written as a pattern, and a password is never written: redis-cli reads it from REDISCLI_AUTH.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optimus_tui.settings.model import RedisTarget

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-")


def shell_word(raw: bytes | str) -> str:
    """Return one word for bash or zsh that becomes exactly these bytes.

    Raises:
        ValueError: the bytes hold a NUL, which no shell word can.
    """
    if isinstance(raw, str):
        data = raw.encode("utf-8", "surrogateescape")
    else:
        data = raw
    if b"\0" in data:
        raise ValueError("a name with a NUL byte cannot be written as a shell word")
    if data and all(byte in _PLAIN for byte in data) and not data.startswith(b"="):  # zsh: =ls is /usr/bin/ls
        return data.decode("ascii")
    if all(32 <= byte < 127 for byte in data):
        return "'" + data.decode("ascii").replace("'", "'\\''") + "'"
    return "$'" + "".join(_octet(byte) for byte in data) + "'"


def _octet(byte: int) -> str:
    if 32 <= byte < 127 and byte not in b"\\'!":
        return chr(byte)
    return f"\\{byte:03o}"


def redis_cli(target: "RedisTarget", words: Iterable[bytes | str]) -> str:
    """Return a redis-cli line for this server, database and user; redis-cli reads the password from REDISCLI_AUTH."""
    return " ".join([*_client(target), *(shell_word(word) for word in words)])


def redis_cli_any(target: "RedisTarget", words: Sequence[bytes]) -> str:
    """Return a redis-cli line for any bytes: with a NUL, which no shell can pass, the words go to redis-cli's input."""
    if not any(b"\0" in word for word in words):
        return redis_cli(target, words)
    return " ".join(["printf", "'%s\\n'", shell_word(" ".join(map(_quoted, words))), "|", *_client(target)])


def _client(target: "RedisTarget") -> list[str]:
    if target.path:
        where = ["-s", shell_word(target.path)]
    else:
        where = ["-h", shell_word(target.host), "-p", str(target.port)]
    if target.scheme == "rediss":
        where.append("--tls")
    if target.username:
        where += ["--user", shell_word(target.username)]
    if target.db:
        where += ["-n", str(target.db)]
    return ["redis-cli", *where]


def _quoted(word: bytes) -> str:
    """Return a word as redis-cli reads it from its input."""
    plain = (chr(byte) if 32 <= byte < 127 and byte not in b'\\"' else f"\\x{byte:02x}" for byte in word)
    return '"' + "".join(plain) + '"'


def curl(url: str, *headers: tuple[str, bytes | str], method: str = "GET", body: bytes = b"") -> str:
    """Return a curl line for a request with these headers and a body that is sent unchanged."""
    parts = ["curl", "-sS"]
    if any(mark in url for mark in "[]{}"):
        parts.append("-g")  # else curl takes them for lists of addresses
    if method != "GET":
        parts += ["-X", shell_word(method)]
    for name, value in headers:
        if isinstance(value, str):
            value = value.encode()
        header = name.encode() + b";"  # curl sends an empty header only so
        if value:
            header = name.encode() + b": " + value
        parts += ["-H", shell_word(header)]
    if body:
        parts += ["--data-raw", shell_word(body)]
    return " ".join([*parts, shell_word(url)])
