"""Commands that a person may paste into a shell, safe for any bytes in a name.

Refuses to write a pattern where a key is meant, and never writes a password: redis-cli reads it from REDISCLI_AUTH.
"""

from collections.abc import Iterable

from optimus_tui.settings.model import RedisTarget

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-")


def shell_word(raw: bytes | str) -> str:
    """One word for bash or zsh that becomes exactly these bytes (NUL cannot stand in a shell word: ValueError)."""
    data = raw.encode("utf-8", "surrogateescape") if isinstance(raw, str) else raw
    if b"\0" in data:
        raise ValueError("a name with a NUL byte cannot be written as a shell word")
    if data and all(byte in _PLAIN for byte in data):
        return data.decode("ascii")
    if all(32 <= byte < 127 for byte in data):
        return "'" + data.decode("ascii").replace("'", "'\\''") + "'"
    return "$'" + "".join(_octet(byte) for byte in data) + "'"


def _octet(byte: int) -> str:
    if byte in b"\\'":
        return "\\" + chr(byte)
    return chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}"


def redis_cli(target: RedisTarget, words: Iterable[bytes | str]) -> str:
    """A redis-cli line for this server, database and user. The password is left to REDISCLI_AUTH."""
    where = ["-s", shell_word(target.path)] if target.path else ["-h", shell_word(target.host), "-p", str(target.port)]
    if target.scheme == "rediss":
        where.append("--tls")
    if target.username:
        where += ["--user", shell_word(target.username)]
    if target.db:
        where += ["-n", str(target.db)]
    return " ".join(["redis-cli", *where, *(shell_word(word) for word in words)])


def curl(url: str, *headers: tuple[str, bytes | str]) -> str:
    """A curl line for a GET with these headers."""
    parts = ["curl", "-sS"]
    for name, value in headers:
        data = value if isinstance(value, bytes) else value.encode()
        parts += ["-H", shell_word(name.encode() + b": " + data)]
    return " ".join([*parts, shell_word(url)])
