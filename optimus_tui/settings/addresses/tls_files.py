"""Check the files that a TLS address names: they must exist, be readable and fit together.

OpenSSL is never allowed to ask the terminal for a key's password.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from optimus_tui.settings.errors import SettingsError, spelled
from optimus_tui.settings.model import RedisTarget

if TYPE_CHECKING:
    import ssl


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
            raise SettingsError(f"{where}: ssl_keyfile needs ssl_certfile beside it")
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
