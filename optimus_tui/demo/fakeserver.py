"""The demo's server where no real one runs: fakeredis behind a socket, with fewer figures.

Without the package lupa it runs no scripts, and the gateway neither counts requests nor caches.
"""

import sys
from typing import Any


def main(port: int) -> None:
    """Serve on 127.0.0.1 until killed."""
    from fakeredis import TcpFakeServer
    from redis.exceptions import ResponseError

    server = TcpFakeServer(("127.0.0.1", port), server_type="redis")
    base: Any = server.RequestHandlerClass

    class Patient(base):  # type: ignore[misc]
        """Answers an error and keeps the connection, as a real server does; the original closes it."""

        def setup(self) -> None:
            super().setup()
            read = self.current_client.read_response

            def read_or_report() -> object:
                try:
                    return read()
                except ResponseError as error:
                    return error

            self.current_client.read_response = read_or_report

    server.RequestHandlerClass = Patient
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]))
