"""Classify redirects: one to the same origin is followed once, any other is reported. Pure.

An answer can never choose another host, port or scheme, and of an address only the origin is repeated.
"""

from urllib.parse import urljoin, urlsplit

from optimus_tui.wording.safe import safe_text

CODES = frozenset((301, 302, 303, 307, 308))
LONGEST = 2000
DEFAULT_PORTS = {"http": 80, "https": 443}


def same_origin(url: str, location: str) -> str | None:
    """Return the address that ``location`` names relative to ``url`` where it has the same origin; None otherwise."""
    target = _joined(url, location)
    if target is None or target == url or _origin(target) != _origin(url):
        return None
    return target


def elsewhere(url: str, location: str) -> str:
    """Return the text for a redirect that is not followed: the origin it names, and nothing more of it."""
    target = _joined(url, location)
    origin = _origin(target or "")
    if not target or origin is None:
        return "to an address that is none"
    scheme, host, port = origin
    if ":" in host:
        host = f"[{host}]"
    if origin != _origin(url):
        return f"to {safe_text(f'{scheme}://{host}:{port}', 100)}"
    return "to the same server again"


def _joined(url: str, location: str) -> str | None:
    if not location or len(location) > LONGEST or not location.isascii() or not location.isprintable():
        return None
    if " " in location or "\\" in location:
        return None
    try:
        joined = urljoin(url, location)
        parts = urlsplit(joined)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or parts.username is not None or not parts.hostname:
        return None
    return joined.partition("#")[0]


def _origin(url: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme, 80)
    except ValueError:
        return None
    return parts.scheme.lower(), (parts.hostname or "").lower(), port
