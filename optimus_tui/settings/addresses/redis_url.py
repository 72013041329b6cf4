"""Parse a Redis URL strictly into a RedisTarget. Errors repeat no part of the URL.

A lenient parser is dangerous here: an unescaped ``@`` or ``/`` in a password makes a part of it a host name, which then
shows up in DNS queries and error messages. So an address that is not clearly valid is refused, with a message that
holds only our own words. Options in its query that configure other clients are named and ignored.
"""

import re

from optimus_tui.settings.addresses.redis_options import Options, read_options, use_tls
from optimus_tui.settings.errors import SettingsError
from optimus_tui.settings.model import RedisTarget, Secret
from optimus_tui.settings.text import percent_decoded, unquoted

SCHEMES = {
    "redis": "redis",
    "valkey": "redis",
    "rediss": "rediss",
    "valkeys": "rediss",
    "unix": "unix",
    "redis+socket": "unix",
}
"""What an address may begin with, and the scheme that it means."""
LATER = ("redis+cluster", "redis+sentinel", "rediss+cluster", "rediss+sentinel")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,252})?", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,5}", re.ASCII)
_BARE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}:[0-9]{1,5}(/[0-9]{0,5})?", re.ASCII)
"""A host and a port without a scheme; it holds no password and may be repeated."""


def parse_redis_url(
    text: str, where: str, *, insecure_tls: bool = False, notes: list[str] | None = None
) -> RedisTarget:
    """Return the target behind ``text``; raise SettingsError naming ``where`` (a flag, a variable, a file's key).

    ``insecure_tls``: ``ssl_cert_reqs=none`` was allowed by hand (--insecure-tls). One sentence for each ignored option
    of the query is appended to ``notes``.
    """
    url = unquoted(text)
    if not url.isprintable() or any(char.isspace() for char in url):
        raise SettingsError(f"{where}: the address holds a space or a control character; percent-encode it")
    scheme, mark, rest = url.partition("://")
    scheme = scheme.lower()
    if mark and scheme in LATER:
        raise SettingsError(f"{where}: {scheme}:// is not supported yet; name one server with redis:// or rediss://")
    if not mark or scheme not in SCHEMES:
        remedy = ""
        if _BARE.fullmatch(url):
            remedy = f"; write redis://{url}"
        raise SettingsError(f"{where}: a Redis address begins with redis://, rediss:// or unix://{remedy}")
    username, password, rest = _split_user(rest, where)
    if "#" in rest:
        raise SettingsError(f"{where}: a # has no meaning in a Redis address; write %23 if it is part of a name")
    place, _, query = rest.partition("?")
    options = read_options(query, where, notes)
    scheme = use_tls(SCHEMES[scheme], options, where, notes)
    host, port, path, db = _where_it_is(scheme, place, options, where)
    username, password = _login(username, password, options, where)
    trust = options.trust(scheme, where, insecure_tls)
    return RedisTarget(
        scheme=scheme,
        host=host,
        port=port,
        path=path,
        db=db,
        username=username,
        password=Secret(password) if password else None,
        tls_verify=trust.verify,
        tls_check_hostname=trust.check_hostname,
        tls_ca=options.get("ssl_ca_certs"),
        tls_ca_path=options.get("ssl_ca_path"),
        tls_cert=options.get("ssl_certfile"),
        tls_key=options.get("ssl_keyfile"),
        tls_key_password=Secret(options["ssl_password"]) if options.get("ssl_password") else None,
    )


def holds_password(url: str) -> bool:
    """Return True where the text may hold a password: it has an ``@`` after a colon, or names one."""
    return ":" in url.partition("://")[2].rpartition("@")[0] or "password" in url.lower()


def _where_it_is(scheme: str, place: str, options: Options, where: str) -> tuple[str, int, str | None, int]:
    """Return host, port, socket path (unix only) and database."""
    db: int | None
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
    return host, port, path, db or 0


def _login(username: str | None, password: str | None, options: Options, where: str) -> tuple[str | None, str | None]:
    """Return user and password, from before the ``@`` or from the query."""
    if (username and "username" in options) or (password and "password" in options):
        raise SettingsError(f"{where}: user or password stand before the @ and in the query as well")
    return username or options.get("username") or None, password or options.get("password") or None


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
    return (
        percent_decoded(name, "user name", where) or None,
        percent_decoded(password, "password", where) or None,
        place,
    )


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
    port_text = port_text or None  # "host:" is the usual port
    if port_text is not None and not (_DIGITS.fullmatch(port_text) and 1 <= int(port_text) <= 65535):
        raise SettingsError(f"{where}: the port is not a number from 1 to 65535")
    port = int(port_text) if port_text is not None else 6379
    return host or "localhost", port, _database(path, where) if slash and path else None


def _ipv6(text: str, where: str) -> str:
    from ipaddress import AddressValueError, IPv6Address

    try:
        return str(IPv6Address(percent_decoded(text, "IPv6 address", where)))
    except AddressValueError:
        raise SettingsError(f"{where}: what stands in [ ] is not an IPv6 address") from None


def _socket_path(place: str, where: str) -> str:
    path = percent_decoded(place, "socket path", where)
    if not path.startswith("/") or len(path) < 2:
        raise SettingsError(f"{where}: a unix:// address holds an absolute path, as in unix:///run/redis.sock")
    return path


def _database(text: str, where: str) -> int:
    if not _DIGITS.fullmatch(text):
        raise SettingsError(f"{where}: the database is not a number from 0 to 99999")
    return int(text)
