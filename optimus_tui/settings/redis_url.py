"""A Redis URL into a RedisTarget, strictly. It refuses to guess, to connect, and to repeat any part of the URL.

A lenient parser is dangerous here: an unescaped ``@`` or ``/`` in a password makes a part of it a host name, which then
shows up in DNS queries and error messages. So whatever is not plainly right is refused, in words that hold only names
of our own.
"""

import re

from optimus_tui.settings.errors import SettingsError
from optimus_tui.settings.model import RedisTarget
from optimus_tui.settings.secret import Secret

SCHEMES = ("redis", "rediss", "unix")
LATER = ("redis+cluster", "redis+sentinel", "rediss+cluster", "rediss+sentinel")
OPTIONS = ("db", "ssl_ca_certs", "ssl_cert_reqs")
_FOREIGN_OPTIONS = (
    *("username", "password", "host", "port", "path", "protocol", "client_name", "timeout", "socket_timeout"),
    *("socket_connect_timeout", "socket_keepalive", "retry_on_timeout", "health_check_interval", "max_connections"),
    *("encoding", "encoding_errors", "decode_responses", "ssl", "ssl_certfile", "ssl_keyfile", "ssl_ca_path"),
    *("ssl_ca_data", "ssl_check_hostname", "ssl_ciphers", "ssl_min_version", "virtual_host"),
)
"""Options of other clients that may be named in a message; any other word could be a piece of a password."""
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,252})?", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,5}", re.ASCII)
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def parse_redis_url(text: str, where: str, *, insecure_tls: bool = False) -> RedisTarget:
    """The target behind ``text``; SettingsError naming ``where`` (a flag, a variable, a file's key) otherwise.

    ``insecure_tls`` says that ``ssl_cert_reqs=none`` was allowed by hand (--insecure-tls).
    """
    url = text.strip()
    if not url.isprintable() or any(char.isspace() for char in url):
        raise SettingsError(f"{where}: the address holds a space or a control character; percent-encode it")
    scheme, mark, rest = url.partition("://")
    scheme = scheme.lower()
    if not mark or scheme not in SCHEMES + LATER:
        raise SettingsError(f"{where}: a Redis address begins with redis://, rediss:// or unix://")
    if scheme in LATER:
        raise SettingsError(f"{where}: {scheme}:// is not supported yet; name one server with redis:// or rediss://")
    username, password, rest = _split_user(rest, where)
    if "#" in rest:
        raise SettingsError(f"{where}: a # has no meaning in a Redis address; write %23 if it is part of a name")
    place, _, query = rest.partition("?")
    options = _options(query, where)
    if scheme == "unix":
        host, port, path, db = "localhost", 6379, _socket_path(place, where), None
    else:
        host, port, db = _host_port_db(place, where)
        path = None
    if "db" in options:
        asked = _database(options["db"], where)
        if db is not None and db != asked:
            raise SettingsError(f"{where}: the path and the option db name different databases")
        db = asked
    verify, authority = _tls(options, scheme, where, insecure_tls)
    return RedisTarget(
        scheme=scheme,
        host=host,
        port=port,
        path=path,
        db=db or 0,
        username=username,
        password=Secret(password) if password else None,
        tls_verify=verify,
        tls_ca=authority,
    )


def holds_password(url: str) -> bool:
    """True where the text might hold a password: what has an ``@`` after a colon, or names one."""
    return ":" in url.partition("://")[2].rpartition("@")[0] or "password" in url.lower()


def _split_user(rest: str, where: str) -> tuple[str | None, str | None, str]:
    if rest.count("@") > 1:
        raise SettingsError(f"{where}: more than one @ in the address; write an @ in a password as %40")
    user, mark, place = rest.rpartition("@")
    if not mark:
        return None, None, rest
    if any(char in user for char in "/#?"):
        raise SettingsError(
            f"{where}: a /, # or ? stands before the host; in a password they are written %2F, %23 and %3F"
        )
    name, _, password = user.partition(":")
    return _plain(name, "user name", where) or None, _plain(password, "password", where) or None, place


def _host_port_db(place: str, where: str) -> tuple[str, int, int | None]:
    authority, slash, path = place.partition("/")
    if authority.startswith("["):
        inside, bracket, tail = authority[1:].partition("]")
        host = _ipv6(inside if bracket else "", where)
        if tail and not tail.startswith(":"):
            raise SettingsError(f"{where}: only :port may follow the ] of an IPv6 address")
        port_text = tail[1:] if tail else None
    else:
        host, colon, after = authority.partition(":")
        port_text = after if colon else None
        if port_text and ":" in port_text:
            raise SettingsError(f"{where}: too many colons before the path; an IPv6 address goes in [ ]")
        if host and not _HOST.fullmatch(host):
            raise SettingsError(f"{where}: the host name is not one (letters, digits, dots, hyphens)")
    if port_text is not None and not (_DIGITS.fullmatch(port_text) and 1 <= int(port_text) <= 65535):
        raise SettingsError(f"{where}: the port is not a number from 1 to 65535")
    port = int(port_text) if port_text is not None else 6379
    return host or "localhost", port, _database(path, where) if slash and path else None


def _ipv6(text: str, where: str) -> str:
    from ipaddress import AddressValueError, IPv6Address

    try:
        return str(IPv6Address(_plain(text, "IPv6 address", where)))
    except AddressValueError:
        raise SettingsError(f"{where}: what stands in [ ] is not an IPv6 address") from None


def _socket_path(place: str, where: str) -> str:
    path = _plain(place, "socket path", where)
    if not path.startswith("/") or len(path) < 2:
        raise SettingsError(f"{where}: a unix:// address holds an absolute path, as in unix:///run/redis.sock")
    return path


def _database(text: str, where: str) -> int:
    if not _DIGITS.fullmatch(text):
        raise SettingsError(f"{where}: the database is not a number from 0 to 99999")
    return int(text)


def _options(query: str, where: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        if name not in OPTIONS:
            shown = f"the option {name}" if name in _FOREIGN_OPTIONS else "one of its options"
            raise SettingsError(f"{where}: {shown} is not supported; only {', '.join(OPTIONS)} are")
        if name in options:
            raise SettingsError(f"{where}: the option {name} is given twice")
        options[name] = _plain(value, f"option {name}", where)
    return options


def _tls(options: dict[str, str], scheme: str, where: str, insecure_tls: bool) -> tuple[bool, str | None]:
    used = [name for name in options if name.startswith("ssl_")]
    if used and scheme != "rediss":
        raise SettingsError(f"{where}: {used[0]} needs rediss://; {scheme}:// is not encrypted")
    asked = options.get("ssl_cert_reqs", "required")
    if asked not in ("required", "none"):
        raise SettingsError(f"{where}: ssl_cert_reqs is required or none")
    if asked == "none" and not insecure_tls:
        raise SettingsError(
            f"{where}: ssl_cert_reqs=none lets anyone pose as the server; it needs the flag --insecure-tls as well"
        )
    if "ssl_ca_certs" in options and not options["ssl_ca_certs"]:
        raise SettingsError(f"{where}: ssl_ca_certs names no file")
    return asked == "required", options.get("ssl_ca_certs")


def _plain(text: str, what: str, where: str) -> str:
    """Percent-decoded, once, as UTF-8 without control characters."""
    from urllib.parse import unquote

    if _BAD_PERCENT.search(text):
        raise SettingsError(f"{where}: a % in the {what} is not followed by two hexadecimal digits; write it as %25")
    try:
        plain = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise SettingsError(f"{where}: the {what} is not UTF-8 once decoded") from None
    if any(ord(char) < 32 or ord(char) == 127 for char in plain):
        raise SettingsError(f"{where}: the {what} holds a control character")
    return plain
