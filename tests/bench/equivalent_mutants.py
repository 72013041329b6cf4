"""Mutants of generated routers that no test can kill, because they mean the same, each with the reason."""

import re
from typing import NamedTuple

from tests.bench.router_mutants import Mutant


class Equivalent(NamedTuple):
    """Mutants that are alike: ``change`` is searched in ``line -> instead``."""

    change: str
    reason: str
    kinds: tuple[str, ...] = ()
    """The kinds of router; all without any."""


EQUIVALENT: tuple[Equivalent, ...] = (
    Equivalent(
        r"^if answer\.status_code >= 500: -> if answer\.status_code (>= 499|>= 501|> 500):$",
        "an answer for a failure is 400 to 498, or 502 to 504",
    ),
    Equivalent(
        r"source == '\w+':? -> .*source is '\w+'",
        "pydantic gives the value of the Literal itself, which is one object in all modules",
    ),
    Equivalent(
        r"if offset < kept .* if offset (is not|!=) kept ", "a full page never ends behind the last one that is kept"
    ),
    Equivalent(
        r"^(?P<head>(async )?def (as_query|columns_of|fits|held|load|order|ordered|page|rank)\(.*\)) -> .*: -> "
        r"(?P=head) -> [^()]*:$",
        "only a type checker reads what these functions return",
    ),
    Equivalent(
        r"^(?P<name>[A-Z_]+): [^=]+ = (?P<value>.*) -> (?P=name): [^=]+ = (?P=value)$",
        "only a type checker reads the type of a constant",
    ),
    Equivalent(
        r"^self\.kept: .* = \{\} -> self\.kept: .* = \{\}$", "only a type checker reads the type of an attribute"
    ),
    Equivalent(r"with_for_update=True", "SQLite, which the tests use, locks the whole file in place of a row"),
    Equivalent(r"^(BEGIN|GO_ON) = |description=(BEGIN|GO_ON)\b", "only the words of a description change", ("hybrid",)),
    Equivalent(r"^BY = ['\"].*['\"] -> BY = ['\"].*['\"]$", "only the words of a description change"),
    Equivalent(r"Query\(description=BY\).* -> .*Query\(\)\]", "only the words of a description are gone"),
    Equivalent(
        r"^(?P<head>@router\..*include_in_schema=False.*responses=)described\(\d+\)\) -> (?P=head)described\(\)\)$",
        "the path with a slash at its end is not described",
    ),
    Equivalent(
        r"mapped_column\(sa\.Text\) -> .*mapped_column\(\)$", "SQLite and PostgreSQL keep any text in both types"
    ),
    Equivalent(
        r"hexdigest\(\)\[:32\] -> .*hexdigest\(\)\[:3[13]\]$", "a key of 31 or 33 characters tells as much apart"
    ),
    Equivalent(r"sort_keys=True\) -> .*sort_keys=False\)$", "as_query builds its dictionary in one order"),
    Equivalent(r"^__table_args__ = .*'ix_\w+' *-> *|'ix_(\w+)_order'.* -> .*'ix_\1_orderx'", "an index has any name"),
    Equivalent(
        r"^(?P<head>async def _write\(.*columns: dict\[)str, Any(?P<tail>\].*) -> (?P=head)(?!str, Any).*$",
        "only a type checker reads the type of a parameter",
    ),
)


def reason_for(kind: str, mutant: Mutant) -> str:
    """Return why a mutant means the same as the router; empty where it does not."""
    alike = (one for one in EQUIVALENT if not one.kinds or kind in one.kinds)
    return next((one.reason for one in alike if re.search(one.change, mutant.change)), "")
