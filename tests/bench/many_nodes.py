"""Many nodes of a cluster in one process: each an address of its own, all of them in front of one real server.

    python -m tests.bench.many_nodes SERVER_PORT NODES

Prints ``host:port`` of the first node once all listen. Slots are shared out evenly; CLUSTER is answered here, and every
other command by the server, which says in its greeting that it is a node of a cluster.
"""

import asyncio
import re
import sys
from functools import partial

import hiredis

SLOTS = 16_384
_MODE = re.compile(rb"(\$4\r\nmode\r\n)\$10\r\nstandalone\r\n")


class Nodes:
    """``places`` are the addresses of all nodes."""

    def __init__(self, server_port: int, count: int) -> None:
        self._server_port, self._count = server_port, count
        self.places: list[tuple[str, int]] = []

    async def listen(self) -> None:
        """Listen on every address, at a port that the system gives."""
        for number in range(self._count):
            host = f"127.0.2.{number + 1}"
            server = await asyncio.start_server(partial(self._talk, number), host, 0)
            self.places.append((host, int(server.sockets[0].getsockname()[1])))

    def _range(self, number: int) -> tuple[int, int]:
        return SLOTS * number // self._count, SLOTS * (number + 1) // self._count - 1

    def _slots(self) -> bytes:
        rows = []
        for number, (host, port) in enumerate(self.places):
            first, last = self._range(number)
            rows.append(
                b"*3\r\n:%d\r\n:%d\r\n*4\r\n$%d\r\n%s\r\n:%d\r\n$40\r\n%040d\r\n*0\r\n"
                % (first, last, len(host), host.encode(), port, number)
            )
        return b"*%d\r\n" % len(rows) + b"".join(rows)

    def _nodes(self, me: int) -> bytes:
        lines = []
        for number, (host, port) in enumerate(self.places):
            first, last = self._range(number)
            flags = "myself,master" if number == me else "master"
            at = f"{host}:{port}@{port + 1}"
            lines.append(f"{number:040d} {at} {flags} - 0 0 {number + 1} connected {first}-{last}\n")
        return _bulk("".join(lines).encode())

    def _cluster(self, me: int, words: list[bytes]) -> bytes:
        asked = words[1].upper() if len(words) > 1 else b""
        if asked == b"SLOTS":
            return self._slots()
        if asked == b"NODES":
            return self._nodes(me)
        if asked == b"LINKS":
            return b"*0\r\n"
        facts = f"cluster_state:ok\r\ncluster_slots_assigned:{SLOTS}\r\ncluster_slots_ok:{SLOTS}\r\n"
        return _bulk(f"{facts}cluster_known_nodes:{self._count}\r\ncluster_size:{self._count}\r\n".encode())

    async def _talk(self, me: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far, far_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        asked = hiredis.Reader()
        try:
            while data := await reader.read(1 << 16):
                asked.feed(data)
                while (words := asked.gets()) is not False:
                    if words[0].upper() == b"CLUSTER":
                        writer.write(self._cluster(me, words))
                        continue
                    far_writer.write(bytes(hiredis.pack_command(tuple(words))))
                    reply = await _one_reply(far)
                    if words[0].upper() == b"HELLO":
                        reply = _MODE.sub(rb"\1$7\r\ncluster\r\n", reply)
                    writer.write(reply)
                await writer.drain()
        except (OSError, EOFError):
            pass
        finally:
            far_writer.close()
            writer.close()


async def _one_reply(far: asyncio.StreamReader) -> bytes:
    """Return the bytes of one reply."""
    told, raw = hiredis.Reader(), b""
    while True:
        data = await far.read(1 << 16)
        if not data:
            raise EOFError
        raw += data
        told.feed(data)
        if told.gets() is not False:
            return raw


def _bulk(text: bytes) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(text), text)


async def _serve(server_port: int, count: int) -> None:
    nodes = Nodes(server_port, count)
    await nodes.listen()
    host, port = nodes.places[0]
    print(f"{host}:{port}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2])))
