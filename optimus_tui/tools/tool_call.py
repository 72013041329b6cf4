"""A tool with its arguments, ready to run: what a finding, a routine or a symptom sends to the tools screen. Pure."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field


class ToolCall(Struct, frozen=True):
    """Which tool to run, and with which arguments; the others keep their defaults."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
