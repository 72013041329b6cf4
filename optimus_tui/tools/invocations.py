"""The same question for every other surface: command line, HTTP, MCP, and the commands that an answer recommends. Pure.

Every line is safe to paste: arguments are one JSON text in one shell word. No token and no password is ever written.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from optimus_tui.contract.tools.common import Report
from optimus_tui.settings.model import Settings
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.shell import shell_word

SERVE = "http://127.0.0.1:8030"
"""Where ``optimus-tui serve`` listens unless told otherwise."""


def callings(
    tool: str, arguments: Mapping[str, Any], settings: Settings, report: Report | None = None
) -> list[tuple[str, str]]:
    """Return pairs of a name and a text to copy: recommended commands, then this question for each surface."""
    text = msgspec.json.encode(arguments).decode()
    if settings.environment == "default":
        environment = []
    else:
        environment = ["--env", shell_word(settings.environment)]
    line = " ".join(["optimus-tui", "run", *environment, tool, shell_word(text)])
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": dict(arguments)}}
    post = f"curl -sS -X POST {SERVE}/mcp/{tool} -H 'Content-Type: application/json' -d {shell_word(text)}"
    return [
        *recommended(report),
        ("command line", line),
        ("curl to `optimus-tui serve`", post),
        ("MCP call", msgspec.json.encode(call).decode()),
    ]


def recommended(report: Report | None) -> list[tuple[str, str]]:
    """Return the commands that a report recommends, each with what it does."""
    found: list[tuple[str, str]] = []
    for one in getattr(report, "recommendations", ()):
        command = getattr(one, "command", None)
        if command:
            found.append((safe_text(getattr(one, "action", "") or "recommended", 90), command))
    return found
