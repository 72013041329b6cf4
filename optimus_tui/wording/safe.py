"""Make untrusted bytes and text safe to show, remove credentials, and write commands that may be pasted into a shell.

Nothing else in the package does it. A command never contains a key as a pattern, and never a password: redis-cli reads
that from REDISCLI_AUTH.
"""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optimus_tui.settings.model import RedisTarget


BLANK_LOOKING = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5\u180b\u180c\u180d\u180f\ufe0e\ufe0f")
MAX_COMBINING = 4
_RULES = (
    (re.compile(r"(?P<keep>://)\S*@", re.IGNORECASE), r"\g<keep>***@"),
    (
        re.compile(r"(?P<keep>\b(?:password|passwd|pwd|token|secret|api_?key|auth)\b\s*[=:]\s*)\S+", re.IGNORECASE),
        r"\g<keep>***",
    ),
    (re.compile(r"(?P<keep>\bbearer\s+)\S+", re.IGNORECASE), r"\g<keep>***"),
)
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-")


def safe_text(raw: object, limit: int = 200) -> str:
    r"""Return printable text of about ``limit`` characters at most, on one line; a longer text is cut in its middle.

    ``raw`` may be bytes (decoded as UTF-8, bad bytes shown as ``\xff``), text, or an exception.
    """
    most, ending = 4 * limit + 8, ""
    if isinstance(raw, (bytes, bytearray, memoryview)):
        size = len(raw)
        text = bytes(raw[:most]).decode("utf-8", "backslashreplace")
        if size > most:
            ending = bytes(raw[-64:]).decode("utf-8", "backslashreplace")
    else:
        whole = str(raw)
        size = len(whole)
        text = whole[:most]
        if size > most:
            ending = whole[-16:]
    if text.isascii() and text.isprintable() and len(text) <= limit and not ending:
        return text
    shown = _escape(text)
    if len(shown) <= limit and not ending:
        return shown
    last = _escape(ending or text[-16:])[-6:]
    return f"{shown[: max(1, limit - 16)]}…{last} ({size:,})"


def safe_sentence(raw: object, limit: int = 300) -> str:
    """Return a sentence as safe text of at most ``limit`` characters; a longer one is cut after a word, with ``…``.

    For sentences, whose beginning matters most. For names use ``safe_text``, which keeps both ends.
    """
    whole = str(raw)
    shown = _escape(whole[: limit + 1])
    if len(whole) <= limit and len(shown) <= limit:
        return shown
    head = shown[: limit - 1]
    if " " in head[limit // 2 :]:
        head = head[: head.rfind(" ")]
    return f"{head}…"


def _escape(text: str) -> str:
    out: list[str] = []
    combining = 0
    for char in text:
        if not char.isprintable() or char in BLANK_LOOKING or "\U000e0100" <= char <= "\U000e01ef":
            out.append(char.encode("unicode_escape").decode("ascii"))
            combining = 0
        elif _is_mark(char):
            combining += 1
            if combining <= MAX_COMBINING:
                out.append(char)
        else:
            combining = 0
            out.append(char)
    return "".join(out)


def _is_mark(char: str) -> bool:
    import unicodedata

    return char > "\u02ff" and unicodedata.category(char) in ("Mn", "Me")


def is_plain(raw: bytes) -> bool:
    """Return True for printable ASCII, which cannot be misread. Any other name is marked with a badge."""
    return raw.isascii() and raw.decode("ascii").isprintable()


def redact(text: str) -> str:
    """Return ``text`` with the user part of every address, and every named password or token, replaced by ``***``."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


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
    """Return a redis-cli line for any bytes. With a NUL, which no shell can pass, the words go to redis-cli's stdin."""
    if not any(b"\0" in word for word in words):
        return redis_cli(target, words)
    return " ".join(["printf", "'%s\\n'", shell_word(" ".join(map(_quoted, words))), "|", *_client(target)])


def _client(target: "RedisTarget") -> list[str]:
    tls = ["--tls"] if target.scheme == "rediss" else []
    where = ["-h", shell_word(target.host), "-p", str(target.port)]
    if target.path:
        where = ["-s", shell_word(target.path)]
    elif target.topology == "cluster":
        where.append("-c")
    elif target.topology == "sentinel":
        ask = " ".join(["redis-cli", *where, *tls, "sentinel get-master-addr-by-name", shell_word(target.service)])
        where = ["-h", f'"$({ask} | sed -n 1p)"', "-p", f'"$({ask} | sed -n 2p)"']
    where += tls
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
