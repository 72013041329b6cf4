"""Remove credentials from text that may hold an address: a second safeguard beside ``Secret``."""

import re

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
