"""No argument of a tool chooses another host, database or place on the disk: those come from settings. Row 115."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from optimus_tui.context import Context
from optimus_tui.settings.model import RedisTarget, Settings
from optimus_tui.tools.answer import ToolFailure, answer
from optimus_tui.tools.registry import TOOLS
from tests.realserver import RealServer
from tests.surfaces.world import GATEWAY

CHOICES = ("host", "port", "url", "redis_url", "gateway_url", "engine_url", "db", "database", "dsn", "env", "config",
           "project", "base_path", "root", "command", "python")  # fmt: skip


def test_no_tool_has_an_argument_for_a_place_row_115() -> None:
    for tool in TOOLS.values():
        schema = tool.input_schema()
        assert schema.get("additionalProperties") is False, tool.name
        assert not set(schema.get("properties", {})) & set(CHOICES), tool.name


@pytest.fixture
def elsewhere() -> Any:
    """An address where nobody of ours has any business; it remembers who came."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


def came(listener: socket.socket) -> bool:
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


async def test_whatever_the_arguments_say_only_the_configured_server_is_asked_row_115(
    server: RealServer, elsewhere: socket.socket
) -> None:
    place = f"127.0.0.1:{elsewhere.getsockname()[1]}"
    target = RedisTarget(host="127.0.0.1", port=server.port, db=0)
    context = Context(replace(Settings(), redis=target, source_path=GATEWAY))
    try:
        for tool in TOOLS.values():
            texts = [name for name, one in tool.input_schema().get("properties", {}).items() if "string" in str(one)]
            tries: list[dict[str, Any]] = [{choice: f"http://{place}"} for choice in CHOICES]
            for name in texts:
                for value in (
                    f"redis://{place}/9",
                    f"http://{place}/",
                    f"@{place}",
                    f"//{place}/x",
                    "acme\r\nSELECT 9",
                ):
                    tries.append({name: value})
            for arguments in tries:
                try:
                    await answer(context, tool.name, arguments)
                except ToolFailure as failure:
                    assert failure.error.code in ("bad_argument", "refused", "unreachable", "deadline"), arguments
        seen = server.command("CLIENT", "LIST").decode()
        assert not [line for line in seen.splitlines() if "name=optimus" in line and " db=0 " not in line]
    finally:
        await context.aclose()
    assert not came(elsewhere)


async def test_no_path_leads_out_of_the_gateways_tree_row_115(tmp_path: Path) -> None:
    root, secret = tmp_path / "gateway", tmp_path / "secret.py"
    (root / "src/backend/routers").mkdir(parents=True)
    (root / "src/backend/routers/mine.py").write_text("x = 1\n")
    secret.write_text("CANARY = 'do not read'\n")
    (root / "src/backend/routers/link.py").symlink_to(secret)
    (root / "src/backend/routers/folder").symlink_to(tmp_path)
    context = Context(replace(Settings(), source_path=root))
    for path in (
        str(secret), "../../../../secret.py", "link.py", "folder/secret.py", "/etc/passwd",
        "mine.py/../../../../../secret.py", "\0", "~/x.py", "file:///etc/passwd", "/proc/self/environ",
    ):  # fmt: skip
        try:
            report = await answer(context, "validate_enterprise_patterns", {"router_path": path})
        except ToolFailure as failure:
            assert failure.error.code in ("bad_argument", "refused"), path
        else:
            assert "CANARY" not in json.dumps(str(report)) and "secret" not in str(report.files), path  # type: ignore[attr-defined]
    await context.aclose()
