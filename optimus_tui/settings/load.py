"""Merge flags, environment variables and configuration files into Settings, with the source of every value."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_origin

import msgspec

from optimus_tui.contract.keyspace import LimitRules
from optimus_tui.settings.files import (
    ConfigFile,
    check_value,
    find_project_file,
    find_source_tree,
    kind_of,
    read_config,
)
from optimus_tui.settings.layers import Layer, LayeredValue, file_layers, flag_layer, merge, pick, variable_layer
from optimus_tui.settings.model import RedisTarget, Secret, Settings
from optimus_tui.settings.profiles import refuse_two_tables, table_profile, text_profile, without_engine
from optimus_tui.settings.project_rules import named_config, rules_of
from optimus_tui.settings.redis_url import holds_password, parse_address_map, parse_redis_url
from optimus_tui.settings.service_tls import unchecked_services
from optimus_tui.settings.service_urls import (
    parse_http_url,
    parse_http_urls,
    parse_postgres_dsn,
    with_tls_files,
    without_suffix,
)
from optimus_tui.settings.table import BY_KEY, OVERRIDES, SETTINGS, VARIABLES, Setting, SettingsError, spelled, unquoted
from optimus_tui.settings.validation import ValidateTable

if TYPE_CHECKING:
    from optimus_tui.dialects.model import Dialect

DEFAULT = "default"


class Composer:
    """Composes the settings from the layers, the more specific first, and collects sources, warnings and notes.

    ``explicit`` are the flags and the OPTIMUS_… variables, ``generic`` the variables of the default environment.
    """

    def __init__(
        self,
        environment: str,
        chosen_by: str,
        files: list[ConfigFile],
        explicit: list[Layer],
        generic: Layer,
        insecure_tls: bool,
    ) -> None:
        self.environment, self.chosen_by, self.files = environment, chosen_by, files
        self.explicit, self.generic, self.insecure_tls = explicit, generic, insecure_tls
        self.foreign_operator = False
        self.from_files = file_layers(files, environment)
        self.own = [] if environment == DEFAULT else [layer for layer in self.from_files if layer.table]
        """The tables of a named environment: they come before the generic variables."""
        rest = [layer for layer in self.from_files if layer not in self.own]
        self.layers = [*explicit, *self.own, generic, *rest]
        self.sources: dict[str, str] = {"environment": chosen_by or "default"}
        self.warnings: list[str] = []
        self.notes: list[str] = []

    def settings(self, cwd: Path) -> Settings:
        """Return the complete settings; SettingsError on the first mistake."""
        self._warn_of_files()
        redis = msgspec.structs.replace(self._redis(), read_from=self._plain(BY_KEY["read_from"]))
        gateways = self._services("backend_orchestrator_url")
        engines = self._services("ai_engine_url")
        postgres, postgres_problem = self._dsn()
        special: dict[str, Any] = {
            "environment": self.environment,
            "redis": redis,
            "operator_redis": self._operator(redis),
            "writable": self._writable(redis),
            "gateway_url": gateways[0],
            "engine_url": engines[0],
            "postgres_dsn": postgres,
            "prometheus_url": self._prometheus(),
            "source_path": self._source_path(cwd),
            "limits": self._limits(),
            "dialect": without_engine(self._dialect(), given=self.sources["engine_url"] != "default"),
            "validate": self._validate(),
        }
        plain = {row.field: self._plain(row) for row in SETTINGS if row.field and row.field not in special}
        return Settings(
            **plain | special,
            overridden=self._overridden(),
            gateway_urls=gateways if len(gateways) > 1 else (),
            engine_urls=engines if len(engines) > 1 else (),
            postgres_problem=postgres_problem,
            sources=self.sources,
            warnings=tuple(self.warnings),
            notes=tuple(dict.fromkeys(self.notes)),
        )

    def _find(self, key: str, layers: list[Layer] | None = None) -> LayeredValue | None:
        """Return the value of a setting and note its source under its field's name. An empty text is not set."""
        found = pick(self.layers if layers is None else layers, key)
        if found is not None and isinstance(found.value, str) and BY_KEY[key].variable:
            found = LayeredValue(unquoted(found.value), found.layer)
        if found is not None and found.value == "":
            found = None
        self.sources[BY_KEY[key].field] = found.layer.source(key) if found else "default"
        return found

    def _plain(self, row: Setting) -> Any:
        """Return the value of a setting that is used as it is given: the most specific, or a table merged from all."""
        kind = kind_of(row)
        if isinstance(row.takes, str) or get_origin(row.takes) is dict:
            return msgspec.convert(self._merged(row.key), kind)
        found = self._find(row.key)
        if found is None:
            return row.default
        return msgspec.convert(found.value, kind, strict=False)

    def _merged(self, key: str) -> dict[str, str]:
        merged, sources = merge(self.layers, key)
        self.sources[key] = next((one.source(key) for one in self.layers if one.values.get(key)), "default")
        self.sources.update(sources)
        return merged

    def _own_layers(self) -> list[Layer]:
        """Return the layers that may set what can be changed: those of the environment itself."""
        if self.environment == DEFAULT:
            return self.from_files
        return [layer for layer in self.from_files if layer.table]

    def _services(self, key: str) -> tuple[str, ...]:
        """Return the addresses of a service from a comma-separated list; the default one where none is set."""
        found = self._find(key)
        if found is None:
            return (BY_KEY[key].default,)
        where = found.layer.where(key)
        urls = parse_http_urls(found.value, where)
        return tuple(dict.fromkeys(without_suffix(url, ("/health", "/healthz"), where, self.notes) for url in urls))

    def _prometheus(self) -> str | None:
        """Return Prometheus' address. A bad one is only a warning, because our own history can answer instead."""
        found = self._find("prometheus_url")
        if found is None:
            return None
        where = found.layer.where("prometheus_url")
        try:
            url = parse_http_url(found.value, where)
        except SettingsError as error:
            self.warnings.append(f"{error}; Prometheus is not asked")
            return None
        return without_suffix(url, ("/api/v1/query_range", "/api/v1/query", "/api/v1", "/graph"), where, self.notes)

    def _redis(self) -> RedisTarget:
        found = self._find("redis_url")
        if found is None:
            return RedisTarget()
        where = found.layer.where("redis_url")
        if where == "--redis-url" and holds_password(found.value):
            raise SettingsError(
                "--redis-url: a password on the command line can be read by every user of this machine; "
                "put the address into REDIS_URL or a configuration file that only you can read"
            )
        target = self._target(found, where)
        if not target.tls_verify:
            self.warnings.append(f"the certificate of {target.label} is not checked (--insecure-tls): read-only")
        return target

    def _target(self, found: LayeredValue, where: str) -> RedisTarget:
        target = parse_redis_url(found.value, where, insecure_tls=self.insecure_tls, notes=self.notes)
        announced = parse_address_map(self._merged("address_map"), self.sources["address_map"])
        return with_tls_files(msgspec.structs.replace(target, address_map=announced), where, found.layer.base)

    def _operator(self, redis: RedisTarget) -> RedisTarget | None:
        found = self._find("operator_redis_url", self._own_layers())
        if found is None:
            return None
        where = found.layer.where("operator_redis_url")
        try:
            target = self._target(found, where)
        except SettingsError as error:
            self.foreign_operator = True
            self.warnings.append(f"{error}: read-only")
            return None
        if _place(target) == _place(redis):
            return target
        self.foreign_operator = True
        self.warnings.append(
            f"{where} names {_shown(target)}, but {_shown(redis)} is watched ({self.sources['redis']}): read-only"
        )
        return None

    def _writable(self, redis: RedisTarget) -> bool:
        found = self._find("writable", self._own_layers())
        if not redis.tls_verify:
            self.sources["writable"] = "--insecure-tls"
            return False
        if self.foreign_operator:
            self.sources["writable"] = self.sources["operator_redis"]
            return False
        if found is not None:
            return bool(found.value)
        if self.environment == DEFAULT and redis.loopback:
            self.sources["writable"] = "default: Redis on this machine"
            return True
        return False

    def _dsn(self) -> tuple[Secret | None, str]:
        """Return the Postgres address, or why the configured one cannot be used."""
        found = self._find("postgres_dsn")
        if found is None:
            return None, ""
        where = found.layer.where("postgres_dsn")
        try:
            return Secret(parse_postgres_dsn(found.value, where, self.notes)), ""
        except SettingsError as error:
            self.warnings.append(f"{error}; Postgres is not looked at")
            return None, str(error)

    def _source_path(self, cwd: Path) -> Path | None:
        found = self._find("backend_orchestrator_path")
        if found is None:
            tree = find_source_tree(cwd)
            self.sources["source_path"] = "src/backend found here or above" if tree else "default"
            return tree
        where = found.layer.where("backend_orchestrator_path")
        try:
            path = found.layer.base / Path(found.value).expanduser()
            there = path.is_dir()
        except (RuntimeError, ValueError):
            raise SettingsError(f"{where}: this is not a path") from None
        if not there:
            self.warnings.append(f"{where}: there is no directory {spelled(str(path), 120)}")
        return path

    def _limits(self) -> LimitRules | None:
        table = merge(self.layers, "limits")[0]
        self._merged("limits")
        if not table.get("operations") and not table.get("tenants") and not table.get("windows"):
            return None
        return LimitRules(
            window_seconds=table.get("window_seconds", 60),
            limits=table.get("operations", {}),
            tenants=table.get("tenants", {}),
            windows=table.get("windows", {}),
            source="configured",
        )

    def _dialect(self) -> "Dialect | None":
        found = self._find("dialect")
        if found is None:
            return None
        if isinstance(found.value, str):
            return text_profile(found.value, found.layer.where("dialect"))
        tables = [one for one in self.from_files if isinstance(one.values.get("dialect"), dict)]
        refuse_two_tables([one.where("dialect") for one in tables if one.table == found.layer.table])
        text = next(file.text for file in self.files if str(file.path) == found.layer.file)
        profile = table_profile(found.value, found.layer.file, text, f"{found.layer.table}dialect", found.layer.base)
        self.warnings += [f"{profile.origin}: {note}" for note in profile.notes]
        self.warnings += unchecked_services(profile)
        return profile

    def _validate(self) -> ValidateTable:
        found = rules_of(self.files)
        self.sources["validate"] = found.file.label if found.file else "default"
        given = found.file.table["validate"] if found.file else ()
        self.sources.update({f"validate.{key}": self.sources["validate"] for key in given})
        for file in self.files:
            if file.personal and "validate" in file.table:
                self.warnings.append(f"{file.at(('validate',))}: [validate] counts only in a project's optimus.toml")
        return found.table

    def _warn_of_files(self) -> None:
        for file in self.files:
            if file.exposed:
                self.warnings.append(f"{file.path} holds a password and others may read it: chmod 600 it")

    def _overridden(self) -> tuple[str, ...]:
        """Return what overrides a named environment's values, and note the generic variables that do not."""
        if self.environment == DEFAULT:
            return ()
        for key, name in self.generic.names.items():
            if any(key in layer.values for layer in self.explicit):
                continue
            if any(layer.values.get(key) for layer in self.own):
                self.notes.append(
                    f"{name} is not used: {key} comes from the environment {self.environment} "
                    f"(OPTIMUS_{name} or a flag overrides it)"
                )
            else:
                self.notes.append(f"{name} is used, because the environment {self.environment} names no {key}")
        places = set(VARIABLES.values())
        return tuple(
            name
            for layer in self.explicit
            for key, name in layer.names.items()
            if key in places and pick(self.explicit, key) == LayeredValue(layer.values[key], layer)
        )


def _place(target: RedisTarget) -> tuple[str, frozenset[tuple[str, int]], str, int]:
    """Return what tells two systems apart, whatever the login."""
    if target.path:
        return target.path, frozenset(), "", target.db
    seeds = frozenset(("localhost" if target.loopback else host, port) for host, port in target.seeds)
    return target.topology, seeds, target.service, target.db


def _shown(target: RedisTarget) -> str:
    return msgspec.structs.replace(target, username=None).label


__all__ = ["DEFAULT", "SettingsError", "environments", "load"]


def load(flags: Mapping[str, object], env: Mapping[str, str], cwd: Path, user_config: Path | None) -> Settings:
    """Return the settings in force.

    Args:
        flags: the flags' values by the ``parameter`` of their settings; None or absent means not given.
        env: the environment variables.
        cwd: the directory from which the project's file is searched.
        user_config: the user's own file; it need not exist.

    Raises:
        SettingsError: any mistake, in one sentence.
    """
    files = _files(flags, env, cwd, user_config)
    environment, chosen_by = _environment(flags, env, files)
    explicit, generic = [flag_layer(flags, cwd), variable_layer(env, cwd, OVERRIDES)], variable_layer(env, cwd)
    for layer in (*explicit, generic):
        for key, value in layer.values.items():
            check_value(BY_KEY[key], value, layer.where(key))
    settings = Composer(environment, chosen_by, files, explicit, generic, bool(flags.get("insecure_tls"))).settings(cwd)
    named = named_config(flags, env, cwd)
    return msgspec.structs.replace(settings, user_file=named or user_config, config_file=named)


def environments(flags: Mapping[str, object], env: Mapping[str, str], cwd: Path, user_config: Path | None) -> list[str]:
    """Return the names that ``env`` may take: ``default``, then those of the files. SettingsError as for ``load``."""
    return _known(_files(flags, env, cwd, user_config))


def _known(files: list[ConfigFile]) -> list[str]:
    return [DEFAULT, *sorted({name for file in files for name in file.environments} - {DEFAULT})]


def _namer(flags: Mapping[str, object]) -> str:
    if flags.get("config"):
        return "--config"
    return "OPTIMUS_CONFIG"


def _files(
    flags: Mapping[str, object], env: Mapping[str, str], cwd: Path, user_config: Path | None
) -> list[ConfigFile]:
    try:
        named = named_config(flags, env, cwd)
    except RuntimeError as error:
        raise SettingsError(f"{error} (named by {_namer(flags)})") from None
    if named:
        try:
            return [read_config(named)]
        except SettingsError as error:
            raise SettingsError(f"{error} (named by {_namer(flags)})") from None
    found = [read_config(project)] if (project := find_project_file(cwd)) else []
    if user_config is not None and os.path.lexists(user_config):
        found.append(read_config(user_config, personal=True))
    return found


def _environment(flags: Mapping[str, object], env: Mapping[str, str], files: list[ConfigFile]) -> tuple[str, str]:
    """Return the environment's name and what chose it (empty for the default)."""
    name, chosen_by = str(flags.get("env") or ""), "--env"
    if not name:
        name, chosen_by = env.get("OPTIMUS_ENV", "").strip(), "OPTIMUS_ENV"
    if not name:
        return DEFAULT, ""
    known = _known(files)
    if name not in known:
        place = " and ".join(str(file.path) for file in files) or "any file: there is no optimus.toml here or above"
        raise SettingsError(
            f"{chosen_by}: there is no environment {spelled(name)} in {place}; known: {', '.join(known)}"
        )
    return name, chosen_by
