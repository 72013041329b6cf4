"""The environment of child processes, without our secrets.

Every process that is started (editor, tmux, tests, demo, watchdog) gets its environment here; a house test checks that.
Left out are variables with a secret's name, values with a password in an address, and every value that contains one of
the passwords found that way.
"""

import os
import re
from collections.abc import Collection, Mapping
from urllib.parse import unquote

from optimus_tui.settings.table import BY_KEY, VARIABLES

OURS = frozenset(
    {
        *(name for name, key in VARIABLES.items() if BY_KEY[key].connects),
        *("OPERATOR_REDIS_URL", "OPTIMUS_HTTP_TOKEN", "REDISCLI_AUTH", "PGPASSWORD", "DATABASE_URL"),
    }
)
"""Addresses and logins of the watched systems: no child process gets them."""
MINIMAL = ("PATH", "HOME", "LANG", "TMPDIR")
"""What a program needs to start at all."""
_SECRET_NAME = re.compile(
    r"(^|_)(TOKENS?|PASSWORDS?|PASSWD|PASSPHRASE|PASS|PWD_HASH|SECRETS?|APIKEY|(?<!SSH_)(?<!X)AUTH|CREDENTIALS?|DSN|PAT)$"
    r"|(^|_)(SECRET|PRIVATE|API|ACCESS|ACCOUNT|SIGNING|ENCRYPTION|MASTER)_?KEY(_ID)?$|_KEY$"
    r"|^OPTIMUS_.*_URL$|^(AWS|AZURE|GCP|GOOGLE)_.*(TOKEN|SECRET|KEY|CREDENTIALS)",
    re.IGNORECASE,
)
_LOGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#\s]*?:([^@\s]*)@|[a-z][a-z0-9+.-]*://([^:/?#\s]+)@", re.IGNORECASE)
_NAMED = re.compile(r"\b(?:password|passwd|secret|token)\s*[=:]\s*['\"]?([^\s'\"&]+)", re.IGNORECASE)
SHORTEST_SECRET = 6
"""Shorter secrets are not searched in other values, where they would occur by chance."""


def child_environment(
    keep: Collection[str] | None = None, environment: Mapping[str, str] | None = None, /, **more: str
) -> dict[str, str]:
    """Return the variables for a child: those in ``keep`` (None: all) that hold no secret, and ``more``."""
    given = os.environ if environment is None else environment
    secrets = {word for name, value in given.items() for word in _secrets_in(name, value)}
    kept = {
        name: value
        for name, value in given.items()
        if (keep is None or name in keep)
        and not _is_secret_name(name)
        and not _passwords_in(value)
        and not any(word in value for word in secrets)
    }
    return kept | more


def minimal_environment(**more: str) -> dict[str, str]:
    """Return the variables that a program needs to start, and ``more``: for code that others wrote."""
    return child_environment(MINIMAL, LC_ALL="C.UTF-8", PYTHONUTF8="1", **more)


def _is_secret_name(name: str) -> bool:
    return name.upper() in OURS or _SECRET_NAME.search(name) is not None


def _passwords_in(value: str) -> set[str]:
    found = {word for match in _LOGIN.finditer(value) for word in match.groups() if word}
    return found | {match.group(1) for match in _NAMED.finditer(value)}


def _secrets_in(name: str, value: str) -> set[str]:
    words = _passwords_in(value)
    if _is_secret_name(name) and "://" not in value:
        words = words | {value}
    words |= {unquote(word) for word in words}
    return {word for word in words if len(word) >= SHORTEST_SECRET}
