"""The names of cached answers: `cache:{kind}:{tenant}:{rest}`.

A kind holds no colon and neither does the rest, so the tenant is all that lies between: no two questions share a
name, and no tenant can spell another one's, colons or not. No rest at all is written `*`: the one answer of its kind.
"""

import re
from typing import NamedTuple
from urllib.parse import quote

_KIND = re.compile(r"[a-z][a-z0-9_]{0,63}")
_GLOB = re.compile(r"([\\*?\[\]^-])")


class CacheKey(NamedTuple):
    """A name taken apart. `rest` is as written: parts percent-encoded, joined by slashes."""

    kind: str
    tenant: str
    rest: str

    @property
    def first(self) -> str:
        """The first part of the rest: the id of the thing, where the kind is about one thing."""
        return self.rest.partition("/")[0]


def encode_part(part: str | int) -> str:
    """Return one part of the rest in letters, digits and `_.-~%` only."""
    return quote(str(part), safe="", errors="surrogatepass")


def generate_cache_key(kind: str, tenant: str, *rest: str | int) -> str:
    """Return the name of an answer; ValueError for a kind or tenant that cannot be told apart again."""
    if not _KIND.fullmatch(kind):
        raise ValueError(f"a cache kind is lower-case letters, digits and _, not {kind!r}")
    if not tenant:
        raise ValueError("a cache key needs a tenant")
    return f"cache:{kind}:{tenant}:{'/'.join(map(encode_part, rest)) or '*'}"


def parse_cache_key(key: bytes | str) -> CacheKey | None:
    """Take a name apart, or return None for one that is not ours to judge."""
    try:
        text = key if isinstance(key, str) else key.decode()
        prefix, kind, remainder = text.split(":", 2)
    except ValueError:  # too few colons, or not UTF-8
        return None
    tenant, _, rest = remainder.rpartition(":")
    if prefix != "cache" or not tenant or not rest:
        return None
    return CacheKey(kind, tenant, rest)


def escape_glob(text: str) -> str:
    """Return text that matches only itself in a SCAN pattern."""
    return _GLOB.sub(r"\\\1", text)


def cache_pattern(kind: str, tenant: str) -> str:
    """Return the SCAN pattern of a tenant's answers of one kind, or of every kind for `*`."""
    return f"cache:{kind}:{escape_glob(tenant)}:*"


def tracking_key(tenant: str, kind: str) -> str:
    """Return the key that holds the generation of a tenant's answers of one kind."""
    return f"cache_coherence:{tenant}:{kind}"
