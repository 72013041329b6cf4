"""The tools over plain HTTP: ``tools_app`` to mount in a gateway at /mcp, and the same for ``optimus-tui serve``.

Plain ASGI: importing and mounting it loads no web framework, no client and no tool. Access control
(serving/asgi.py) applies to every request, and a GET changes nothing.
"""

from optimus_tui.http_api.app import tools_app

__all__ = ["tools_app"]
