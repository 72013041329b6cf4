"""The seven tools.

Their arguments and invocations, the daily routine, and the tool for each symptom.
"""

from collections.abc import Awaitable, Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct, field

from optimus_tui.contract.tools.common import Query, Report
from optimus_tui.settings.model import Settings
from optimus_tui.wording.safe import safe_text, shell_word

if TYPE_CHECKING:
    from optimus_tui.context import Context


@dataclass(frozen=True)
class Tool:
    """One tool. ``writes`` says in words what it changes; empty for a tool that only reads.

    ``reaches_out``: its answer depends on systems beyond this machine's files.
    """

    name: str
    module: str
    description: str
    writes: str = ""
    reaches_out: bool = True

    @cached_property
    def code(self) -> Any:
        """The tool's module, with QUERY, REPORT, run and found."""
        return import_module(f"optimus_tui.tools.{self.module}")

    @property
    def query(self) -> type[Query]:
        """The type of its arguments."""
        return self.code.QUERY  # type: ignore[no-any-return]

    @property
    def report(self) -> type[Report]:
        """The type of its answer."""
        return self.code.REPORT  # type: ignore[no-any-return]

    @property
    def run(self) -> "Callable[[Context, Any], Awaitable[Report]]":
        """The function that runs the tool."""
        return self.code.run  # type: ignore[no-any-return]

    def found(self, report: Report) -> bool:
        """Return True for a finding of medium or worse, or a failed test: exit code 1."""
        return bool(self.code.found(report))

    def input_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the arguments."""
        return schema_of(self.query)

    def output_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the answer."""
        return schema_of(self.report)


def schema_of(kind: type[Any]) -> dict[str, Any]:
    """Return one object schema that contains everything it refers to."""
    (root,), definitions = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    if "$ref" in root:
        schema = dict(definitions.pop(root["$ref"].rsplit("/", 1)[1]))
    else:
        schema = dict(root)
    if definitions:
        schema["$defs"] = definitions
    as_sent: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(schema))  # defaults as callers see them
    _name_types(as_sent)
    return as_sent


_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def _name_types(schema: Any) -> None:
    """Give each enum and each constant its "type" in place: clients refuse a whole list of tools for a missing one."""
    if isinstance(schema, list):
        for item in schema:
            _name_types(item)
    if not isinstance(schema, dict):
        return
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    if isinstance(values, list) and values and "type" not in schema:
        types = sorted({_TYPES[type(value)] for value in values})
        if len(types) == 1:
            schema["type"] = types[0]
        else:
            schema["type"] = types
    for key, inner in schema.items():
        if key not in ("default", "enum", "const", "examples"):
            _name_types(inner)


class Registry(Mapping[str, Tool]):
    """The tools in the order of the documentation."""

    def __init__(self, *tools: Tool) -> None:
        self._tools = {tool.name: tool for tool in tools}

    def __getitem__(self, name: str) -> Tool:
        return self._tools[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tools)

    def __len__(self) -> int:
        return len(self._tools)


TOOLS = Registry(
    Tool("diagnose_gateway_health", "health",
         "How the gateway, the AI engine, Redis and a tenant's rate limits are right now, with an overall verdict."),
    Tool("analyze_cache_coherence", "coherence",
         "Cache keys, tracking keys and invalidation events of a window, and whether invalidated keys vanished."),
    Tool("generate_enterprise_router", "router",
         "Drafts a FastAPI router for the gateway with tests of its own; returns the draft, writes nothing.",
         reaches_out=False),
    Tool("troubleshoot_production_issue", "troubleshoot.symptoms",
         "Examines one symptom and says what was measured, what is wrong and what to do, with exact commands."),
    Tool("test_ai_engine_integration", "integration",
         "Tests connectivity, performance, error handling or the full flow from gateway to engine and back.",
         "full_flow posts one recognisable test message; the cache test writes and removes one key of its own."),
    Tool("analyze_performance_metrics", "performance.analyze",
         "Latency, throughput, error rate, cache performance or rate-limiting efficiency over a window."),
    Tool("validate_enterprise_patterns", "validate",
         "Reads routers without running them, and says what they lack, on which line, why, and how to fix it.",
         reaches_out=False),
)  # fmt: skip


SERVE = "http://127.0.0.1:8030"
"""Where ``optimus-tui serve`` listens unless told otherwise."""


def callings(
    tool: str, arguments: Mapping[str, Any], settings: Settings, report: Report | None = None
) -> list[tuple[str, str]]:
    """Return names and texts to copy: the recommended commands, then this call for each surface."""
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


class ToolCall(Struct, frozen=True):
    """A tool to run, and its arguments; those that are not given keep their defaults."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


class RoutineStep(Struct, frozen=True):
    """A step of the routine: the time or the symptom, the tools to run, and the reason."""

    when: str
    tool_call: ToolCall
    why: str


_ROUTINE = (
    RoutineStep(
        "Morning (9 AM)", ToolCall("diagnose_gateway_health", {"include_cache_metrics": True}), "is everything up"
    ),
    RoutineStep(
        "Midday (1 PM)",
        ToolCall("analyze_performance_metrics", {"metric_type": "cache_performance"}),
        "is the hit rate good",
    ),
    RoutineStep("Evening (6 PM)", ToolCall("analyze_cache_coherence", {"time_window_minutes": 60}), "do events arrive"),
)

_SYMPTOMS = (
    RoutineStep("Slow responses", ToolCall("analyze_performance_metrics", {"metric_type": "latency"}), "first"),
    RoutineStep("Slow responses", ToolCall("analyze_cache_coherence"), "then"),
    RoutineStep(
        "Rate limit errors", ToolCall("troubleshoot_production_issue", {"issue_type": "rate_limiting"}), "first"
    ),
    RoutineStep("Rate limit errors", ToolCall("diagnose_gateway_health"), "then"),
    RoutineStep("New API needed", ToolCall("generate_enterprise_router"), "first"),
    RoutineStep("New API needed", ToolCall("validate_enterprise_patterns"), "then"),
    RoutineStep("Cache misses", ToolCall("analyze_cache_coherence"), "first"),
    RoutineStep("Cache misses", ToolCall("analyze_performance_metrics", {"metric_type": "cache_performance"}), "then"),
    RoutineStep("Service down", ToolCall("diagnose_gateway_health"), "first"),
    RoutineStep("Service down", ToolCall("test_ai_engine_integration", {"test_type": "connectivity"}), "then"),
)


def routine(known: Container[str]) -> tuple[RoutineStep, ...]:
    """Return the three daily checks."""
    return tuple(step for step in _ROUTINE if step.tool_call.tool in known)


def symptoms(known: Container[str]) -> tuple[RoutineStep, ...]:
    """Return for each symptom the first tool and the next one."""
    return tuple(step for step in _SYMPTOMS if step.tool_call.tool in known)
