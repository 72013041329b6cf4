"""A tool with its arguments, ready to run: what a finding, a routine or a symptom sends to the tools screen. Pure."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field


class ToolCall(Struct, frozen=True):
    """Which tool to run, and what to ask it. Arguments that are not named keep the tool's own defaults."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
