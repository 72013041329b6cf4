"""The wizard's answers so far, and whether they make a router. It draws nothing and writes one small file.

Rules for names and values are ``scaffold``'s: their sentences are passed on as they are. Only the target project is
remembered between two runs, in the user's state directory.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from optimus_tui.storage.private_file import read_plain, state_dir
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.scaffold.spec import RouterSpec

OPERATIONS = ("list", "create", "get", "update", "delete")
REMEMBERED = "wizard.json"
LONGEST_MEMORY = 8192


@dataclass
class FieldAnswer:
    """One field of the model as it was typed; an empty ``default`` is none."""

    name: str = ""
    type: str = "str"
    optional: bool = False
    default: str = ""

    @property
    def text(self) -> str:
        """Return the field as ``scaffold.fields`` reads it.

        Raises:
            SpecError: Its name could be read as something else.
        """
        from optimus_tui.scaffold.spec import check_field_name, make_field

        check_field_name(self.name)
        make_field(self.name, self.type, self.optional, self.default or None)
        text = f"{self.name}:{self.type}"
        if self.optional:
            text += "?"
        if self.default:
            text += f"={self.default}"
        return text

    def problem(self, others: "list[FieldAnswer]") -> str:
        """Return what is wrong with the field, on its own or beside the others, in a sentence. Empty if nothing is."""
        from optimus_tui.scaffold.spec import SpecError

        try:
            checked = self.text.partition(":")[0]
        except SpecError as error:
            return sentence(error)
        if any(other.name == checked for other in others):
            return f"the field {checked} is defined already"
        return ""


@dataclass
class RouterAnswers:
    """Everything that is asked for."""

    name: str = ""
    project: str = ""
    type: str = "proxy"
    operations: list[str] = field(default_factory=lambda: ["list", "create", "get", "update"])
    features: list[str] = field(default_factory=lambda: ["rate_limiting", "caching"])
    fields: list[FieldAnswer] = field(
        default_factory=lambda: [FieldAnswer("name", "str"), FieldAnswer("description", "str", True)]
    )

    def spec(self) -> "RouterSpec":
        """Return the checked specification.

        Raises:
            SpecError: An answer is wrong; it says which.
        """
        from optimus_tui.scaffold.spec import make_spec

        return make_spec(
            self.name,
            self.type,
            self.operations,
            rate_limiting="rate_limiting" in self.features,
            caching="caching" in self.features,
            fields=[row.text for row in self.fields],
        )

    def arguments(self) -> dict[str, object]:
        """Return the same question as arguments of the tool ``generate_enterprise_router``."""
        return {
            "router_name": self.name,
            "router_type": self.type,
            "operations": list(self.operations),
            "include_rate_limiting": "rate_limiting" in self.features,
            "include_caching": "caching" in self.features,
            "fields": [row.text for row in self.fields],
        }


def sentence(error: Exception) -> str:
    """Return what a SpecError says, with what would be right."""
    allowed = getattr(error, "allowed", None)
    if allowed:
        return safe_text(f"{error}; allowed: {', '.join(allowed)}", 400)
    return safe_text(str(error), 400)


def name_problem(name: str) -> str:
    """Return what is wrong with a router's name, in a sentence. Empty if nothing is."""
    from optimus_tui.scaffold.spec import SpecError, check_router_name

    try:
        check_router_name(name)
    except SpecError as error:
        return sentence(error)
    return ""


def project_problem(project: str) -> str:
    """Return why no router can be written to a project. Empty if one can. Reads the disk: call it in a thread."""
    if not project.strip():
        return "the gateway's source tree is missing: the folder that holds src/backend"
    shown = safe_text(project, 120)
    try:
        if not (Path(project).expanduser() / "src" / "backend" / "routers").is_dir():
            return f"{shown} is not a gateway: it has no src/backend/routers"
    except (OSError, ValueError, RuntimeError):
        return f"{shown!r} is no path"
    return ""


def remembered_project() -> str:
    """Return the project of the last router; empty if none is known. Reads the disk."""
    try:
        raw, _ = read_plain(state_dir() / REMEMBERED, LONGEST_MEMORY)
        return str(msgspec.json.decode(raw, type=dict[str, str]).get("project", ""))
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return ""


def remember_project(project: Path) -> None:
    """Keep it for the next time; a state directory that cannot be written forgets, and that is all."""
    import contextlib

    from optimus_tui.tui.terminal import write_private

    text = str(project)
    with contextlib.suppress(OSError, UnicodeEncodeError):
        write_private(REMEMBERED, msgspec.json.encode({"project": text}).decode())
