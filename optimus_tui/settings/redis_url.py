"""Parse a Redis URL strictly into a RedisTarget. Errors repeat no part of the URL.

A lenient parser is dangerous here: an unescaped ``@`` or ``/`` in a password makes a part of it a host name, which then
shows up in DNS queries and error messages. So an address that is not clearly valid is refused, with a message that
holds only our own words. Options in the query that configure other clients are reported and ignored; those that would
change the server or database are refused.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple, NoReturn
from urllib.parse import unquote

from optimus_tui.contract.cluster import Topology
from optimus_tui.settings.model import RedisTarget, Secret, address
from optimus_tui.settings.table import SettingsError, note_left_out, unquoted

OPTIONS = (
    *("db", "username", "password", "ssl"),
    *("ssl_ca_certs", "ssl_ca_path", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname", "ssl_keyfile"),
    *("ssl_password", "sentinel_username", "sentinel_password"),
)
"""Options that are understood."""
_ALIASES = {"database": "db", "tls": "ssl", "user": "username"}
_PLACES = ("host", "port", "path")
_IGNORED = frozenset(
    (
        *("client_name", "cache_config", "decode_responses", "encoding", "encoding_errors", "health_check_interval"),
        *("idle_check_interval", "lib_name", "lib_version", "max_connections", "protocol", "retry"),
        *("retry_on_error", "retry_on_timeout", "single_connection_client", "socket_connect_timeout"),
        *("socket_keepalive", "socket_keepalive_options", "socket_read_size", "socket_timeout", "socket_type"),
        *("ssl_ca_data", "ssl_ciphers", "ssl_exclude_verify_flags", "ssl_include_verify_flags", "ssl_min_version"),
        *("ssl_validate_ocsp", "ssl_validate_ocsp_stapled", "timeout", "virtual_host", "connection_pool"),
        *("auto_close_connection_pool", "legacy_responses", "maint_notifications_config", "driver_info"),
    )
)
"""Options of other clients that cannot change what we read; they may be named in a message."""
_YES = frozenset(("true", "1", "yes", "on", "require", "required", "verify-ca", "verify-full", "cert_required"))
_NO = frozenset(("false", "0", "no", "off", "none", "disable", "disabled"))
SCHEMES = {
    "redis": "redis",
    "valkey": "redis",
    "rediss": "rediss",
    "valkeys": "rediss",
    "unix": "unix",
    "redis+socket": "unix",
}
"""What an address may begin with, and the scheme that it means."""
TOPOLOGIES: dict[str, tuple[str, Topology]] = {
    "redis+cluster": ("redis", "cluster"),
    "rediss+cluster": ("rediss", "cluster"),
    "redis+sentinel": ("redis", "sentinel"),
    "rediss+sentinel": ("rediss", "sentinel"),
}
"""What an address of several servers may begin with: the scheme of each, and what they are together."""
_ELSEWHERE = {
    **dict.fromkeys(("redis-cluster", "cluster", "valkey+cluster"), "redis+cluster"),
    **dict.fromkeys(("redis-sentinel", "sentinel", "valkey+sentinel"), "redis+sentinel"),
    "rediss-cluster": "rediss+cluster",
    "rediss-sentinel": "rediss+sentinel",
}
"""What other clients (Lettuce, kombu) write, and what is written here."""
REDIS_PORT, SENTINEL_PORT = 6379, 26379
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,252})?", re.ASCII)
_SERVICE = re.compile(r"[A-Za-z0-9._-]{1,100}", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,5}", re.ASCII)
_BARE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}:[0-9]{1,5}(/[0-9]{0,5})?", re.ASCII)
"""A host and a port without a scheme; it holds no password and may be repeated."""
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Trust(NamedTuple):
    """The checks of the server's certificate and of the name in it."""

    verify: bool = True
    check_hostname: bool = True


class Options(dict[str, str]):
    """The options in use by name, decoded."""

    def trust(self, scheme: str, where: str, insecure_tls: bool) -> Trust:
        """Return how the server's certificate is checked; raise SettingsError where that is less than allowed."""
        used = [name for name in self if name.startswith("ssl_")]
        if used and scheme != "rediss":
            raise SettingsError(f"{where}: {used[0]} needs rediss://; {scheme}:// is not encrypted")
        for name in ("ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile"):
            if self.get(name) == "":
                raise SettingsError(f"{where}: {name} names no file")
        asked = self.get("ssl_cert_reqs", "required").lower().removeprefix("cert_")
        if asked not in ("required", "optional", "none"):
            raise SettingsError(f"{where}: ssl_cert_reqs is required or none")
        if asked == "none" and not insecure_tls:
            raise SettingsError(
                f"{where}: ssl_cert_reqs=none lets anyone pose as the server; it needs the flag --insecure-tls as well"
            )
        named = self._yes("ssl_check_hostname", where, usual=True)
        own_authority = "ssl_ca_certs" in self or "ssl_ca_path" in self
        if not named and not own_authority and not insecure_tls:
            raise SettingsError(
                f"{where}: ssl_check_hostname=false accepts any server with a public certificate; "
                "name your own authority with ssl_ca_certs, or give the flag --insecure-tls as well"
            )
        return Trust(asked != "none" and (named or own_authority), named and asked != "none")

    def _yes(self, name: str, where: str, usual: bool) -> bool:
        word = self.get(name, "").lower()
        if word not in _YES | _NO | {""}:
            raise SettingsError(f"{where}: {name} is true or false")
        if not word:
            return usual
        return word in _YES


def read_options(query: str, where: str, notes: list[str] | None = None) -> Options:
    """Return the options in use; ignored ones are added to ``notes``, by name where that is safe."""
    options, ignored, unknown = Options(), [], 0
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        name = _ALIASES.get(name, name)
        if name in _PLACES:
            raise SettingsError(f"{where}: {name} belongs before the ?, not into the query")
        if name in _IGNORED:
            ignored.append(name)
        elif name not in OPTIONS:
            unknown += 1
        elif name in options:
            raise SettingsError(f"{where}: the option {name} is given twice")
        else:
            options[name] = percent_decoded(value, f"option {name}", where)
    if notes is not None:
        note_left_out(ignored, unknown, where, notes)
    return options


def use_tls(scheme: str, options: Options, where: str, notes: list[str] | None = None) -> str:
    """Return the scheme after ``?ssl=``: ``redis://…?ssl=true`` is ``rediss://…``."""
    word = options.pop("ssl", "").lower()
    if not word:
        return scheme
    if word not in _YES | _NO:
        raise SettingsError(f"{where}: ssl is true or false")
    if word in _YES:
        if scheme == "unix":
            raise SettingsError(f"{where}: a unix:// address is not encrypted; leave out ssl")
        return "rediss"
    if scheme == "rediss" and notes is not None:
        notes.append(f"{where}: ssl=false is ignored, because rediss:// is encrypted")
    return scheme


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
    if not mark or scheme not in SCHEMES | TOPOLOGIES:
        _refuse_scheme(url, scheme, where)
    username, password, rest = _split_user(rest, where)
    if "#" in rest:
        raise SettingsError(f"{where}: a # has no meaning in a Redis address; write %23 if it is part of a name")
    place, _, query = rest.partition("?")
    options = read_options(query, where, notes)
    single: tuple[str, Topology] = SCHEMES.get(scheme, ""), "single"
    plain, topology = TOPOLOGIES.get(scheme, single)
    login = _sentinel_login(options, topology, where)
    scheme = use_tls(plain, options, where, notes)
    seeds, path, db, service = _places(topology, scheme, place, options, where)
    username, password = _login(username, password, options, where)
    trust = options.trust(scheme, where, insecure_tls)
    return RedisTarget(
        topology=topology,
        scheme=scheme,
        host=seeds[0][0],
        port=seeds[0][1],
        others=seeds[1:],
        service=service,
        sentinel_username=login[0],
        sentinel_password=Secret(login[1]) if login[1] else None,
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


Seeds = tuple[tuple[str, int], ...]


def _refuse_scheme(url: str, scheme: str, where: str) -> NoReturn:
    """Raise SettingsError for an unknown scheme, with the one that is meant where that is known."""
    if scheme in _ELSEWHERE:
        raise SettingsError(f"{where}: {scheme}:// is written {_ELSEWHERE[scheme]}://host:port,host:port here")
    remedy = ""
    if _BARE.fullmatch(url):
        remedy = f"; write redis://{url}"
    raise SettingsError(
        f"{where}: a Redis address begins with redis://, rediss://, unix://, redis+cluster:// or redis+sentinel://"
        f"{remedy}"
    )


def _sentinel_login(options: Options, topology: Topology, where: str) -> tuple[str | None, str | None]:
    """Return user and password of the sentinels; raise SettingsError where there are none to log in to."""
    name, password = options.pop("sentinel_username", None), options.pop("sentinel_password", None)
    if (name or password) and topology != "sentinel":
        raise SettingsError(f"{where}: sentinel_username and sentinel_password need redis+sentinel://")
    return name or None, password or None


def _places(
    topology: Topology, scheme: str, place: str, options: Options, where: str
) -> tuple[Seeds, str | None, int, str]:
    """Return hosts and ports, socket path (unix only), database, and the name of the sentinels' service."""
    if topology == "single":
        if "," in place and scheme != "unix":
            raise SettingsError(
                f"{where}: several addresses need redis+cluster:// or redis+sentinel://; redis:// names one server"
            )
        host, port, path, db = _where_it_is(scheme, place, options, where)
        return ((host, port),), path, db, ""
    hosts, _, path = place.partition("/")
    usual = SENTINEL_PORT if topology == "sentinel" else REDIS_PORT
    seeds = tuple(dict.fromkeys(_host_port_db(one, where, usual)[:2] for one in hosts.split(",")))
    if topology == "cluster":
        _, _, _, db = _where_it_is(scheme, f"{hosts.split(',')[0]}/{path}", options, where)
        if db:
            raise SettingsError(f"{where}: a cluster has database 0 only; leave out the number after the /")
        return seeds, None, 0, ""
    service, _, number = path.partition("/")
    service = percent_decoded(service, "name of the service", where)
    if not _SERVICE.fullmatch(service):
        raise SettingsError(
            f"{where}: the name of the sentinels' service is missing or not valid (letters, digits, dots, hyphens); "
            "write redis+sentinel://host:26379/mymaster"
        )
    _, _, _, db = _where_it_is(scheme, f"localhost/{number}", options, where)
    return seeds, None, db, service


def parse_address_map(table: Mapping[str, str], where: str) -> tuple[tuple[str, str], ...]:
    """Return the pairs of an address map; raise SettingsError if a side is not a ``host:port``."""
    pairs = []
    for announced, reached in table.items():
        sides = []
        for text in (announced, reached):
            if not re.search(r":[0-9]{1,5}$", text) or "/" in text or "@" in text:
                raise SettingsError(f'{where}: each line is "host:port" = "host:port", as in the example')
            host, port, _ = _host_port_db(text, where)
            sides.append(address(host, port))
        pairs.append((sides[0], sides[1]))
    return tuple(pairs)


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


def _host_port_db(place: str, where: str, usual: int = REDIS_PORT) -> tuple[str, int, int | None]:
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
            raise SettingsError(f"{where}: the host name is not valid (letters, digits, dots, hyphens)")
    port_text = port_text or None  # "host:" is the usual port
    if port_text is not None and not (_DIGITS.fullmatch(port_text) and 1 <= int(port_text) <= 65535):
        raise SettingsError(f"{where}: the port is not a number from 1 to 65535")
    port = int(port_text) if port_text is not None else usual
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


def percent_decoded(text: str, what: str, where: str) -> str:
    """Return the text, percent-decoded once, as UTF-8 without control characters; raise SettingsError otherwise."""
    if _BAD_PERCENT.search(text):
        raise SettingsError(f"{where}: a % in the {what} is not followed by two hexadecimal digits; write it as %25")
    try:
        plain = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise SettingsError(f"{where}: the {what} is not UTF-8 once decoded") from None
    if any(ord(char) < 32 or ord(char) == 127 for char in plain):
        raise SettingsError(f"{where}: the {what} holds a control character")
    return plain
