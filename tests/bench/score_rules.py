"""Precision and recall of every rule on public projects that were labelled by hand.

``python -m tests.bench.score_rules PROJECTS [--labels FILE] [--detected] [--write] [--wrong]``. PROJECTS is a folder
with one folder per project, named as in the first column of the labels. Without ``--detected`` every project is taken
for a gateway, which should limit, count and break circuits though it does none of it yet; with it for what its signs
say, as a user sees it who has chosen nothing. ``--write`` replaces the figures in the tree, from which
``tests/unit/patterns/test_measured_rules.py`` holds the severities; ``--wrong`` lists each label that is not met.

A label names a place: a function, a line, or ``*`` for the whole file. A finding on a place labelled *silent* or
*irrelevant* is false, none on a place labelled *fire* is a miss; *either* counts nowhere.
"""

import argparse
import ast
import gc
import sys
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from optimus_tui.patterns.facts.model import Module
from optimus_tui.patterns.habits import lacking_by_use
from optimus_tui.patterns.judge import inspect
from optimus_tui.patterns.rule import Hit, Profile
from optimus_tui.patterns.rules import RULES
from optimus_tui.patterns.selection import RuleSelection
from optimus_tui.patterns.signs import Signs, detected, is_served
from optimus_tui.patterns.source.project import Project
from optimus_tui.tools.router_files import SourceTree
from tests.patterns_tree import CORPUS

PUBLIC = CORPUS / "public"
LABELS = PUBLIC / "labels.tsv"
LEARNED = tuple(
    PUBLIC / f"blind_{name}.tsv"
    for name in ("fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth", "thirteenth")
)
"""Labels that were blind until the rules were mended for them, and whose projects can all be fetched."""
COLUMNS = ("rule", "found", "missed", "false", "quiet")


class Label(NamedTuple):
    """One row of the labels."""

    project: str
    file: str
    where: str
    rule: str
    label: str
    reason: str


@dataclass
class Count:
    """What became of a rule's labels."""

    found: int = 0
    missed: int = 0
    false: int = 0
    quiet: int = 0
    wrong: list[Label] = field(default_factory=list)

    @property
    def precision(self) -> float | None:
        """Return the share of findings that are right; None without findings on labelled places."""
        told = self.found + self.false
        return self.found / told if told else None

    @property
    def recall(self) -> float | None:
        """Return the share of the places labelled *fire* that were found; None where there is none."""
        wanted = self.found + self.missed
        return self.found / wanted if wanted else None


def labels_in(path: Path) -> list[Label]:
    """Return the rows of a file of labels."""
    lines = [line for line in path.read_text("utf-8").splitlines()[1:] if line.strip()]
    return [Label(*line.split("\t", 5)) for line in lines]


def figures_of(labels: Path) -> Path:
    """Return the file beside a set of labels that holds what became of them."""
    return labels.with_name(labels.name.replace("labels", "measured").replace("blind_", "measured_"))


def measured(labels: Path = LABELS) -> dict[str, Count]:
    """Return the figures of a set of labels that stand in the tree."""
    rows = [line.split("\t") for line in figures_of(labels).read_text("utf-8").splitlines()[1:] if line.strip()]
    return {name: Count(int(found), int(missed), int(false), int(quiet)) for name, found, missed, false, quiet in rows}


def load_from(root: Path) -> Project:
    """Return the project in a folder."""
    tree = SourceTree(root)
    return Project(tree.load, tree.layout)


_ASKED_OF_GATEWAYS = frozenset({"callers", "metrics", "breaker"})


def selection_of(root: Path, project: Project, as_gateway: bool) -> RuleSelection:
    """Return the rules that count for a project, from what it has; ``as_gateway`` asks for what it does not do yet."""
    signs = Signs({})
    tree = SourceTree(root)
    files = {path: data for path in tree.below("") if isinstance(data := tree.read(path), bytes)}
    for path, data in files.items():
        signs.look(path, data)
    found = detected(signs)
    profile, lacks = found.profile, found.lacks
    if profile == "gateway" and ("tenant" not in lacks or not as_gateway):
        judged = [(path, inspect(path, data, project, routes_only=True)) for path, data in files.items()]
        lacks |= lacking_by_use((verdict for path, verdict in judged if is_served(path)), found)
    return as_it_is(profile, lacks, as_gateway)


def as_it_is(profile: Profile, lacks: frozenset[str], as_gateway: bool) -> RuleSelection:
    """Return the rules for a project with this profile that lacks this."""
    if as_gateway:
        return RuleSelection("gateway", "production_ready", lacks - _ASKED_OF_GATEWAYS)
    return RuleSelection(profile, "production_ready", lacks)


def hits_in(path: str, data: bytes, project: Project) -> Iterator[tuple[str, Hit]]:
    """Yield every finding of every rule, one for each route: not joined as in a report.

    What a report calls *not judged* is no finding.
    """
    for issue in inspect(path, data, project).issues:
        for one in (issue, *issue.also):
            yield issue.rule, Hit(one.line, one.column, one.message, one.subject)


def _spans(path: str, data: bytes, project: Project) -> list[tuple[str, int, int, int]]:
    """Return name, first line, line of the ``def`` and last line of every function, of a newer Python's file, too."""
    module = project.read(path, data)
    if not isinstance(module, Module):
        return []
    found = []
    for node in ast.walk(module.tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            found.append((node.name, first, node.lineno, node.end_lineno or node.lineno))
    return found


def _is_at(label: Label, hit: Hit, spans: list[tuple[str, int, int, int]]) -> bool:
    if label.where == "*":
        return True
    if label.where.isdigit():
        line = int(label.where)
        return any(first <= line <= at and hit.line == at for _, first, at, _ in spans) or hit.line == line
    named = [span for span in spans if span[0] == label.where]
    return hit.subject == label.where or any(first <= hit.line <= last for _, first, _, last in named)


def score(projects: Path, labels: Iterable[Label], as_gateway: bool = True) -> dict[str, Count]:
    """Return what became of every rule's labels; labels of files that are not there are left out."""
    by_file: dict[tuple[str, str], list[Label]] = defaultdict(list)
    for label in labels:
        by_file[label.project, label.file].append(label)
    counts: dict[str, Count] = defaultdict(Count)
    opened: dict[str, Project] = {}
    selection = RuleSelection()
    for (name, path), rows in sorted(by_file.items()):
        place = projects / name / path
        if not place.is_file():
            print(f"not there, {len(rows)} labels are left out: {name}/{path}", file=sys.stderr)
            continue
        if name not in opened:
            opened = {name: load_from(projects / name)}
            selection = selection_of(projects / name, opened[name], as_gateway)
        data = place.read_bytes()
        hits = [(rule, hit) for rule, hit in hits_in(path, data, opened[name]) if not _is_left_out(rule, selection)]
        spans = _spans(path, data, opened[name])
        for row in rows:
            _settle(row, any(rule == row.rule and _is_at(row, hit, spans) for rule, hit in hits), counts[row.rule])
    return dict(sorted(counts.items()))


def _is_left_out(rule: str, selection: RuleSelection) -> bool:
    return rule in RULES and rule not in selection.at("")


def _settle(row: Label, fired: bool, count: Count) -> None:
    if row.label == "either":
        return
    if row.label == "fire":
        name = "found" if fired else "missed"
    else:
        name = "false" if fired else "quiet"
    setattr(count, name, getattr(count, name) + 1)
    if name in ("missed", "false"):
        count.wrong.append(row)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def report(counts: dict[str, Count], wrong: bool) -> Iterator[str]:
    """Yield the lines of the table."""
    total = Count()
    yield f"{'rule':32}{'found':>7}{'missed':>8}{'false':>7}{'quiet':>7}{'precision':>11}{'recall':>8}"
    for name, count in (*counts.items(), ("all", total)):
        if count is not total:
            for one in COLUMNS[1:]:
                setattr(total, one, getattr(total, one) + getattr(count, one))
        yield (
            f"{name:32}{count.found:7}{count.missed:8}{count.false:7}{count.quiet:7}"
            f"{_share(count.precision):>11}{_share(count.recall):>8}"
        )
    for count in counts.values() if wrong else ():
        for row in count.wrong:
            yield "  " + "  ".join((row.rule, row.label, f"{row.project}/{row.file}:{row.where}", row.reason))


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("projects", type=Path)
    parser.add_argument("--labels", type=Path, default=LABELS)
    parser.add_argument("--detected", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--wrong", action="store_true")
    given = parser.parse_args()
    gc.disable()
    warnings.simplefilter("ignore")
    counts = score(given.projects, labels_in(given.labels), not given.detected)
    print("\n".join(report(counts, given.wrong)))
    if given.write:
        rows = ["\t".join([name, *(str(getattr(one, key)) for key in COLUMNS[1:])]) for name, one in counts.items()]
        figures_of(given.labels).write_text("\n".join(["\t".join(COLUMNS), *rows]) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
