"""A TCP relay for tests: forwards to a server until told to mute (half open), to cut, or to stop listening."""

import contextlib
import queue
import socket
import ssl
import threading
import time

from tests.patience import PATIENCE


class Relay:
    """Listens on a loopback port of its own. ``context`` makes its near side speak TLS; answers take ``delay`` seconds
    longer, however many are under way."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None, delay: float = 0.0) -> None:
        self._far, self._context, self._delay = port, context, delay
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.accepted = 0
        self._open = threading.Event()
        self._open.set()
        self._refusing = self._stopped = False
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def mute(self) -> None:
        """Keep every connection open and forward nothing, as a firewall that forgot us."""
        self._open.clear()

    def cut(self) -> None:
        """Close every connection, and each new one at once."""
        self._refusing = True
        self._drop()

    def heal(self) -> None:
        """Forward again."""
        self._refusing = False
        self._open.set()

    def stop(self) -> None:
        self._stopped = True
        self._open.set()
        stop_listening(self._listener)
        self._drop()

    def _drop(self) -> None:
        while self._sockets:
            with contextlib.suppress(IndexError):  # another thread may drop them too
                _end(self._sockets.pop())

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self.accepted += 1
                if self._refusing:
                    near.close()
                else:
                    threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._context:
                near = self._context.wrap_socket(near, server_side=True)
            try:
                far = socket.create_connection(("127.0.0.1", self._far))
            except OSError:
                near.close()
                raise
            self._sockets += [near, far]
            if self._stopped:  # it was being joined just then
                self._drop()
                return
            threading.Thread(target=self._pump, args=(near, far), daemon=True).start()
            late = self._late if self._delay else self._pump
            threading.Thread(target=late, args=(far, near), daemon=True).start()

    def _late(self, source: socket.socket, sink: socket.socket) -> None:
        """Hand on each piece when its time has come, while the next ones are already being received."""
        waiting: queue.Queue[tuple[float, bytes]] = queue.Queue()

        def receive() -> None:
            with contextlib.suppress(OSError):
                while data := source.recv(65536):
                    waiting.put((time.monotonic() + self._delay, data))
            waiting.put((0.0, b""))

        threading.Thread(target=receive, daemon=True).start()
        with contextlib.suppress(OSError):
            while (piece := waiting.get())[1]:
                time.sleep(max(0.0, piece[0] - time.monotonic()))
                self._open.wait()
                sink.sendall(piece[1])
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._open.wait()
                sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class Parrot:
    """A server that answers every connection with the same bytes, and counts the connections."""

    def __init__(self, answer: bytes, *, close: bool = True) -> None:
        self._answer, self._close = answer, close
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.accepted = 0
        self._kept: list[socket.socket] = []
        self._serving = threading.Thread(target=self._serve, daemon=True)
        self._serving.start()

    def stop(self) -> None:
        stop_listening(self._listener)
        for one in self._kept:
            _end(one)
        self._serving.join(PATIENCE)
        for one in self._kept:  # one more may have come meanwhile
            _end(one)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self.accepted += 1
                self._kept.append(near)
                with contextlib.suppress(OSError):
                    near.recv(4096)
                    near.sendall(self._answer)
                    if self._close:
                        near.shutdown(socket.SHUT_WR)


def stop_listening(listener: socket.socket) -> None:
    """Close a listener. A thread that waits in ``accept`` is woken; after ``close`` alone it accepts one more."""
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
