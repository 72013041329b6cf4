"""What was asked, wanted and given, and whether that is right, honestly unknown, wrong or an accusation."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

RIGHT, UNKNOWN, WRONG, ACCUSED = "right", "unknown", "WRONG", "ACCUSED"
SEVERITIES = ("low", "medium", "high", "critical")
_SCALE = {"info": "low", "warning": "medium", "none": "low"}


@dataclass(frozen=True)
class Verdict:
    """One question of a world, judged."""

    question: str
    wanted: str
    given: str
    outcome: str


@dataclass
class Given:
    """What a surface answered: the document, its exit code, and what it said beside the document."""

    doc: dict[str, Any]
    code: int
    text: str = ""

    @property
    def findings(self) -> list[dict[str, Any]]:
        """Diagnostics of a tool or findings of a stand-up."""
        return [*self.doc.get("diagnostics", ()), *self.doc.get("findings", ())]

    @property
    def results(self) -> dict[str, Any]:
        """Of analyze_performance_metrics."""
        found: dict[str, Any] = self.doc.get("analysis_results") or {}
        return found

    @property
    def not_available(self) -> bool:
        """True where the tool says that it cannot know."""
        return self.results.get("status") in ("not available", "unknown")

    @property
    def summary(self) -> str:
        """The answer in few words."""
        error = self.doc.get("error")
        if isinstance(error, Mapping):
            return f"exit {self.code}: {error.get('code')}: {error.get('message')}"
        words = [f"[{one.get('level') or one['severity']}] {one['rule']}: {one['message']}" for one in self.findings]
        head = self.doc.get("overall_status") or self.doc.get("severity_assessment") or self.results.get("status")
        return f"exit {self.code} {head or ''} " + "; ".join(words)

    def words(self) -> str:
        """All text of the document, in lower case."""
        return " ".join(_texts(self.doc)).lower()


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield str(name)
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def level_of(finding: Mapping[str, Any]) -> int:
    """0 low to 3 critical, on the one scale."""
    word = str(finding.get("level") or finding["severity"])
    return SEVERITIES.index(_SCALE.get(word, word))


@dataclass
class Judge:
    """Collects the verdicts of one world."""

    verdicts: list[Verdict] = field(default_factory=list)

    def note(self, question: str, wanted: str, given: object, outcome: str) -> None:
        """Add a verdict."""
        self.verdicts.append(Verdict(question, wanted, str(given), outcome))

    def expect(self, question: str, wanted: str, given: object, right: bool, *, unknown: bool = False) -> None:
        """Right, else honestly unknown where ``unknown`` holds, else wrong."""
        outcome = UNKNOWN if unknown else WRONG
        self.note(question, wanted, given, RIGHT if right else outcome)

    def figure(
        self, question: str, given: float | None, true: float, *, tolerance: float = 0.1, slack: float = 0.0,
        at_least: bool = False, why: str = "",
    ) -> None:  # fmt: skip
        """A number against the truth, ±``tolerance`` (and ±``slack`` absolutely); None is honestly unknown.

        ``at_least``: the answer calls itself a lower bound: it must not exceed the truth, nor be less than half of it.
        """
        room = abs(true) * tolerance + slack
        wanted = f"{true:.4g} ± {room:.2g}, or unknown"
        if given is None:
            self.note(question, wanted, f"unknown {why}", UNKNOWN)
        elif at_least:
            right, vague = given <= true + 0.02 * true + slack, given < true / 2 - slack
            self.expect(question, wanted, f"at least {given:.4g}", right and not vague, unknown=right)
        else:
            self.note(question, wanted, f"{given:.4g}", RIGHT if abs(given - true) <= room else WRONG)

    def rate(self, question: str, answer: Given, true: float, key: str = "requests_per_second") -> None:
        """The rate that a throughput answer tells."""
        figure = None if answer.not_available else answer.results.get(key)
        bound = bool(answer.results.get("lower_bound"))
        self.figure(question, figure, true, at_least=bound, slack=0.05, why=str(answer.results.get("reason", ""))[:120])

    def rate_of_its_span(self, question: str, answer: Given, total: Callable[[float], float], now: float) -> None:
        """The rate over the time that the answer says it covers, which may end up to one look (31 s) ago."""
        given, covered = answer.results.get("requests_per_second"), answer.doc.get("window_covered_minutes", 0) * 60
        if answer.not_available or given is None or not covered:
            self.note(question, "the rate of its span, or unknown", "unknown", UNKNOWN)
            return
        truths = [(total(now - lag) - total(now - lag - covered)) / covered for lag in range(32)]
        wanted = f"{min(truths):.4g} to {max(truths):.4g} over {covered:.0f} s"
        right = min(truths) * 0.9 - 0.05 <= given <= max(truths) * 1.1 + 0.05
        self.expect(question, wanted, f"{given:.4g}", right)

    def errors(self, question: str, answer: Given, true: float, key: str = "error_rate") -> None:
        """The share of failures (or of ``key``) that an error_rate answer tells."""
        figure = None if answer.not_available else answer.results.get(key)
        self.figure(question, figure, true, slack=0.005, why=str(answer.results.get("reason", ""))[:120])

    def found(
        self, question: str, answer: Given, *words: str, rule: str = "", least: str = "medium", most: str = "critical",
        unknown: bool = False,
    ) -> None:  # fmt: skip
        """A finding of this rule (a prefix) whose message and impact hold all ``words``, between two severities."""
        low, high = SEVERITIES.index(least), SEVERITIES.index(most)
        hits = [one for one in answer.findings if _is(one, rule, words) and low <= level_of(one) <= high]
        wanted = f"a finding {rule or 'with'} {' '.join(map(repr, words))} of {least} to {most}"
        self.expect(question, wanted, answer.summary, bool(hits), unknown=unknown)

    def not_found(self, question: str, answer: Given, *words: str, rule: str = "", least: str = "medium") -> None:
        """No finding of this rule with these words from ``least`` up: it would accuse what is healthy."""
        low = SEVERITIES.index(least)
        hits = [one for one in answer.findings if _is(one, rule, words) and level_of(one) >= low]
        wanted = f"no finding {rule} {' '.join(map(repr, words))} from {least} up"
        self.note(question, wanted, answer.summary, ACCUSED if hits else RIGHT)

    def spared(self, question: str, answer: Given) -> None:
        """A healthy system: exit 0 and no finding of medium or worse. A figure that nobody can measure is unknown."""
        accused = [one for one in answer.findings if level_of(one) >= 1]
        error = "error" in answer.doc and answer.code >= 2
        if accused:
            outcome = ACCUSED
        elif answer.not_available:
            outcome = UNKNOWN
        else:
            outcome = ACCUSED if answer.code else RIGHT
            outcome = WRONG if error else outcome
        self.note(question, "healthy: exit 0, nothing of medium or worse", answer.summary, outcome)

    def says(self, question: str, answer: Given, *anyof: str, but: Iterable[str] = ()) -> None:
        """The document holds one of these texts, and none of ``but``."""
        text = answer.words() + " " + answer.text.lower()
        right = any(one.lower() in text for one in anyof) and not any(one.lower() in text for one in but)
        self.expect(question, f"says {' or '.join(map(repr, anyof))}", answer.summary, right)


def _is(finding: Mapping[str, Any], rule: str, words: Iterable[str]) -> bool:
    text = f"{finding['message']} {finding.get('impact', '')} {finding.get('subject', '')}".lower()
    return str(finding["rule"]).startswith(rule) and all(word.lower() in text for word in words)
