"""Check the certificates that a profile names for its services, and warn if a service's certificate is not checked."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from optimus_tui.settings.table import SettingsError, spelled

if TYPE_CHECKING:
    from optimus_tui.dialects.model import Dialect, ServiceProfile
    from optimus_tui.dialects.places import FilePlace

FILES = ("tls_ca", "tls_cert", "tls_key")


def with_service_files(profile: "Dialect", base: Path, place: "FilePlace") -> "Dialect":
    """Return the profile with whole paths of the files that its services name.

    Args:
        profile: As it was read.
        base: The folder that paths are relative to: that of the file with the settings.
        place: Where its keys stand, for the sentences of mistakes.

    Raises:
        SettingsError: A file is not there, or holds something else.
    """
    return replace(
        profile,
        gateway=_checked(profile.gateway, base, lambda key: f"{place.key('gateway', key)}: gateway.{key}"),
        engine=_checked(profile.engine, base, lambda key: f"{place.key('engine', key)}: engine.{key}"),
    )


def unchecked_services(profile: "Dialect") -> list[str]:
    """Return a sentence for each service whose certificate is not checked."""
    services = (("gateway", profile.gateway), ("engine", profile.engine))
    return [
        f"the certificate of the {name} is not checked (tls_verify = false): anybody on the way can answer in its place"
        for name, service in services
        if not service.tls_verify
    ]


def _checked(service: "ServiceProfile", base: Path, where: Callable[[str], str]) -> "ServiceProfile":
    paths = {key: _file(getattr(service, key), base, where(key)) for key in FILES if getattr(service, key)}
    if not paths:
        return service
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if "tls_ca" in paths:
            context.load_verify_locations(paths["tls_ca"])
    except (ssl.SSLError, OSError):
        named = spelled(paths["tls_ca"], 120)
        raise SettingsError(f"{where('tls_ca')}: {named} holds no certificates in PEM form") from None
    try:
        if "tls_cert" in paths:
            context.load_cert_chain(paths["tls_cert"], paths.get("tls_key"), password=lambda: "")
    except (ssl.SSLError, OSError, ValueError):
        named = " and ".join(spelled(paths[key], 120) for key in ("tls_cert", "tls_key") if key in paths)
        message = f"{where('tls_cert')}: {named} do not hold a certificate and its unencrypted key in PEM form"
        raise SettingsError(message) from None
    return replace(service, **paths)


def _file(text: str, base: Path, where: str) -> str:
    try:
        path = base / Path(text).expanduser()
        there = path.is_file()
    except (RuntimeError, ValueError, OSError):
        there, path = False, Path(text)
    if not there:
        raise SettingsError(f"{where}: there is no file {spelled(str(path), 120)}")
    return str(path)
