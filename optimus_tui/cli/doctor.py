"""``doctor``: every setting with its source, and what can be reached from here. It changes nothing.

Exit code 0: all that is configured answers; 1: something is wrong; 2: bad configuration. See the command's help.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
import msgspec
from msgspec import Struct

from optimus_tui import __version__
from optimus_tui.cli import exits
from optimus_tui.cli.flags import CHECK, Check, connection_flags, merge_flags, settings_of
from optimus_tui.cli.output import print_line, print_wrapped
from optimus_tui.context import Context
from optimus_tui.contract.cluster import SLOTS
from optimus_tui.contract.finding_rules import SERVER_INFO_UNKNOWN
from optimus_tui.contract.keyspace import LimitRules
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import GatewayState, ServerState, ServiceState
from optimus_tui.settings.model import RedisTarget, Secret, Settings
from optimus_tui.settings.profiles import OWN
from optimus_tui.settings.table import SETTINGS, Setting
from optimus_tui.wording.numbers import latency, percent, plural

if TYPE_CHECKING:
    from optimus_tui.dialects.model import Dialect
    from optimus_tui.probes.redis.rights import Rights
    from optimus_tui.tools.dialects.finding_out import NamesFound

_OPTIONAL = """
    +exists +mget +object|encoding +object|idletime +pubsub|channels +pubsub|numsub +pubsub|numpat +slowlog|len
    +slowlog|get +latency|latest +acl|whoami +getrange +hscan +sscan +zrange +xrange
"""
OPTIONAL = frozenset(_OPTIONAL.split())
"""Rights that add detail, which docs/security.md lists apart; the login there has all others that are tested."""

LOOKED_AT, LOOKED_SECONDS = 10_000, 2.0
"""How many names ``doctor`` looks at, and for how long; ``dialect detect`` looks at more."""

Mark = Literal["ok", "--", "note", "WRONG"]


class DoctorLine(Struct, frozen=True):
    """One result: its mark, what it is about, a sentence, and a command to copy (empty for none)."""

    mark: Mark
    subject: str
    message: str
    copy: str = ""


@click.command("doctor")
@connection_flags
@click.pass_context
def command(ctx: click.Context, /, **given: object) -> int:
    """Show every setting, where it comes from, and what can be reached with it.

    Exit code 0: all that is configured answers and can be read. 1: something is WRONG: a service does not answer, a
    right that a pane needs is missing, or a setting is doubtful. 2: the configuration itself is bad.
    """
    settings = settings_of(merge_flags(ctx, given), quiet=True)
    check: Check | None = ctx.meta.get(CHECK)
    if check is not None:
        check(settings)
    print_line(f"Optimus TUI {__version__}, environment {settings.title}")
    _print_settings(settings)
    lines = asyncio.run(examine(settings))
    print_line()
    print_line("Reach")
    for line in lines:
        print_wrapped(f"  {line.mark:<6}{line.subject:<12}", line.message)
        if line.copy:
            print_line(f"{'':20}{line.copy}")
    return exits.code_of(any(line.mark == "WRONG" for line in lines))


def _print_settings(settings: Settings) -> None:
    rows = _setting_rows(settings)
    wide = max(len(name) for name, _, _ in rows) + 4
    print_line()
    print_line("Settings")
    for name, shown, source in rows:
        print_wrapped(f"  {name:<{wide}}", f"{shown}  ({source})")


def _setting_rows(settings: Settings) -> list[tuple[str, str, str]]:
    """Return each setting as a file names it, its value, and where that came from."""
    rows: list[tuple[str, str, str]] = []
    for row in SETTINGS:
        if row.field:
            rows += [
                (f"{row.key}{name.removeprefix(row.field)}", shown, settings.sources.get(name, "default"))
                for name, shown in _values(settings, row)
            ]
    return rows


def _values(settings: Settings, row: Setting) -> list[tuple[str, str]]:
    """Return the values of a setting, several for a table, each with its name in ``Settings.sources``."""
    name = row.field
    value = getattr(settings, name)
    if name in ("gateway_url", "engine_url"):
        value = getattr(settings, f"{name.removesuffix('_url')}s")
    if name == "limits":
        return [(name, _limits(value))]
    if name == "dialect":
        return [(name, _dialect(value))]
    if isinstance(row.takes, str):
        return [(f"{name}.{one.name}", _value_text(getattr(value, one.name))) for one in msgspec.structs.fields(value)]
    if isinstance(value, dict):
        return [(f"{name}.{key}", _value_text(inner)) for key, inner in value.items()] or [(name, "none")]
    return [(name, _value_text(value))]


def _limits(rules: LimitRules | None) -> str:
    if rules is None:
        return "none configured: those that the gateway publishes count"
    return f"{len(rules.limits)} operations, {len(rules.tenants)} tenants, window {rules.window_seconds} s"


def _dialect(profile: "Dialect | None") -> str:
    if profile is None:
        return OWN
    counted = [plural(len(profile.limits), "rule") + " of counters", f"{len(profile.cache)} of cache keys"]
    return f"{profile.name}: {', '.join(counted)}"


def _value_text(value: object) -> str:
    if isinstance(value, RedisTarget):
        return _place(value)
    if isinstance(value, Secret):
        return "set (not shown)"
    if isinstance(value, bool):
        if value:
            return "yes"
        return "no"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, msgspec.Struct):
        value = {name: found for name, found in msgspec.structs.asdict(value).items() if found}
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_value_text(inner)}" for name, inner in value.items()) or "none"
    if value in (None, ""):
        return "not set"
    return str(value)


def _place(target: RedisTarget) -> str:
    text = target.label
    text += {"cluster": ", a cluster", "sentinel": " (sentinels)"}.get(target.topology, "")
    if target.scheme == "rediss":
        text += " with TLS"
    if not target.tls_verify:
        text += ", certificate NOT checked"
    if target.tls_cert:
        text += ", a client certificate is shown"
    if target.password:
        text += ", password set"
    return text


async def examine(settings: Settings) -> list[DoctorLine]:
    """Check everything at once. What is not configured is reported, but does not count as wrong."""
    from optimus_tui.probes.http.services import read_engine, read_gateway
    from optimus_tui.probes.postgres import read_postgres

    context = Context(settings, keep_log=False)
    try:
        gateway, engine, postgres, prometheus, redis = await asyncio.gather(
            read_gateway(context.http, settings, context.clock, with_rules=True),
            read_engine(context.http, settings, context.clock),
            read_postgres(settings.postgres_dsn, context.clock, settings.postgres_problem),
            _prometheus(context),
            _redis(context),
        )
        names = await _names(context) if redis[0].mark == "ok" else []
    finally:
        await context.aclose()
    lines = [
        *_gateway(gateway),
        _service("engine", engine),
        *_headers(settings),
        *redis,
        *names,
        _service("postgres", postgres),
        prometheus,
        _source(settings.source_path),
        _state(),
    ]
    lines += [DoctorLine("WRONG", "settings", warning) for warning in settings.warnings]
    return lines + [DoctorLine("note", "settings", note) for note in settings.notes]


def _fault_text(fault: Fault | None) -> str:
    if fault is None:
        return "unknown"
    if fault.remedy:
        return f"{fault.message} ({fault.remedy})"
    return fault.message


def _service(name: str, reading: Reading[ServiceState]) -> DoctorLine:
    state = reading.value
    if state is None or state.status == "unknown":
        return DoctorLine("WRONG", name, _fault_text(reading.fault))
    if state.status == "not configured":
        return DoctorLine("--", name, "not configured")
    if state.fault:
        return DoctorLine("WRONG", name, f"{state.status}: {_fault_text(state.fault)}")
    message: str = state.status
    if state.latency_ms is not None:
        message += f" in {latency(state.latency_ms)}"
    if state.version:
        message += f", version {state.version}"
    if state.remark:
        return DoctorLine("note", name, f"{message}; it says {state.remark.words}")
    return DoctorLine("ok", name, message)


def _gateway(reading: Reading[GatewayState]) -> list[DoctorLine]:
    state = reading.value
    if state is None:
        return [DoctorLine("WRONG", "gateway", _fault_text(reading.fault))]
    seen = Reading(value=state.service, taken_at=reading.taken_at, taken_mono=reading.taken_mono, fault=reading.fault)
    lines = [_service("gateway", seen)]
    if state.service.fault:
        return lines
    if state.cache_fault:
        lines.append(DoctorLine("WRONG", "  cache", _fault_text(state.cache_fault)))
    elif state.cache:
        rate = "unknown"
        if state.cache.hit_rate is not None:
            rate = percent(state.cache.hit_rate)
        lines.append(DoctorLine("ok", "  cache", f"hit rate {rate} by its own figures"))
    if state.rules_fault:
        lines.append(DoctorLine("WRONG", "  limits", _fault_text(state.rules_fault)))
    elif state.rules:
        counted = f"{len(state.rules.limits)} operations"
        if state.rules.keys:
            counted = plural(len(state.rules.keys), "counter")
        lines.append(DoctorLine("ok", "  limits", f"publishes limits for {counted}"))
    else:
        lines.append(DoctorLine("--", "  limits", "publishes none (/api/rate-limits is optional)"))
    return lines


async def _prometheus(context: Context) -> DoctorLine:
    from optimus_tui.probes.http.services import look

    base = context.settings.prometheus_url
    if not base:
        return DoctorLine("--", "prometheus", "not configured")
    seen = await look(context.http, f"{base}/api/v1/query?query=1")
    if seen.fault:
        return DoctorLine("WRONG", "prometheus", _fault_text(seen.fault))
    if (seen.document or {}).get("status") != "success":
        return DoctorLine("WRONG", "prometheus", "answered a query with something other than a success")
    return DoctorLine("ok", "prometheus", "answers queries")


async def _redis(context: Context) -> list[DoctorLine]:
    from optimus_tui.probes.redis.rights import read_rights_of_each
    from optimus_tui.probes.server import read_server_twice
    from optimus_tui.verdicts.gateway.services import judge_server

    target = context.settings.redis
    reading = await read_server_twice(context.redis, target, context.own, context.clock)
    state = reading.value
    if state is None or (state.latency_ms is None and reading.fault is not None):
        why = DoctorLine("WRONG", "redis", _fault_text(reading.fault))
        return [why, *_topology(context, state or ServerState(latency_ms=None))]
    role = state.role if state.cluster is None else None
    known = [state.product, state.version, state.mode, role, f"{state.keys:,} keys" if state.keys else None]
    what = ", ".join(one for one in known if one) or "answers"
    message = f"{what}, {state.latency_command}"
    if state.latency_ms is not None:
        message += f" in {latency(state.latency_ms)}"
    lines = [DoctorLine("ok", "redis", message)]
    if reading.fault:
        lines = [DoctorLine("WRONG", "redis", f"{message}: {_fault_text(reading.fault)}")]
    for finding in judge_server(reading) if reading.fault is None else ():
        mark: Mark = "WRONG"
        if finding.severity == "low":
            mark = "note"
        if finding.rule != SERVER_INFO_UNKNOWN:  # _rights() says it, with the command that helps
            lines.append(DoctorLine(mark, "  state", f"{finding.message} ({finding.remedy})"))
    lines += _topology(context, state)
    found, unread = await read_rights_of_each(context.redis, clustered=state.cluster is not None)
    lines += [DoctorLine("WRONG", "  rights", f"unknown: {_fault_text(fault)}") for fault in unread]
    return lines + _rights_of_all(found, state.version or "")


def _topology(context: Context, state: ServerState) -> list[DoctorLine]:
    """Return what the watched Redis consists of, where that is more than one server."""
    from optimus_tui.verdicts.cluster import cluster_words, watched_words

    target, cluster, sentinels = context.settings.redis, state.cluster, state.sentinels
    lines: list[DoctorLine] = []
    if cluster is not None:
        message = cluster_words(state)
        if target.topology == "single":
            message += "; the address names one node of it, and the others are followed"
        is_well = cluster.covered == SLOTS and cluster.says_ok is not False
        lines.append(DoctorLine("ok" if is_well else "WRONG", "  cluster", message))
    if sentinels is not None:
        lines.append(DoctorLine("ok" if sentinels.proven else "WRONG", "  sentinels", watched_words(sentinels, state)))
    if cluster is None and state.role == "replica":
        message = "a replica: what is read here may be old, and actions are refused; its primary takes them"
        lines.append(DoctorLine("note", "  role", message))
    if target.read_from == "replica":
        words = context.redis.read_from_words or "from one server: there is no replica to choose"
        mark: Mark = "WRONG" if words.startswith("no replica") or "cut off" in words else "note"
        lines.append(DoctorLine(mark, "  keys", f"are read {words}" if words.startswith("from") else words))
    return lines


def _rights_of_all(found: "Mapping[str, Rights]", version: str) -> list[DoctorLine]:
    """Return the rights on each server: those of the first, and of every other that differ from them."""
    lines: list[DoctorLine] = []
    first = next(iter(found.values()), None)
    for place, rights in found.items():
        if rights is first:
            lines += _rights(rights, version)
        elif rights != first:
            lines.append(DoctorLine("note", "  rights", f"{place} grants other rights: every node has its own ACL"))
            lines += _rights(rights, version)
    return lines


async def _names(context: Context) -> list[DoctorLine]:
    """Return how the names are read, which preset fits those that are not, and what to write."""
    from optimus_tui.dialects.feeds.notifications import SETTING, needed_letters
    from optimus_tui.tools.dialects import finding_out as names

    found = await names.find_out(context, most=LOOKED_AT, seconds=LOOKED_SECONDS)
    if found.fault and not found.names:
        return [DoctorLine("--", "  names", f"not read: {found.fault.message}")]
    lines = [DoctorLine(_names_mark(found), "  names", names.read_words(found))]
    lines += [DoctorLine("note", "  names", sentence) for sentence in names.fit_words(found)]
    lines += [DoctorLine("note", "  names", sentence) for sentence in names.shape_words(found)]
    if found.toml.count("\n") == 1:
        lines.append(DoctorLine("note", "  names", "one line in optimus.toml reads them:", found.toml.strip()))
    elif found.toml:
        lines.append(DoctorLine("note", "  names", "this prints the lines to write into optimus.toml:", names.COMMAND))
    if others := names.other_words(found):
        lines.append(DoctorLine("--", "  names", f"no rule matches {others}"))
    if letters := needed_letters(context.layout.dialect.feeds):
        message = (
            "the profile listens to keyspace notifications. Whether they are on is not known here: the observer never "
            "sends CONFIG. An administrator turns them on with this, and with the letters that are set already:"
        )
        lines.append(DoctorLine("note", "  events", message, f"CONFIG SET {SETTING} {letters}"))
        if context.redis.cluster_nodes is not None:
            message = "in a cluster each primary sends its own events: send that line to each of them, replicas too"
            lines.append(DoctorLine("note", "  events", message))
    return lines


def _names_mark(found: "NamesFound") -> Mark:
    """Return the mark of what the profile reads: nothing of names that another one does read is wrong."""
    if found.fault is None and (found.counts.get("limit") or found.counts.get("cache")):
        return "ok"
    if found.fitting:
        return "WRONG"
    return "note" if found.open_question or found.fault is not None else "ok"


def _headers(settings: Settings) -> list[DoctorLine]:
    """Return why a service is asked without the header that its profile names."""
    from optimus_tui.probes.http.profile_health import missing_headers

    return [DoctorLine("WRONG", f"  {name}", sentence) for name, sentence in missing_headers(settings).items()]


def _rights(rights: "Rights", version: str) -> list[DoctorLine]:
    line = rights.acl_line
    if version.startswith(("5.", "6.")):  # Read-only patterns came with 7.0.
        line = line.replace("%R~", "~")
    wanted = [right for right in rights.tried if right.rule not in OPTIONAL]
    granted = sum(right.state == "granted" for right in wanted)
    whole = "all"
    if granted != len(wanted):
        whole = f"{granted} of the"
    lines = [DoctorLine("ok", "  rights", f"user {rights.user}: {whole} {len(wanted)} rights for what the panes show")]
    lines += _commands(rights)
    essential = [right.rule for right in rights.missing if right.essential]
    if essential:
        message = f"missing: {' '.join(essential)}. Without them panes stay empty. An administrator grants them with:"
        lines.append(DoctorLine("WRONG", "  rights", message, line))
        untried = [right.rule for right in rights.tried if right.state == "not tried"]
        if untried:
            message = f"not checked yet: {' '.join(untried)}. Run doctor again once the missing rights are granted"
            lines.append(DoctorLine("note", "  rights", message))
    elif rights.missing:
        details = [right.rule for right in rights.missing if right.rule not in OPTIONAL]
        rest = [right.rule for right in rights.missing if right.rule in OPTIONAL]
        message = ""
        if details:
            message = f"missing: {' '.join(details)}, without which panes show less; "
        if rest:
            message += f"optional, for more detail: {' '.join(rest)}; "
        message += "an administrator can grant them with:"
        lines.append(DoctorLine("note", "  rights", message, line))
    return lines


def _commands(rights: "Rights") -> list[DoctorLine]:
    """Commands that the server does not have: a line for each without which a pane stays empty, one for the others."""
    from optimus_tui.probes.redis.rights import COSTS, EMPTY_WITHOUT

    lines, rest = [], []
    for name in rights.unavailable:
        words = name.replace("|", " ").upper()
        cost = ""
        if name in COSTS:
            cost = f": {COSTS[name]}"
        if name in EMPTY_WITHOUT:
            remedy = "it is renamed or disabled, or a proxy is in between; point REDIS_URL at a server that has it"
            lines.append(DoctorLine("WRONG", "  commands", f"{words} is not available{cost} ({remedy})"))
        else:
            rest.append(f"{words} is not available{cost}")
    return lines + [DoctorLine("note", "  commands", one) for one in rest]


def _state() -> DoctorLine:
    """Return the directory of audit, incidents and history."""
    from optimus_tui.history.audit.chain import FILE
    from optimus_tui.history.audit.end import VERIFY, trouble
    from optimus_tui.storage.private_file import in_the_way, shown, state_dir

    folder = state_dir()
    if wrong := in_the_way(folder):
        return DoctorLine("WRONG", "state", wrong)
    if wrong := trouble(folder / FILE):
        return DoctorLine("WRONG", "state", wrong, VERIFY)
    return DoctorLine("ok", "state", f"audit, incidents and history are in {shown(folder)}")


def _source(path: Path | None) -> DoctorLine:
    if path is None:
        return DoctorLine("--", "source", "no gateway source in this folder or above it; set BACKEND_ORCHESTRATOR_PATH")
    routers = path / "src" / "backend" / "routers"
    if not routers.is_dir():
        return DoctorLine("WRONG", "source", f"{path} holds no src/backend/routers")
    return DoctorLine("ok", "source", f"{len(list(routers.glob('*.py')))} files in {routers}")
