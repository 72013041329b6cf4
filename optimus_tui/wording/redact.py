"""Takes credentials out of text that may hold an address: the net under ``Secret``, for texts that others wrote."""

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
    """``text`` with the user part of every address, and every named password or token, replaced by ``***``."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text
