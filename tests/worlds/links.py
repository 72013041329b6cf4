"""What stands between the product and a server: a long way, a proxy, starvation of the CPU."""

import asyncio
import contextlib
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from tests.realserver import free_port


@contextlib.asynccontextmanager
async def long_way(port: int, one_way_seconds: float) -> AsyncIterator[int]:
    """A port that leads to ``port``; every byte takes so long in each direction, and bytes overtake nothing."""
    tasks: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        async def deliver() -> None:
            while True:
                due, data = await waiting.get()
                await asyncio.sleep(due - loop.time())
                if not data:
                    writer.close()
                    return
                writer.write(data)

        task = asyncio.ensure_future(deliver())
        tasks.add(task)
        with contextlib.suppress(OSError):
            while True:
                data = await reader.read(65536)
                waiting.put_nowait((loop.time() + one_way_seconds, data))
                if not data:
                    return

    async def join(near_reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        far_reader, far = await asyncio.open_connection("127.0.0.1", port)
        for pair in ((near_reader, far), (far_reader, near)):
            tasks.add(asyncio.ensure_future(carry(*pair)))

    server = await asyncio.start_server(join, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _certificate(home: Path, *, expired: bool) -> ssl.SSLContext:
    """A server's context with a certificate that signed itself, ``cert.pem`` and ``key.pem`` in ``home``."""
    key, cert, asked, extra = (home / name for name in ("key.pem", "cert.pem", "asked.pem", "extra.cnf"))
    extra.write_text("subjectAltName=IP:127.0.0.1\n")
    ask = ["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", key, "-out", asked]
    sign = ["openssl", "x509", "-req", "-in", asked, "-signkey", key, "-extfile", extra, "-out", cert]
    subprocess.run(ask, check=True, capture_output=True)  # type: ignore[arg-type]
    subprocess.run([*sign, "-days", "0" if expired else "2"], check=True, capture_output=True)  # type: ignore[list-item]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


@contextlib.asynccontextmanager
async def tls_before(home: Path, port: int, *, client: bool = False, expired: bool = False) -> AsyncIterator[int]:
    """A port that speaks TLS and leads to ``port``. ``client``: it asks for a certificate of the caller."""
    context = _certificate(home, expired=expired)
    if client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(home / "cert.pem")

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far = await asyncio.open_connection("127.0.0.1", port)

        async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                sink.write(data)
            sink.close()

        await asyncio.gather(carry(reader, far), carry(far_reader, writer), return_exceptions=True)

    server = await asyncio.start_server(join, "127.0.0.1", 0, ssl=context)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


@contextlib.contextmanager
def nutcracker(home: Path, port: int) -> Iterator[int]:
    """Debian's nutcracker (twemproxy) before a Redis: RESP2 only, no SCAN, no INFO, and it hangs up on HELLO."""
    own, stats = free_port(), free_port()
    config = home / "nutcracker.yml"
    config.write_text(
        f"alpha:\n  listen: 127.0.0.1:{own}\n  hash: fnv1a_64\n  distribution: ketama\n  redis: true\n"
        f"  servers:\n   - 127.0.0.1:{port}:1\n"
    )
    words = ["nutcracker", "-c", str(config), "-s", str(stats), "-a", "127.0.0.1"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield own
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def busy_machine(burners: int) -> Iterator[list[str]]:
    """Processes that burn all the CPU there is; a command started with the prefix that is given gets little of it."""
    made = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(burners)]
    try:
        yield ["nice", "-n", "12"]
    finally:
        for one in made:
            one.kill()
            one.wait()


async def _reply(reader: asyncio.StreamReader) -> bytes:
    """One whole RESP value, as it came."""
    line = await reader.readuntil(b"\r\n")
    kind, count = line[:1], line[1:-2]
    if kind in b"$=" and int(count) >= 0:
        return line + await reader.readexactly(int(count) + 2)
    if kind in b"*~>%":
        parts = max(0, int(count)) * (2 if kind == b"%" else 1)
        return line + b"".join([await _reply(reader) for _ in range(parts)])
    return line


@contextlib.asynccontextmanager
async def answering_itself(port: int, answers: dict[str, bytes]) -> AsyncIterator[int]:
    """A port before a Redis that answers some commands itself, as managed services and old servers do."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        far_reader, far = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                command = await _reply(reader)
                name = command.split(b"\r\n")[2].decode("latin-1").upper()
                if name in answers:
                    writer.write(answers[name])
                    continue
                far.write(command)
                writer.write(await _reply(far_reader))
        writer.close()
        far.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
