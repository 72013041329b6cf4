"""A server whose replies a test scripts, command by command; and an address that swallows every connection."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import hiredis

Reply = Callable[[list[bytes]], bytes | None]
"""The bytes to answer a command with; None hangs up."""


class LastWords(bytes):
    """An answer after which the server hangs up."""


class ScriptedServer:
    """Answers each command with what ``reply`` returns. ``commands`` are the words that arrived."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.commands: list[list[bytes]] = []
        self.accepted = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def stop(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self.accepted += 1
                threading.Thread(target=self._talk, args=(near,), daemon=True).start()

    def _talk(self, near: socket.socket) -> None:
        reader = hiredis.Reader()
        with contextlib.suppress(OSError, hiredis.ProtocolError), near:
            while data := near.recv(65536):
                reader.feed(data)
                while (words := reader.gets()) is not False:
                    words = words if isinstance(words, list) else [words]
                    self.commands.append(words)
                    answer = self.reply(words)
                    if answer is None:
                        return
                    near.sendall(answer)
                    if isinstance(answer, LastWords):
                        return


@contextmanager
def blackhole(port: int) -> Iterator[str]:
    """An address whose connections on ``port`` are never accepted nor refused: its queue is full."""
    address = "127.0.0.9"
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(0)
        waiting = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.connect((address, port))
            waiting.append(one)
        try:
            yield address
        finally:
            for one in waiting:
                one.close()
