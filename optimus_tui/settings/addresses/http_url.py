"""Parse the addresses of HTTP services strictly. Passwords are refused, because addresses are shown on screens."""

import re
from ipaddress import AddressValueError, IPv6Address

from optimus_tui.settings.errors import SettingsError
from optimus_tui.settings.text import unquoted

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,252})?", re.ASCII)
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_BARE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}:[0-9]{1,5}(/[A-Za-z0-9/._-]*)?", re.ASCII)
"""A host and a port without a scheme; it holds no password and may be repeated."""
_PATH = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:%-]*)*", re.ASCII)


def parse_http_url(text: str, where: str) -> str:
    """Return ``http(s)://host[:port][/path]`` without a trailing slash; SettingsError naming ``where`` otherwise."""
    url = unquoted(text)
    if not url.isprintable() or " " in url:
        raise SettingsError(f"{where}: the address holds a space or a control character")
    scheme, mark, rest = url.partition("://")
    if not mark or scheme.lower() not in ("http", "https"):
        remedy = ""
        if _BARE.fullmatch(url):
            remedy = f"; write http://{url}"
        raise SettingsError(f"{where}: the address of a service begins with http:// or https://{remedy}")
    if "@" in rest:
        raise SettingsError(f"{where}: the address must not hold a user name or a password")
    if "?" in rest or "#" in rest:
        raise SettingsError(f"{where}: the address must not hold a query or a fragment (? or #)")
    authority, slash, path = rest.partition("/")
    host = _host_port(authority, where)
    if not _PATH.fullmatch(slash + path):
        raise SettingsError(f"{where}: the path of the address holds characters that must be percent-encoded")
    return f"{scheme.lower()}://{host}{slash}{path}".rstrip("/")


def parse_http_urls(text: str, where: str) -> tuple[str, ...]:
    """Return the addresses of a comma-separated list, each once; SettingsError for a bad one or an empty list."""
    parts = [part for part in unquoted(text).split(",") if part.strip()]
    return tuple(dict.fromkeys(parse_http_url(part, where) for part in parts or [""]))


def without_suffix(url: str, suffixes: tuple[str, ...], where: str, notes: list[str]) -> str:
    """Return the address without a path that is added later, such as ``/health``; ``notes`` names what was cut."""
    for suffix in suffixes:
        if url.endswith(suffix):
            notes.append(f"{where}: {suffix} is left out of the address, because it is added where it is needed")
            return url.removesuffix(suffix).rstrip("/")
    return url


def _host_port(authority: str, where: str) -> str:
    if authority.startswith("["):
        inside, bracket, tail = authority[1:].partition("]")
        try:
            host = f"[{IPv6Address(inside if bracket else '')}]"
        except AddressValueError:
            raise SettingsError(f"{where}: what stands in [ ] is not an IPv6 address") from None
        colon, port = tail[:1], tail[1:]
        if tail and colon != ":":
            raise SettingsError(f"{where}: only :port may follow the ] of an IPv6 address")
    else:
        host, colon, port = authority.partition(":")
        if not _HOST.fullmatch(host):
            raise SettingsError(f"{where}: the host name is missing or is not one")
    if colon and not (_PORT.fullmatch(port) and 1 <= int(port) <= 65535):
        raise SettingsError(f"{where}: the port is not a number from 1 to 65535")
    if colon:
        return f"{host}:{int(port)}"
    return host
