"""What a filter may ask of a cache key: one object looked through for key after key."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from optimus_tui.contract.cache import KeyDetail
from optimus_tui.wording.safe import safe_text

FIELDS = ("text", "key", "kind", "tenant", "ttl", "size", "type", "expires")
LONGEST = 4_096
"""Characters of a name that a filter looks at."""


class KeyFields(Mapping[str, str | float | None]):
    """The fields of the key that was given to ``of`` last.

    ``ttl`` is in seconds, None for a key that never expires or whose TTL is unknown; ``size`` (bytes) and ``type`` are
    there once the key's details were read; ``expires`` is "never", "yes" or "unknown".
    """

    def __init__(
        self,
        kind: bytes,
        tenant: bytes,
        expires_ms: Callable[[bytes, bytes, bytes], int],
        details: Mapping[bytes, KeyDetail],
        now_ms: int,
    ) -> None:
        self._kind, self._tenant = kind, tenant
        self._words = {"kind": safe_text(kind), "tenant": safe_text(tenant)}
        self._expires_ms, self._details, self._now_ms = expires_ms, details, now_ms
        self._name = b""

    def of(self, name: bytes) -> "KeyFields":
        """Look at this key from now on."""
        self._name = name
        return self

    def get(self, key: str, default: Any = None) -> Any:
        """Return a field of the key."""
        if key in ("text", "key"):
            if self._name.isascii() and (text := self._name.decode("ascii")).isprintable():
                return text
            return safe_text(self._name, LONGEST)
        if key in self._words:
            return self._words[key]
        if key in ("ttl", "expires"):
            return self._expiry(key)
        if key in FIELDS:
            detail = self._details.get(self._name)
            if detail is None:
                return None
            return detail.bytes_used if key == "size" else detail.type
        return default

    def _expiry(self, key: str) -> str | float | None:
        at = self._expires_ms(self._kind, self._tenant, self._name)
        if key == "expires":
            if at >= 0:
                return "yes"
            return "never" if at == -1 else "unknown"
        return max(0.0, (at - self._now_ms) / 1000) if at >= 0 else None

    def __contains__(self, key: object) -> bool:
        return key in FIELDS

    def __getitem__(self, key: str) -> str | float | None:
        if key not in FIELDS:
            raise KeyError(key)
        return self.get(key)  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[str]:
        return iter(FIELDS)

    def __len__(self) -> int:
        return len(FIELDS)
