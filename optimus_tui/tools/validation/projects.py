"""The judged projects: the rules chosen for each, by its owner or by its signs, and the verdicts on its files."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from optimus_tui.contract.tools.compliance import ProjectProfile, ValidationLevel
from optimus_tui.patterns.habits import lacking_by_use
from optimus_tui.patterns.helpers import Helper, HelperUses, Job, remedy
from optimus_tui.patterns.rule import Profile, Rule
from optimus_tui.patterns.rules import RULES
from optimus_tui.patterns.selection import GROUPS, PathChoice, RuleSelection
from optimus_tui.patterns.signs import Detected, Signs, detected, is_served
from optimus_tui.patterns.source.vocabulary import own_words
from optimus_tui.settings.project_rules import ProjectRules, rules_for
from optimus_tui.settings.table import SettingsError, nearest
from optimus_tui.tools.router_files import ROUTERS, JudgedFiles, SourceTree, examine
from optimus_tui.wording.safe import safe_text

DEFAULT_LEVEL: ValidationLevel = "comprehensive"


class ProjectChoice(NamedTuple):
    """The rules that apply to a project. ``chosen_by`` says who chose the profile, ``found`` which signs show it."""

    root: Path
    selection: RuleSelection
    chosen_by: str
    found: Detected
    prefix: str
    """What leads from the folder of ``optimus.toml`` to the root, with a slash; "" where they are the same."""
    words: Mapping[str, Sequence[str]]
    helpers: dict[Job, Helper]

    def remedy(self, rule: Rule, name: Callable[[Path, str], str]) -> str:
        """Return the remedy of a rule, with the project's own helper where it has one; ``name`` as in ``profile``."""
        helpers = {job: one._replace(path=name(self.root, one.path)) for job, one in self.helpers.items()}
        return safe_text(remedy(rule, helpers), 500)

    def rules(self, path: str) -> dict[str, Rule]:
        """Return the rules that apply to a file; the path is relative to the root."""
        return self.selection.at(self.prefix + path)

    def profile(self, name: Callable[[Path, str], str]) -> ProjectProfile:
        """Return the project's profile for the report; ``name`` returns a path as the report shows it."""
        evidence = [str(sign._replace(path=name(self.root, sign.path))) for sign in self.found.signs]
        return ProjectProfile(
            project=name(self.root, "") or ".", profile=self.selection.profile,
            chosen_by=safe_text(self.chosen_by, 200),
            evidence=tuple(safe_text(one, 300) for one in (*evidence, self.found.reason) if one),
            not_judged=tuple(self.selection.left_out()),
        )  # fmt: skip


class JudgedProject(NamedTuple):
    """The judged files of a project, with the numbers of files that its owner excludes and of tests left out."""

    choice: ProjectChoice
    outcome: JudgedFiles
    excluded: int = 0
    tests: int = 0


def choose(
    root: Path, level: ValidationLevel | None = None, profile: Profile | None = None, named: Path | None = None
) -> ProjectChoice:
    """Return the rules that apply to a project.

    Args:
        root: The project's folder.
        level: The requested level; None for that of ``optimus.toml``, else the default.
        profile: The requested profile; None for that of ``optimus.toml``, else the one that the project's signs show.
        named: The file of ``--config``, which counts instead of the project's ``optimus.toml``.

    Raises:
        SettingsError: ``optimus.toml`` is wrong; it names the line and the remedy.
    """
    rules = rules_for(root, named)
    _check_names(rules)
    table = rules.table
    words = {name: found for name, found in msgspec.structs.asdict(table.words).items() if found}
    with own_words(words):
        signs, helpers = _looked_through(root, words)
        found, chosen_by = _profile(root, rules, profile, signs)
    selection = RuleSelection(
        found.profile, level or table.level or DEFAULT_LEVEL, found.lacks, table.rules,
        [PathChoice(glob, one.level, one.rules) for glob, one in table.paths.items()], table.exclude,
    )  # fmt: skip
    prefix = ""
    if rules.file is not None and root.is_relative_to(rules.base) and root != rules.base:
        prefix = f"{root.relative_to(rules.base).as_posix()}/"
    return ProjectChoice(root, selection, chosen_by, found, prefix, words, helpers.most_used())


def _looked_through(root: Path, words: Mapping[str, Sequence[str]]) -> tuple[Signs, HelperUses]:
    """Return the signs and the helpers of a project's files."""
    tree, signs, helpers = SourceTree(root), Signs(words), HelperUses()
    for path in tree.below(""):
        data = tree.read(path)
        if isinstance(data, bytes):
            signs.look(path, data)
            helpers.look(path, data)
    return signs, helpers


def _profile(root: Path, rules: ProjectRules, asked: Profile | None, signs: Signs) -> tuple[Detected, str]:
    """Return the profile and who chose it. Where somebody chose, nothing that the project lacks is excused."""
    if asked is not None:
        return Detected(asked, frozenset(), ()), "asked for"
    if rules.table.profile != "auto":
        return Detected(rules.table.profile, frozenset(), ()), f"chosen in {_place(rules, root)}"
    if (root / ROUTERS).is_dir():
        return Detected("gateway", frozenset(), (), f"{ROUTERS} is the layout of a gateway"), "detected"
    return detected(signs), "detected"


def _place(rules: ProjectRules, root: Path) -> str:
    place = rules.at("profile")
    if rules.file is not None:
        return place.removeprefix(f"{rules.base}/")
    return place


def _check_names(rules: ProjectRules) -> None:
    """Raise SettingsError for a rule or group that does not exist."""
    known = [*RULES, *sorted(GROUPS)]
    places: list[tuple[str, ...]] = [("rules", name) for name in rules.table.rules]
    places += [("paths", glob, "rules", name) for glob, one in rules.table.paths.items() for name in one.rules]
    for keys in places:
        if keys[-1] not in known:
            hint = nearest(keys[-1], known)
            if hint.startswith("valid here"):
                hint = "optimus-tui rules lists them"
            raise SettingsError(f"{rules.at(*keys)}: there is no rule {safe_text(keys[-1], 80)}; {hint}")


def judge_project(
    choice: ProjectChoice,
    paths: Iterable[str],
    *,
    named: bool = False,
    seconds: float | None = None,
    use_cache: bool = True,
) -> JudgedProject:
    """Judge files of a project, except those that its owner excludes; ``examine`` explains the options."""
    everything = list(paths)
    wanted = [path for path in everything if not choice.selection.excludes(choice.prefix + path)]
    outcome = examine(choice.root, wanted, named=named, seconds=seconds, use_cache=use_cache, words=choice.words)
    if choice.found.signs:  # nobody chose the profile
        lacks = lacking_by_use((one.verdict for one in outcome.judged if is_served(one.path)), choice.found)
        choice = choice._replace(selection=choice.selection.lacking(lacks))
    return JudgedProject(choice, outcome, len(everything) - len(wanted))
