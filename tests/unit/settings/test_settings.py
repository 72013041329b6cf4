"""Settings: which source wins, what is said about a mistake, and what may be inherited."""

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from optimus_tui.settings.load import environments, load
from optimus_tui.settings.model import Secret, Settings
from optimus_tui.settings.table import SettingsError


class Place:
    """A project below a user's home, with both files writable by a test."""

    def __init__(self, root: Path) -> None:
        self.cwd = root / "project" / "deep" / "down"
        self.cwd.mkdir(parents=True)
        self.project, self.user = root / "project" / "optimus.toml", root / "config.toml"
        self.env: dict[str, str] = {}

    def write(self, text: str, file: Path | None = None) -> None:
        path = file or self.project
        path.write_text(text)
        path.chmod(0o600)

    def load(self, **flags: Any) -> Settings:
        return load(flags, self.env, self.cwd, self.user)

    def refusal(self, **flags: Any) -> str:
        with pytest.raises(SettingsError) as refused:
            self.load(**flags)
        said = str(refused.value)
        assert "\n" not in said
        return said


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_without_anything_the_defaults_of_the_contract_hold(place: Place) -> None:
    settings = place.load()
    assert (settings.gateway_url, settings.engine_url) == ("http://localhost:8020", "http://localhost:8010")
    assert settings.redis.label == "localhost:6379/0"
    assert settings.environment == "default"
    assert set(settings.sources.values()) <= {"default", "default: Redis on this machine"}
    assert settings.limits is None


def test_flags_win_over_variables_over_the_project_over_the_user(place: Place) -> None:
    place.write('redis_url = "redis://user/4"\ntheme = "from-user"\nrefresh_seconds = 9', place.user)
    assert place.load().redis.label == "user:6379/4"
    assert place.load().sources["redis"] == "config.toml"
    place.write('redis_url = "redis://project/3"\nrefresh_seconds = 8')
    assert place.load().redis.label == "project:6379/3"
    place.env["REDIS_URL"] = "redis://variable/2"
    assert place.load().redis.label == "variable:6379/2"
    settings = place.load(redis_url="redis://flag/1", refresh=1)
    assert settings.redis.label == "flag:6379/1"
    assert (settings.refresh_seconds, settings.theme) == (1.0, "from-user")
    assert settings.sources["redis"] == "--redis-url"
    assert settings.sources["refresh_seconds"] == "--refresh"
    assert settings.sources["theme"] == "config.toml"


def test_every_variable_of_the_contract_is_read(place: Place) -> None:
    place.env = {
        "BACKEND_ORCHESTRATOR_URL": "http://g:1/",
        "AI_ENGINE_URL": "http://e:2",
        "REDIS_URL": "redis://r:3/4",
        "POSTGRES_DSN": "postgresql://u:CANARY@p/db",
        "PROMETHEUS_URL": "http://m:5",
        "BACKEND_ORCHESTRATOR_PATH": str(place.cwd),
    }
    settings = place.load()
    assert (settings.gateway_url, settings.engine_url, settings.prometheus_url) == (
        "http://g:1",
        "http://e:2",
        "http://m:5",
    )
    assert settings.redis.label == "r:3/4"
    assert settings.postgres_dsn == Secret("postgresql://u:CANARY@p/db")
    assert settings.source_path == place.cwd
    assert "CANARY" not in repr(settings)
    fields = ("gateway_url", "engine_url", "redis", "postgres_dsn", "prometheus_url", "source_path")  # as in env
    assert [settings.sources[field] for field in fields] == list(place.env)


def test_an_empty_variable_counts_as_not_set(place: Place) -> None:
    place.env = {"REDIS_URL": " ", "OPTIMUS_ENV": "", "OPTIMUS_CONFIG": ""}
    assert place.load().redis.label == "localhost:6379/0"


def test_a_named_environment_overrides_key_by_key(place: Place) -> None:
    place.write(
        """
        theme = "base"
        tenants = ["acme:eu"]
        [thresholds]
        hit_rate_warn = 0.8
        near_limit = 0.5
        [limits]
        window_seconds = 30
        [limits.operations]
        chat = 5
        list = 6
        [env.prod]
        redis_url = "rediss://r.example"
        color = "#ff0000"
        [env.prod.thresholds]
        hit_rate_warn = 0.9
        [env.prod.limits.operations]
        chat = 50
        [env.prod.limits.tenants."acme:eu"]
        chat = 7
        """
    )
    prod = place.load(env="prod")
    assert (prod.environment, prod.color, prod.theme) == ("prod", "#ff0000", "base")
    assert (prod.thresholds.hit_rate_warn, prod.thresholds.near_limit) == (0.9, 0.5)
    assert prod.limits is not None and prod.limits.window_seconds == 30
    assert prod.limits.limits == {"chat": 50, "list": 6}
    assert prod.limits.limit_for("acme:eu", "chat") == 7
    assert prod.sources["redis"] == "optimus.toml [env.prod]"
    assert prod.sources["thresholds.hit_rate_warn"] == "optimus.toml [env.prod]"
    assert prod.sources["thresholds.near_limit"] == "optimus.toml"
    assert prod.tenants == ("acme:eu",)
    plain = place.load()
    assert plain.limits is not None and plain.limits.limits["chat"] == 5
    assert plain.redis.label == "localhost:6379/0"


def test_a_users_environment_comes_before_a_projects_top_level(place: Place) -> None:
    place.write('redis_url = "redis://project-default"')
    place.write('[env.prod]\nredis_url = "redis://prod"', place.user)
    assert place.load(env="prod").redis.host == "prod"
    place.env["OPTIMUS_ENV"] = "prod"
    assert place.load().redis.host == "prod"
    assert place.load().sources["environment"] == "OPTIMUS_ENV"
    assert environments({}, place.env, place.cwd, place.user) == ["default", "prod"]


def test_an_explicit_file_takes_the_place_of_both(place: Place, tmp_path: Path) -> None:
    place.write('theme = "project"')
    other = tmp_path / "other.toml"
    place.write('theme = "other"', other)
    assert place.load(config=str(other)).theme == "other"
    place.env["OPTIMUS_CONFIG"] = "../../../other.toml"
    assert place.load().theme == "other"
    place.env["OPTIMUS_CONFIG"] = "missing.toml"
    said = place.refusal()
    assert "missing.toml does not exist" in said and "OPTIMUS_CONFIG" in said


ALL = """
[env.prod]
backend_orchestrator_url = "http://prod-gateway"
ai_engine_url = "http://prod-engine"
redis_url = "redis://prod"
postgres_dsn = "postgresql://prod/db"
prometheus_url = "http://prod-prometheus"
backend_orchestrator_path = "prod-tree"
"""
OTHERS = {
    "BACKEND_ORCHESTRATOR_URL": "http://other-gateway",
    "AI_ENGINE_URL": "http://other-engine",
    "REDIS_URL": "redis://other",
    "POSTGRES_DSN": "postgresql://other/db",
    "PROMETHEUS_URL": "http://other-prometheus",
    "BACKEND_ORCHESTRATOR_PATH": "other-tree",
}


def values(settings: Settings) -> list[str]:
    dsn = settings.postgres_dsn.reveal() if settings.postgres_dsn else ""
    urls = [settings.gateway_url, settings.engine_url, settings.prometheus_url or ""]
    return [*urls, settings.redis.host, dsn, str(settings.source_path and settings.source_path.name)]


def test_a_named_environment_wins_over_every_generic_variable_and_says_so(place: Place) -> None:
    place.write(ALL)
    place.env = dict(OTHERS)
    assert all("other" in value for value in values(place.load()))
    assert place.load().notes == ()
    prod = place.load(env="prod")
    assert all("prod" in value for value in values(prod))
    assert prod.sources["redis"] == "optimus.toml [env.prod]"
    assert prod.overridden == () and prod.title == "prod"
    for name in OTHERS:
        assert sum(note.startswith(f"{name} is not used") for note in prod.notes) == 1
    place.env["OPTIMUS_ENV"] = "prod"
    assert values(place.load()) == values(prod)
    assert all("other" in value for value in values(place.load(env="default")))


def test_flags_and_variables_of_our_own_override_a_named_environment_and_the_header_says_so(place: Place) -> None:
    place.write(ALL)
    place.env = {f"OPTIMUS_{name}": value for name, value in OTHERS.items()}
    prod = place.load(env="prod")
    assert all("other" in value for value in values(prod))
    assert set(prod.overridden) == set(place.env)
    place.env = {**OTHERS, "OPTIMUS_REDIS_URL": "redis://other"}
    prod = place.load(env="prod", redis_url="redis://flag", gateway_url="http://flag")
    assert (prod.redis.host, prod.gateway_url, prod.engine_url) == ("flag", "http://flag", "http://prod-engine")
    assert prod.overridden == ("--gateway-url", "--redis-url")
    assert prod.title == "prod (overridden: --gateway-url, --redis-url)"
    assert place.load(redis_url="redis://flag").overridden == ()


def test_a_generic_variable_fills_what_a_named_environment_leaves_open_and_says_so(place: Place) -> None:
    place.write('redis_url = "redis://top"\n[env.prod]\nai_engine_url = "http://prod"')
    assert place.load(env="prod").redis.host == "top"
    place.env["REDIS_URL"] = "redis://other"
    prod = place.load(env="prod")
    assert prod.redis.host == "other" and not prod.writable
    assert prod.notes == ("REDIS_URL is used, because the environment prod names no redis_url",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('redis_ulr = "x"', "unknown key redis_ulr; did you mean redis_url?"),
        ("[env.prod.thresolds]", "unknown key env.prod.thresolds; did you mean thresholds?"),
        ("[env.prod.env.x]", "unknown key env.prod.env"),
        ("[env.prod.keys]", "unknown key env.prod.keys"),
        ("[thresholds]\nhit_rate_wran = 1", "thresholds.hit_rate_wran; did you mean hit_rate_warn?"),
        ("[limits]\nchat = 5", "unknown key limits.chat; valid here: operations, tenants, window_seconds"),
        ("thresholds = 1", "thresholds must be a table"),
        ("[thresholds]\nhit_rate_low = 2", "thresholds.hit_rate_low must be a number <= 1.0"),
        ("[thresholds]\nhit_rate_low = nan", "thresholds.hit_rate_low must be a finite number"),
        ('[scan]\ncount = "many"', "scan.count must be a whole number, not text"),
        ("[scan]\ncount = true", "scan.count must be a whole number, not true or false"),
        ("refresh_seconds = 0.1", "refresh_seconds must be a number >= 0.5"),
        ("writable = 1", "writable must be true or false, not a whole number"),
        ('tenants = ["a", 5]', "tenants must be text, not a whole number (item 2)"),
        ('color = "rouge"', "color must be success"),
        ("[limits.tenants.acme]\nchat = 0", "limits.tenants.acme.chat must be a whole number >= 1"),
        ('[env."a b"]', "may hold letters"),
        ('redis_url = "redis://u:CANARY@x@h"', "redis_url: more than one @"),
        ('[env.default]\nredis_url = "nonsense-CANARY"', "env.default.redis_url: a Redis address begins"),
        ('ai_engine_url = "ftp://CANARY"', "ai_engine_url: the address of a service"),
        ("a = [", "is not valid TOML (at its end)"),
        ("a = 1\na = 2\nb = 3", "is not valid TOML at line 2"),
        ('pass = "CANARY" x', "is not valid TOML at line 1"),
        ("a = " + "[" * 5000, "is not valid TOML"),
        ("refresh_seconds = " + "9" * 5000, "optimus.toml"),
        ('"\\u001b[2J" = 1', "\\x1b[2J"),
    ],
)
def test_a_mistake_is_one_sentence_with_file_and_key(place: Place, text: str, words: str) -> None:
    place.write(text)
    said = place.refusal()
    assert words in said
    assert str(place.project) in said
    assert "CANARY" not in said
    assert said.isprintable()


def test_an_unknown_environment_lists_the_known_ones(place: Place) -> None:
    place.write("[env.prod]\n[env.stage]")
    said = place.refusal(env="porд\x1b")
    assert "known: default, prod, stage" in said and said.isprintable()
    assert place.load(env="default").environment == "default"


def test_bad_flags_and_variables_name_themselves(place: Place) -> None:
    assert place.refusal(refresh=0.1).startswith("--refresh must be a number >= 0.5")
    assert place.refusal(refresh=float("nan")).startswith("--refresh must be a finite number")
    assert place.refusal(gateway_url="x").startswith("--gateway-url: ")
    assert "write http://localhost:8020" in place.refusal(gateway_url="localhost:8020")
    assert "write redis://localhost:6379" in place.refusal(redis_url="localhost:6379")


def test_a_bad_prometheus_address_costs_prometheus_only(place: Place) -> None:
    place.env["PROMETHEUS_URL"] = "http://u:CANARY@h"
    settings = place.load()
    assert settings.prometheus_url is None
    said = settings.warnings[0]
    assert said.startswith("PROMETHEUS_URL: ") and "not asked" in said and "CANARY" not in said


@pytest.mark.parametrize(
    "url", ["http://p:9090/api/v1", "http://p:9090/api/v1/query", "http://p:9090/graph/", "'http://p:9090/'"]
)
def test_a_prometheus_address_from_the_browser_or_another_client_is_understood(place: Place, url: str) -> None:
    place.env["PROMETHEUS_URL"] = url
    assert place.load().prometheus_url == "http://p:9090"


def test_quotes_of_env_files_and_several_addresses_are_understood(place: Place) -> None:
    place.env = {
        "BACKEND_ORCHESTRATOR_URL": '"http://a:1/, http://b:2"',
        "AI_ENGINE_URL": " 'http://e:3/health' ",
        "REDIS_URL": '"redis://r/1"',
        "POSTGRES_DSN": "'postgresql://u:p@h/d'",
        "BACKEND_ORCHESTRATOR_PATH": f'"{place.cwd}"',
        "PROMETHEUS_URL": '""',
    }
    settings = place.load()
    assert (settings.gateway_url, settings.gateways) == ("http://a:1", ("http://a:1", "http://b:2"))
    assert (settings.engine_url, settings.engines) == ("http://e:3", ("http://e:3",))
    assert settings.redis.label == "r:6379/1"
    assert settings.postgres_dsn == Secret("postgresql://u:p@h/d")
    assert (settings.source_path, settings.prometheus_url) == (place.cwd, None)
    assert settings.notes == (
        "AI_ENGINE_URL: /health is left out of the address, because it is added where it is needed",
    )


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("postgresql+asyncpg://u:p@h:5432/d", "postgresql://u:p@h:5432/d"),
        ("postgresql+psycopg2://u:p@h/d?sslmode=require", "postgresql://u:p@h/d?sslmode=require"),
        ("postgres://h/d?ssl=require&prepared_statement_cache_size=0", "postgresql://h/d?sslmode=require"),
        ("POSTGRESQL+psycopg://h/d?pool_size=5", "postgresql://h/d"),
        ("jdbc:postgresql://h/d?user=u&password=p&ssl=true", "postgresql://h/d?user=u&password=p&sslmode=require"),
        ("host=h dbname=d", "host=h dbname=d"),
    ],
)
def test_what_applications_call_a_postgres_address_is_understood(place: Place, given: str, read: str) -> None:
    place.env["POSTGRES_DSN"] = given
    settings = place.load()
    assert settings.postgres_dsn == Secret(read)
    assert settings.warnings == () and settings.postgres_problem == ""


def test_a_password_on_the_command_line_is_refused_row_55(place: Place) -> None:
    said = place.refusal(redis_url="redis://u:CANARY@h")
    assert "REDIS_URL" in said and "configuration file" in said and "CANARY" not in said
    assert place.load(redis_url="redis://u@h").redis.username == "u"


@pytest.mark.parametrize("dsn", ["postgresql://u:CAN@ARY@h/d", "postgresql://u:CANARY/x@h", "mysql://CANARY", "a\x1bb"])
def test_a_bad_postgres_address_costs_postgres_only_and_is_not_repeated(place: Place, dsn: str) -> None:
    place.env["POSTGRES_DSN"] = dsn
    settings = place.load()
    assert settings.postgres_dsn is None and settings.postgres_problem
    said = settings.warnings[0]
    assert said.startswith("POSTGRES_DSN: ") and "CAN" not in said and "ARY" not in said


def test_strange_files_are_one_sentence(place: Place) -> None:
    place.project.mkdir()
    assert "is a directory" in place.refusal()
    place.project.rmdir()
    os.mkfifo(place.project)
    assert "not a regular file" in place.refusal()
    place.project.unlink()
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(place.project))
        assert "cannot be read" in place.refusal()
    place.project.unlink()
    place.project.symlink_to("nowhere")
    assert "does not exist" in place.refusal()
    place.project.unlink()
    place.project.write_bytes(b'theme = "\xff"')
    assert "is not UTF-8 text" in place.refusal()
    place.project.write_bytes(b"#" * 1_000_001)
    assert "larger than 1 MB" in place.refusal()
    place.project.write_bytes(b'\xef\xbb\xbftheme = "x"')
    assert place.load().theme == "x"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_one_sentence(place: Place) -> None:
    place.write("")
    place.project.chmod(0)
    assert "cannot be read" in place.refusal()


def test_only_this_machine_is_writable_without_being_asked(place: Place) -> None:
    assert place.load().writable
    assert place.load(redis_url="redis://127.0.0.1:7777").writable
    assert not place.load(redis_url="redis://10.0.0.1").writable
    place.write("writable = false")
    assert not place.load().writable


def test_what_decides_about_writing_is_never_inherited(place: Place) -> None:
    place.write(
        """
        writable = true
        operator_redis_url = "redis://op:pw@localhost"
        [env.prod]
        redis_url = "rediss://prod"
        [env.stage]
        redis_url = "rediss://stage"
        operator_redis_url = "rediss://op:pw@stage"
        writable = true
        [env.mixed]
        redis_url = "rediss://one"
        operator_redis_url = "rediss://op:CANARY@two"
        writable = true
        """
    )
    prod, stage, mixed = (place.load(env=name) for name in ("prod", "stage", "mixed"))
    assert (prod.writable, prod.operator_redis) == (False, None)
    assert stage.writable and stage.operator_redis is not None and stage.operator_redis.username == "op"
    assert (mixed.writable, mixed.operator_redis) == (False, None)
    assert "two:6379" in mixed.warnings[0] and "read-only" in mixed.warnings[0]
    default = place.load()
    assert default.writable and default.operator_redis is not None
    place.env["REDIS_URL"] = "rediss://elsewhere"
    assert (place.load().writable, place.load().operator_redis) == (False, None)


def test_an_unchecked_certificate_forbids_writing_and_is_said_row_54(place: Place) -> None:
    place.write('[env.prod]\nredis_url = "rediss://prod?ssl_cert_reqs=none"\nwritable = true')
    assert "--insecure-tls" in place.refusal(env="prod")
    settings = place.load(env="prod", insecure_tls=True)
    assert not settings.writable and not settings.redis.tls_verify
    assert "not checked" in settings.warnings[0]


def test_a_password_that_others_may_read_is_said(place: Place) -> None:
    place.write('[env.prod]\nredis_url = "redis://u:CANARY@prod"')
    assert place.load().warnings == ()
    place.project.chmod(0o644)
    assert "chmod 600" in place.load().warnings[0] and "CANARY" not in place.load().warnings[0]
    place.write('redis_url = "redis://prod"')
    place.project.chmod(0o644)
    assert place.load().warnings == ()


def test_the_source_tree_is_the_nearest_one_above(place: Place) -> None:
    assert place.load().source_path is None
    (place.cwd.parent / "src" / "backend").mkdir(parents=True)
    assert place.load().source_path == place.cwd.parent
    place.write('backend_orchestrator_path = "gateway"')
    settings = place.load()
    assert settings.source_path == place.project.parent / "gateway", "relative to the file that says it"
    assert "there is no directory" in settings.warnings[0]
