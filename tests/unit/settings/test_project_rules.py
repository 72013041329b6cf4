"""[validate] of a project's optimus.toml: which file counts, and mistakes with file, line and remedy."""

from pathlib import Path

import pytest

from optimus_tui.settings.editing import line_of
from optimus_tui.settings.load import load
from optimus_tui.settings.project_rules import rules_for
from optimus_tui.settings.table import SettingsError

WHOLE = """# the shop's rules
[validate]
profile = "gateway"
level = "production_ready"
exclude = ["**/generated/**", "conftest.py"]

[validate.rules]
"caching.missing" = "off"
rate_limiting = "medium"

[validate.paths."app/internal/**"]
level = "basic"
rules = { "limits.missing" = "off" }

[validate.words]
tenant = ["club"]
"""


def test_the_nearest_file_above_the_judged_folder_counts(tmp_path: Path) -> None:
    (tmp_path / "optimus.toml").write_text('[validate]\nprofile = "fastapi"\n')
    inner = tmp_path / "shop" / "app"
    inner.mkdir(parents=True)
    assert rules_for(inner).table.profile == "fastapi"
    (tmp_path / "shop" / "optimus.toml").write_text(WHOLE)
    found = rules_for(inner)
    assert found.table.profile == "gateway"
    assert found.base == tmp_path / "shop"
    assert found.table.paths["app/internal/**"].rules == {"limits.missing": "off"}
    assert found.table.words.tenant == ("club",)
    assert found.at("profile") == f"{tmp_path}/shop/optimus.toml:3"
    other = tmp_path / "other.toml"
    other.write_text("[validate]\nlevel = 'basic'\n")
    assert rules_for(inner, other).table.level == "basic"


def test_a_persons_own_file_does_not_count_and_says_so(tmp_path: Path) -> None:
    own = tmp_path / "config.toml"
    own.write_text('theme = "optimus-light"\n[validate]\nprofile = "gateway"\n')
    settings = load({}, {}, tmp_path, own)
    assert settings.validate.profile == "auto"
    assert settings.warnings == (f"{own}:2: [validate] counts only in a project's optimus.toml",)
    (tmp_path / "optimus.toml").write_text(WHOLE)
    settings = load({}, {}, tmp_path, None)
    assert settings.validate.profile == "gateway"
    assert settings.sources["validate"] == "optimus.toml"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('[validate]\nprofle = "x"', 2, "unknown key validate.profle; did you mean profile?"),
        ('[validate]\n\nprofile = "flask"', 3, "validate.profile must be auto, fastapi or gateway"),
        ('[validate]\nlevel = "strict"', 2, "validate.level must be basic, comprehensive or production_ready"),
        ('[validate.rules]\n# why\n"limits.missing" = "never"', 3, "must be on, off, high, medium or low"),
        ('[validate.rules]\n"limits missing" = "off"', 2, 'the name validate.rules."limits missing" may hold letters'),
        ('[validate]\nexclude = [\n  "a",\n  5,\n]', 2, "validate.exclude must be text, not a whole number (item 2)"),
        ('[validate.paths."app/**"]\nrules = { "limits.missing" = 3 }', 2, "must be on, off"),
        ('[validate.paths."app/**"]\nrule = {}', 2, 'unknown key validate.paths."app/**".rule; did you mean rules?'),
        ('[validate.words]\ntenant = ["a b"]', 2, "may hold letters"),
        ('[validate.words]\nclub = ["a"]', 2, "valid here: cache, limiter, logger, metrics, tenant"),
        ("refresh_seconds = 5\n[env.prod]\nrefresh_seconds = 0.1", 3, "env.prod.refresh_seconds must be a number"),
        ("[env.prod.validate]\nprofile = 'auto'", 1, "unknown key env.prod.validate"),
    ],
)
def test_a_mistake_names_file_line_and_remedy(tmp_path: Path, text: str, line: int, words: str) -> None:
    file = tmp_path / "optimus.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        rules_for(tmp_path)
    assert str(caught.value).startswith(f"{file}:{line}: ")
    assert words in str(caught.value)


def test_the_line_of_a_value_is_the_nearest_that_leads_to_it() -> None:
    assert line_of(WHOLE, ("validate", "rules", "caching.missing")) == 8
    assert line_of(WHOLE, ("validate", "paths", "app/internal/**", "rules", "limits.missing")) == 13
    assert line_of(WHOLE, ("validate", "rules", "not.there")) == 7
    assert line_of(WHOLE, ("thresholds",)) is None
    assert line_of("a = [", ("a",)) == 1
