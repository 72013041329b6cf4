"""Parse the addresses of HTTP services and of Postgres strictly, and check the files that a TLS address names."""

import os
import re
from ipaddress import AddressValueError, IPv6Address
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from optimus_tui.settings.model import RedisTarget
from optimus_tui.settings.table import SettingsError, note_left_out, spelled, unquoted

if TYPE_CHECKING:
    import ssl


_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,252})?", re.ASCII)
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_BARE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}:[0-9]{1,5}(/[A-Za-z0-9/._-]*)?", re.ASCII)
"""A host and a port without a scheme; it holds no password and may be repeated."""
_PATH = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:%-]*)*", re.ASCII)
_SCHEMES = frozenset(("postgresql", "postgres", "pgsql", "postgis", "cockroachdb"))
_KNOWN = frozenset(
    (
        *("host", "hostaddr", "port", "dbname", "user", "password", "passfile", "channel_binding", "connect_timeout"),
        *("options", "application_name", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"),
        *("sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslpassword", "sslcompression", "gssencmode"),
        *("krbsrvname", "service", "target_session_attrs", "load_balance_hosts", "ssl_min_protocol_version"),
    )
)
"""Options of libpq that are passed on."""
_IGNORED = frozenset(
    (
        *("async_fallback", "prepared_statement_cache_size", "prepared_statement_name_func", "statement_cache_size"),
        *("pool_size", "max_overflow", "pool_timeout", "pool_recycle", "pool_pre_ping", "poolclass", "echo"),
        *("command_timeout", "timeout", "server_settings", "pgbouncer", "schema", "connection_limit"),
        *("pool_min_size", "pool_max_size", "min_size", "max_size", "max_inactive_connection_lifetime"),
        *("statement_timeout", "jit", "executemany_mode", "client_encoding", "currentSchema", "sslfactory"),
    )
)
"""Options of other clients that may be named in a message."""
_SSL = {
    **dict.fromkeys(("true", "1", "on", "yes", "require"), "require"),
    **dict.fromkeys(("false", "0", "off", "no", "disable"), "disable"),
    **{name: name for name in ("allow", "prefer", "verify-ca", "verify-full")},
}


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
    """Return the address without a path that is added later, such as ``/health``. ``notes`` names what was cut."""
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
            raise SettingsError(f"{where}: the host name is missing or not valid")
    if colon and not (_PORT.fullmatch(port) and 1 <= int(port) <= 65535):
        raise SettingsError(f"{where}: the port is not a number from 1 to 65535")
    if colon:
        return f"{host}:{int(port)}"
    return host


def parse_postgres_dsn(text: str, where: str, notes: list[str]) -> str:
    """Return the address as libpq understands it; raise SettingsError naming ``where`` where that is not possible.

    ``postgresql+asyncpg://`` loses its driver; options of SQLAlchemy and other clients are dropped and named in
    ``notes``. Key and value pairs (``host=… dbname=…``) stay unchanged.
    """
    dsn = unquoted(text)
    if not dsn.isprintable():
        raise SettingsError(f"{where}: the address holds a control character")
    if "://" not in dsn:
        return dsn
    scheme, _, rest = dsn.removeprefix("jdbc:").partition("://")
    dialect = scheme.lower().partition("+")[0]
    if dialect not in _SCHEMES:
        raise SettingsError(f"{where}: a Postgres address begins with postgresql://")
    if rest.count("@") > 1 or any(char in rest.rpartition("@")[0] for char in "/#?"):
        raise SettingsError(f"{where}: a character of the password must be percent-encoded (@ / # ?)")
    place, _, query = rest.partition("?")
    kept = _libpq_options(query, where, notes)
    return f"postgresql://{place}{'?' if kept else ''}{kept}"


def _libpq_options(query: str, where: str, notes: list[str]) -> str:
    kept, ignored, unknown = [], [], 0
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        if name == "ssl" and value.lower() in _SSL:
            kept.append(f"sslmode={_SSL[value.lower()]}")
        elif name in _KNOWN:
            kept.append(part)
        elif name in _IGNORED:
            ignored.append(name)
        else:
            unknown += 1
    note_left_out(ignored, unknown, where, notes)
    return "&".join(kept)


def with_tls_files(target: RedisTarget, where: str, base: Path) -> RedisTarget:
    """Return the target with absolute paths; raise SettingsError for a file that cannot be used.

    A relative path counts from ``base``, the directory of the file that names it, or the working directory.
    """
    if not (target.tls_ca or target.tls_ca_path or target.tls_cert or target.tls_key):
        return target
    found = {
        field: _found(getattr(target, field), option, where, base)
        for field, option in (
            ("tls_ca", "ssl_ca_certs"),
            ("tls_ca_path", "ssl_ca_path"),
            ("tls_cert", "ssl_certfile"),
            ("tls_key", "ssl_keyfile"),
        )
    }
    target = msgspec.structs.replace(target, **found)
    _check_authority(target, where)
    _check_certificate(target, where)
    return target


def _found(named: str | None, option: str, where: str, base: Path) -> str | None:
    if named is None:
        return None
    try:
        path = base / Path(named).expanduser()
        if option == "ssl_ca_path":
            os.listdir(path)
        else:
            with open(path, "rb") as file:
                file.read(1)
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise SettingsError(f"{where}: {option} {spelled(named, 120)} cannot be read: {reason}") from None
    return str(path)


def _check_authority(target: RedisTarget, where: str) -> None:
    import ssl

    if target.tls_ca is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(target.tls_ca)
    except (ssl.SSLError, OSError):
        named = spelled(target.tls_ca, 120)
        raise SettingsError(f"{where}: ssl_ca_certs {named} holds no certificates in PEM form") from None


def _check_certificate(target: RedisTarget, where: str) -> None:
    import ssl

    if target.tls_cert is None:
        if target.tls_key is not None:
            raise SettingsError(f"{where}: ssl_keyfile needs ssl_certfile too")
        return
    try:
        load_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), target)
    except ssl.SSLError as error:
        cert, key = spelled(target.tls_cert, 120), spelled(target.tls_key or target.tls_cert, 120)
        if "mismatch" in str(error).lower():
            raise SettingsError(f"{where}: ssl_certfile {cert} and ssl_keyfile {key} do not belong together") from None
        if b"ENCRYPTED" in Path(target.tls_key or target.tls_cert).read_bytes()[:1_000_000]:
            wrong = "and ssl_password is not given"
            if target.tls_key_password:
                wrong = "with another password"
            raise SettingsError(f"{where}: the key in {key} is encrypted {wrong}") from None
        raise SettingsError(
            f"{where}: {cert} and {key} do not hold a certificate and its unencrypted key in PEM form"
        ) from None
    except (OSError, ValueError):
        raise SettingsError(f"{where}: the client certificate cannot be loaded") from None


def load_certificate(context: "ssl.SSLContext", target: RedisTarget) -> None:
    """Load the client's certificate into ``context``; raise ssl.SSLError or OSError. Never asks the terminal."""
    if target.tls_cert is not None:
        secret = ""
        if target.tls_key_password:
            secret = target.tls_key_password.reveal()
        context.load_cert_chain(target.tls_cert, target.tls_key, password=lambda: secret)
