"""Translate the Postgres address that applications use into one for the driver. Errors repeat no part of it."""

from optimus_tui.settings.errors import SettingsError
from optimus_tui.settings.text import note_left_out, unquoted

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
