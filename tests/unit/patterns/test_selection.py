"""Which rules count for which file: profiles, levels, and what the owner chose by path."""

import pytest

from optimus_tui.patterns.rules import RULES
from optimus_tui.patterns.selection import PathChoice, RuleSelection, fits, rules_at


@pytest.mark.parametrize(
    ("glob", "path", "fit"),
    [
        ("app/internal/**", "app/internal/a.py", True),
        ("app/internal/**", "app/internal/b/c.py", True),
        ("app/internal/**", "lib/app/internal/a.py", False),
        ("app/*.py", "app/a.py", True),
        ("app/*.py", "app/b/a.py", False),
        ("**/generated/*.py", "generated/a.py", True),
        ("**/generated/*.py", "x/y/generated/a.py", True),
        ("generated", "x/generated/y/a.py", True),
        ("conftest.py", "x/conftest.py", True),
        ("conftest.py", "x/my_conftest.py", False),
        ("./main.py", "main.py", True),
        ("./main.py", "x/main.py", False),
        ("app/", "app/x/a.py", True),
        ("a[b].py", "a[b].py", True),
        ("a?.py", "ab.py", True),
        ("a.py", "a_py", False),
        ("**", "x/y.py", True),
    ],
)
def test_patterns_of_paths(glob: str, path: str, fit: bool) -> None:
    assert fits(glob, path) is fit


def test_the_profile_fastapi_has_no_rule_that_only_a_gateway_understands() -> None:
    every = rules_at("production_ready")
    plain = RuleSelection("fastapi", "production_ready").at("x.py")
    assert set(every) == set(RULES)
    assert set(every) - set(plain) == {rule.id for rule in RULES.values() if rule.profile == "gateway"}
    assert RuleSelection("fastapi").left_out() == [
        "caching",
        "circuit_breaker",
        "metrics",
        "multi_tenancy",
        "rate_limiting",
    ]


def test_what_a_project_lacks_is_not_asked_for() -> None:
    chosen = RuleSelection("gateway", "production_ready", lacks=frozenset({"tenant"})).at("x.py")
    assert "limits.missing" in chosen
    assert "caching.missing" in chosen
    assert {"tenancy.missing", "limits.key_without_tenant", "caching.key_without_tenant"}.isdisjoint(chosen)


def test_the_owner_switches_rules_and_groups_and_sets_priorities() -> None:
    chosen = RuleSelection(
        "fastapi",
        "basic",
        rules={"multi_tenancy": "on", "tenancy.unused": "off", "unsafe.eval": "low", "limits.missing": "low"},
    ).at("x.py")
    assert {"tenancy.missing", "tenancy.optional"} <= set(chosen)
    assert "tenancy.unused" not in chosen, "the rule's own name goes before its group's"
    assert chosen["unsafe.eval"].priority == "low"
    assert "limits.missing" not in chosen, "a priority does not switch a rule on"
    assert RULES["unsafe.eval"].priority == "high"


def test_the_last_path_that_fits_goes_first() -> None:
    chosen = RuleSelection(
        "gateway", "basic", rules={"logging": "off"},
        paths=(
            PathChoice("app/**", "production_ready", {"logging": "on", "limits.missing": "low"}),
            PathChoice("app/internal/**", None, {"limits.missing": "off"}),
        ),
    )  # fmt: skip
    outside, inside, below = chosen.at("lib/a.py"), chosen.at("app/a.py"), chosen.at("app/internal/a.py")
    assert "logging.missing" not in outside
    assert outside["limits.missing"].priority == "high"
    assert "metrics.missing" not in outside
    assert "logging.missing" in inside
    assert inside["limits.missing"].priority == "low"
    assert "metrics.missing" in inside
    assert "limits.missing" not in below
    assert "metrics.missing" in below, "the level of the wider pattern still holds"
