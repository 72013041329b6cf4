"""The available playbooks: the built-in ones and a team's own beside the user's configuration.

Tools and arguments are checked when a file is read, not when the step runs. A file with any mistake is refused; the
built-in playbooks remain available.
"""

from pathlib import Path

from optimus_tui.assets import asset_dir
from optimus_tui.contract.incident import ISSUES, StepPlan
from optimus_tui.history.incident_files import read_plain
from optimus_tui.storage.errors import UnreadableFile
from optimus_tui.wording.safe import safe_text
from optimus_tui.workflow.playbooks import Playbook, PlaybookError, parse, resolve

DEFAULT = "default"
MAX_BYTES = 200_000
MOST_FILES = 100


def user_playbooks() -> Path:
    """Return the folder for a team's own playbooks."""
    from optimus_tui.settings.files import user_config_file

    return user_config_file().parent / "playbooks"


def playbook(name: str = DEFAULT, folder: Path | None = None) -> Playbook:
    """Return one playbook, resolved and checked.

    Raises:
        PlaybookError: There is none of this name, or it has a mistake.
    """
    found, problems = playbooks(folder)
    if name not in found and problems:
        raise PlaybookError(problems[0])
    whole = resolve(name, found)
    for plan in whole.steps:
        _check(plan, whole.where)
    return whole


def playbooks(folder: Path | None = None) -> tuple[dict[str, Playbook], tuple[str, ...]]:
    """Return all playbooks by name, and what is wrong with files that cannot be used.

    A team's playbook replaces the built-in one of that name.
    """
    found: dict[str, Playbook] = {}
    problems: list[str] = []
    for place in (asset_dir("templates") / "playbooks", folder or user_playbooks()):
        for path in sorted(place.glob("*.toml"))[:MOST_FILES]:
            try:
                one = _read(path)
            except PlaybookError as error:
                problems.append(str(error))
                continue
            if one.name == one.extends:
                problems.append(f"{one.where}: extends names the playbook itself; give it a name of its own")
                continue
            found[one.name] = one
    return found, tuple(problems)


def _read(path: Path) -> Playbook:
    where = safe_text(str(path), 200)
    try:
        raw, _ = read_plain(path.resolve(), MAX_BYTES)  # Many users keep their configuration behind links.
        return parse(raw.decode("utf-8-sig"), where)
    except UnreadableFile as error:
        raise PlaybookError(str(error)) from None
    except UnicodeDecodeError as error:
        raise PlaybookError(f"{where} is not UTF-8 text (byte {error.start})") from None


def _check(plan: StepPlan, where: str) -> None:
    """Check the step's tool and its arguments against the tool's own schema."""
    from optimus_tui.tools.arguments import ToolFailure
    from optimus_tui.tools.arguments import parse as check
    from optimus_tui.tools.registry import TOOLS

    if plan.kind != "tool":
        return
    if plan.tool not in TOOLS:
        raise PlaybookError(f"{where}: step {plan.id}: tool must be one of {', '.join(TOOLS)}")
    arguments = dict(plan.arguments)
    if plan.choose_issue:
        arguments.setdefault("issue_type", ISSUES[-1])
    try:
        check(TOOLS[plan.tool].query, arguments)
    except ToolFailure as failure:
        raise PlaybookError(f"{where}: step {plan.id}: arguments: {failure.error.message}") from None
