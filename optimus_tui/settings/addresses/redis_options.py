"""The query of a Redis address: which options are used, and which are ignored as other clients' or unknown.

Options that would change the server or database are refused. An unknown word is not repeated in messages, because it
could be a piece of a password.
"""

from typing import NamedTuple

from optimus_tui.settings.errors import SettingsError
from optimus_tui.settings.text import note_left_out, percent_decoded

OPTIONS = (
    *("db", "username", "password", "ssl"),
    *("ssl_ca_certs", "ssl_ca_path", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname", "ssl_keyfile"),
    "ssl_password",
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


class Trust(NamedTuple):
    """Whether the server's certificate is checked, and whether the name in it is."""

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
