"""TLS of a service as its profile says: an authority of its own, a certificate that is shown, and none checked."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from optimus_tui.context import Context
from optimus_tui.contract.services import ServiceState
from optimus_tui.probes.http.services import read_engine, read_gateway
from optimus_tui.settings.load import load
from optimus_tui.settings.model import Settings
from optimus_tui.settings.table import SettingsError
from tests.certificates import make_certificate
from tests.hostile import reply

Read = Callable[..., Settings]
OK = reply(b'{"status":"ok"}')


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    return make_certificate(tmp_path, "20200101000000Z", "20991231000000Z")


@asynccontextmanager
async def served(context: ssl.SSLContext) -> AsyncIterator[str]:
    """A service that answers every request over TLS."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def settings(url: str, **gateway: object) -> Settings:
        lines = [
            f"{key} = {str(value).lower() if isinstance(value, bool) else repr(value)}"
            for key, value in gateway.items()
        ]
        urls = [f'{name} = "{url}"' for name in ("backend_orchestrator_url", "ai_engine_url")]
        text = "\n".join([*urls, "[dialect.gateway]", *lines])
        (tmp_path / "optimus.toml").write_text(text)
        return load({}, {}, tmp_path, tmp_path / "none.toml")

    return settings


async def asked(settings: Settings) -> tuple[ServiceState, ServiceState]:
    """Return what gateway and engine, which are one server here, were found to be."""
    context = Context(settings)
    try:
        gateway = await read_gateway(context.http, settings, context.clock, with_rules=False)
        engine = await read_engine(context.http, settings, context.clock)
    finally:
        await context.aclose()
    assert gateway.value is not None and engine.value is not None
    return gateway.value.service, engine.value


async def test_an_authority_and_a_certificate_of_ones_own(
    read: Read, certificate: tuple[Path, ssl.SSLContext], tmp_path: Path
) -> None:
    path, context = certificate
    async with served(context) as url:
        gateway, _ = await asked(read(url, health="/health", tls_ca=path.name))
        assert gateway.status == "healthy", gateway.fault
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(path)
    async with served(context) as url:
        gateway, _ = await asked(read(url, tls_ca=str(path), tls_cert="cert.pem", tls_key="key.pem"))
        assert gateway.status == "healthy", gateway.fault
        gateway, _ = await asked(read(url, tls_ca=str(path)))
        assert gateway.status == "error", "the service asks for a certificate, and none is shown"


async def test_without_a_check_it_is_said_loudly_and_holds_for_that_origin_alone(
    read: Read, certificate: tuple[Path, ssl.SSLContext]
) -> None:
    _, context = certificate
    async with served(context) as url, served(context) as other:
        settings = read(url, tls_verify=False)
        assert "the certificate of the gateway is not checked (tls_verify = false)" in settings.warnings[0]
        gateway, _ = await asked(settings)
        assert gateway.status == "healthy", gateway.fault
        client = Context(settings)
        strict = await read_engine(client.http, Settings(engine_url=other), client.clock)
        await client.aclose()
        assert strict.fault is not None and strict.fault.kind == "tls"


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"tls_ca": "nowhere.pem"}, "optimus.toml:4: gateway.tls_ca: there is no file"),
        ({"tls_ca": "optimus.toml"}, "optimus.toml holds no certificates in PEM form"),
        ({"tls_cert": "optimus.toml"}, "do not hold a certificate and its unencrypted key in PEM form"),
        ({"tls_key": "optimus.toml"}, "optimus.toml:4: gateway.tls_key needs gateway.tls_cert too"),
        ({"tls_ca": "optimus.toml", "tls_verify": False}, "gateway.tls_ca has no meaning: keep one of them"),
        ({"tls_verify": "no"}, "tls_verify must be true or false"),
    ],
)
def test_a_mistake_is_one_sentence(read: Read, table: dict[str, object], sentence: str) -> None:
    with pytest.raises(SettingsError) as error:
        read("https://localhost", **table)
    assert sentence in str(error.value)
