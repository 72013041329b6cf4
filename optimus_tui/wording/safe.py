"""Make untrusted bytes and text safe to show, and remove credentials from them.

Nothing else in the package does it.
"""

import re

BLANK_LOOKING = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5\u180b\u180c\u180d\u180f\ufe0e\ufe0f")
MAX_COMBINING = 4


def safe_text(raw: object, limit: int = 200) -> str:
    r"""Return printable text of about ``limit`` characters at most, on one line; longer text loses its middle.

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


_RULES = (
    (re.compile(r"(?P<keep>://)\S*@", re.IGNORECASE), r"\g<keep>***@"),
    (
        re.compile(r"(?P<keep>\b(?:password|passwd|pwd|token|secret|api_?key|auth)\b\s*[=:]\s*)\S+", re.IGNORECASE),
        r"\g<keep>***",
    ),
    (re.compile(r"(?P<keep>\bbearer\s+)\S+", re.IGNORECASE), r"\g<keep>***"),
)


def redact(text: str) -> str:
    """Return ``text`` with the user part of every address, and every named password or token, replaced by ``***``."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text
