"""Check a commit's subject line: ``python .github/commit_subject.py FILE``, where FILE holds the commit message.

A subject is ``area: what``, at most 72 characters long, and says in the imperative what the commit does. The exit code
is 0 if the subject is good and 1 if it is not; what is wrong is printed, one sentence a line.
"""

import re
import sys
from pathlib import Path

LONGEST = 72
FORM = re.compile(r"(?P<area>[a-z][a-z0-9 ,/_.-]*): (?P<what>\S.*)")
MADE_BY_GIT = re.compile(r"(Merge |Revert \"|fixup! |squash! |amend! )")
_NOT_A_VERB = """
    a an the this that these those some all no more less better new old own it its our we i you they there
    and or but for from with without of in on at to is are was were be can may must will
"""
_IMPERATIVE = "bring cling embed feed fling need ping seed shed speed spring string swing wing wring"
NOT_A_VERB = frozenset(_NOT_A_VERB.split())
IMPERATIVE = frozenset(_IMPERATIVE.split())
"""Imperatives that end as participles do."""


def faults(message: str) -> list[str]:
    """Return what is wrong with the subject of a commit message, one sentence each; empty if nothing is.

    Args:
        message: The whole message, as git hands it to a hook: comment lines begin with ``#``.
    """
    lines = [line for line in message.splitlines() if not line.startswith("#")]
    while lines and not lines[0].strip():
        lines.pop(0)
    if not lines:
        return ["The message is empty."]
    subject = lines[0].rstrip()
    if MADE_BY_GIT.match(subject):
        return []
    found = []
    if len(subject) > LONGEST:
        found.append(f"The subject has {len(subject)} characters; at most {LONGEST} are allowed.")
    if subject.endswith("."):
        found.append("The subject ends with a full stop.")
    if len(lines) > 1 and lines[1].strip():
        found.append("The line after the subject is not empty.")
    form = FORM.fullmatch(subject)
    if form is None:
        found.append('The subject is not of the form "area: what", as in "limits: count only live entries".')
    else:
        found += not_imperative(form["what"].split()[0])
    return found


def not_imperative(first: str) -> list[str]:
    """Return the fault if the first word after the area is surely no imperative; empty if it may be one."""
    word = first.strip("`'\"(),").lower()
    if word in IMPERATIVE:
        return []
    third_person = word.endswith("s") and not word.endswith(("ss", "us", "ias"))
    if word in NOT_A_VERB or word.endswith(("ing", "ed")) or third_person:
        return [f'"{first}" is not an imperative: say what the commit does, as in "add", "keep" or "refuse".']
    return []


def main() -> int:
    """Check the message in the file that the command line names."""
    if len(sys.argv) != 2:
        sys.stderr.write(f"usage: {Path(sys.argv[0]).name} FILE\n")
        return 2
    found = faults(Path(sys.argv[1]).read_text("utf-8"))
    for sentence in found:
        sys.stderr.write(f"{sentence}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
