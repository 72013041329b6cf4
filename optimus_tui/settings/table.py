"""Every setting once: its name, type, default, where it may be given, and what it means; and the error for a wrong one.

Flags, environment variables, the check of files, ``doctor``'s listing and docs/settings.md are made of these rows. To
add a setting, add a row here and, for the code that reads it, a field of ``model.Settings``. The thresholds and the
budget of scans are tables of their own: ``model.Thresholds``, ``model.ScanBudget``. Only the standard library is
imported here, because ``--help`` reads the rows.
"""

from typing import Any, Literal, NamedTuple

Bell = Literal["unfocused", "always", "never"]
ReadFrom = Literal["primary", "replica"]


class Setting(NamedTuple):
    """A row of the table.

    Attributes:
        key: Its name, as a file has it.
        takes: Its type; for a table in a file, the type of its values, or the name of a struct.
        help: What it means. The first sentence is the flag's help.
        default: Its value if it is not given; None if ``help`` explains that.
        field: Its field in ``Settings``; empty if it only decides how the others are read.
        file: Where a file may hold it: nowhere, at the top level, or also in ``[env.NAME]``.
        flag: Its flag, as ``--gateway-url``; empty for none.
        metavar: The flag's value in ``--help``.
        variable: Its environment variable. One without ``OPTIMUS_`` belongs to the environment ``default``; with
            ``OPTIMUS_`` before its name it holds for every environment.
        least, most: The range of a number, or of a text's length.
        pattern: A regular expression that a text matches.
        connects: It decides which services are watched. The demo, which starts its own, refuses its flag.
        secret: Its value may hold a password.
        dashboard: Only commands that open a dashboard have its flag.
        preset: It names a preset of ``dialects``; a file may have a table of rules instead.
    """

    key: str
    takes: Any
    help: str
    default: Any = None
    field: str = ""
    file: Literal["", "top level", "environment"] = "environment"
    flag: str = ""
    metavar: str = ""
    variable: str = ""
    least: float | None = None
    most: float | None = None
    pattern: str | None = None
    connects: bool = False
    secret: bool = False
    dashboard: bool = False
    preset: bool = False

    @property
    def parameter(self) -> str:
        """Return the name under which the command line passes the flag's value: ``gateway_url``."""
        return self.flag.lstrip("-").replace("-", "_")

    @property
    def flag_help(self) -> str:
        """Return the flag's line in ``--help``: the first sentence, and the default."""
        line = self.help.partition(". ")[0].rstrip(".").replace("`", "") + "."
        if self.default in (None, False):
            return line
        return f"{line} [default: {str(self.default).removesuffix('.0')}]"


SETTINGS = (
    Setting(
        "environment", str, "Environment to use: its settings are those of [env.NAME].", "default", "environment", "",
        flag="--env", metavar="NAME", variable="OPTIMUS_ENV", connects=True,
    ),
    Setting(
        "config", str, "Read this file instead of optimus.toml and the user's own.", file="",
        flag="--config", metavar="FILE", variable="OPTIMUS_CONFIG",
    ),
    Setting(
        "backend_orchestrator_url", str,
        "Address of the gateway, the Backend Orchestrator. Several, separated by commas, are one gateway with several "
        "addresses.",
        "http://localhost:8020", "gateway_url",
        flag="--gateway-url", metavar="URL", variable="BACKEND_ORCHESTRATOR_URL", connects=True,
    ),
    Setting(
        "ai_engine_url", str,
        "Address of the AI Engine. Several, separated by commas, are one engine with several addresses.",
        "http://localhost:8010", "engine_url",
        flag="--engine-url", metavar="URL", variable="AI_ENGINE_URL", connects=True,
    ),
    Setting(
        "redis_url", str,
        "Address of Redis, in the flag without a password: `redis://`, `rediss://` (TLS), `unix://`, "
        "`redis+cluster://host:port,host:port` or `redis+sentinel://host:port,host:port/service`. A file that holds a "
        "password must have the mode 0600.",
        "redis://localhost:6379/0", "redis",
        flag="--redis-url", metavar="URL", variable="REDIS_URL", connects=True, secret=True,
    ),
    Setting(
        "operator_redis_url", str,
        "Address of Redis with the login for actions, used only while one is carried out. Without it actions use "
        "`redis_url`.",
        field="operator_redis", connects=True, secret=True,
    ),
    Setting(
        "address_map", dict[str, str],
        "Addresses that a cluster or sentinels announce and that cannot be reached from here, with those that can: "
        "`\"10.0.0.5:6379\" = \"127.0.0.1:7001\"`.",
        {}, "address_map", connects=True,
    ),
    Setting(
        "read_from", ReadFrom,
        "Where the keys of a cluster, or behind sentinels, are read: `primary` or `replica`. "
        "How far replicas are behind is said beside what was read.",
        "primary", "read_from", flag="--read-from", metavar="ROLE", variable="OPTIMUS_READ_FROM",
    ),
    Setting(
        "postgres_dsn", str, "Address of Postgres. Without it Postgres is not checked.",
        field="postgres_dsn", variable="POSTGRES_DSN", connects=True, secret=True,
    ),
    Setting(
        "prometheus_url", str,
        "Address of a Prometheus that scrapes the gateway. Without it time windows come from our own history.",
        field="prometheus_url", variable="PROMETHEUS_URL", connects=True,
    ),
    Setting(
        "backend_orchestrator_path", str, "Folder of the gateway's source, for `validate` and `scaffold`.",
        field="source_path", variable="BACKEND_ORCHESTRATOR_PATH",
    ),
    Setting(
        "insecure_tls", bool, "Accept `ssl_cert_reqs=none` in the address of Redis; the connection is read-only then.",
        False, file="", flag="--insecure-tls", connects=True,
    ),
    Setting(
        "writable", bool,
        "True allows actions in this environment, once it is armed. `default` is writable where its Redis is local.",
        False, "writable",
    ),
    # The largest plan that a person can review and that can be made within a minute.
    Setting(
        "max_keys", int, "Most keys that one action may change, 1 to 500,000 (default 10,000).",
        None, "max_keys", "", flag="--max-keys", metavar="N", least=1, most=500_000, dashboard=True,
    ),
    Setting(
        "color", str,
        "Colour of the environment's name in the header: `success`, `warning`, `error`, `accent`, `primary`, "
        "`secondary` or `#rrggbb`.", "", "color",
        pattern=r"^(success|warning|error|accent|primary|secondary|#[0-9A-Fa-f]{6})$",
    ),
    Setting(
        "tenants", tuple[str, ...],
        "Names of tenants. They decide which tenant owns a key if a name holds colons.", (), "tenants",
    ),
    Setting(
        "dialect", str,
        "How the names and values in Redis are read: a preset, or in a file a table of rules. Without it they are read "
        "as the gateway of this product writes them (`optimus`); docs/dialects.md has the others.",
        field="dialect", flag="--dialect", metavar="NAME", variable="OPTIMUS_DIALECT", connects=True, preset=True,
    ),
    Setting(
        "refresh_seconds", float, "Seconds between two refreshes of the dashboard, 0.5 to 60.", 2.0, "refresh_seconds",
        flag="--refresh", metavar="SECONDS", least=0.5, most=60,
    ),
    Setting(
        "theme", str, "`optimus-dark`, `optimus-light`, `optimus-contrast`, or a theme of Textual.",
        "optimus-dark", "theme", flag="--theme", metavar="NAME", least=1, most=60,
    ),
    Setting(
        "bell", Bell, "When an alert rings the terminal's bell: while the terminal has no focus, always, or never.",
        "unfocused", "bell",
    ),
    Setting(
        "mouse", bool, "False leaves the mouse to the terminal, so that it selects text there without a modifier key.",
        True, "mouse", "top level",
    ),
    Setting(
        "thresholds", "Thresholds",
        "Values at which a measurement becomes a finding: shares (0 to 1), latencies (milliseconds), numbers of keys.",
        field="thresholds",
    ),
    Setting(
        "scan", "ScanBudget", "How fast the keyspace is scanned: keys per call, the pause between calls, how often.",
        field="scan",
    ),
    Setting(
        "limits", "LimitsTable", "Requests allowed per window, by operation, where the gateway publishes no limits.",
        field="limits",
    ),
    Setting(
        "metrics", dict[str, str], "Names of the gateway's metrics by their role, where they are unusual.",
        {}, "metrics",
    ),
    Setting(
        "validate", "ValidateTable",
        "Which rules the validator applies where, and the project's own words. The file that is nearest to the judged "
        "folder counts, at it or above.",
        field="validate", file="top level",
    ),
    Setting(
        "generator", dict[str, str],
        "Where `scaffold new` puts routers: `package` is theirs, `into` is the file that registers them.",
        {}, "generator", "top level",
    ),
    Setting(
        "keys", dict[str, str], "Keyboard shortcuts of the dashboard, by the id of the command.",
        {}, "keys", "top level",
    ),
)  # fmt: skip
BY_KEY = {row.key: row for row in SETTINGS}
VARIABLES = {row.variable: row.key for row in SETTINGS if row.variable and not row.variable.startswith("OPTIMUS_")}
"""The key by each environment variable of the environment ``default``."""
OVERRIDES = {f"OPTIMUS_{name}": key for name, key in VARIABLES.items()} | {
    row.variable: row.key for row in SETTINGS if row.file and row.variable.startswith("OPTIMUS_")
}
"""The key by each environment variable that holds for every environment, a named one included."""


class SettingsError(Exception):
    """A mistake in the settings. ``str()`` is one sentence with the place, the name and the remedy, never the value."""


def nearest(word: str, known: list[str]) -> str:
    """Return ``did you mean X?`` for a mistyped name, or the list of valid names when none is similar."""
    from difflib import get_close_matches

    close = get_close_matches(word.lower().replace("-", "_"), known, n=1, cutoff=0.55)
    if close:
        return f"did you mean {close[0]}?"
    if known:
        return f"valid here: {', '.join(sorted(known))}"
    return "no key is valid here"


def spelled(name: str, limit: int = 60) -> str:
    """Return a name from a file as printable text of bounded length (``wording.safe`` may not be imported here)."""
    if name.isprintable():
        shown = name
    else:
        shown = name.encode("unicode_escape", "surrogatepass").decode("ascii")
    if len(shown) <= limit:
        return shown
    return f"{shown[:limit]}…"


def unquoted(text: str) -> str:
    """Return the text without surrounding white space and one pair of quotes, which docker's env files keep."""
    plain = text.strip()
    if len(plain) >= 2 and plain[0] == plain[-1] and plain[0] in "'\"":
        plain = plain[1:-1].strip()
    return plain


def note_left_out(ignored: list[str], unknown: int, where: str, notes: list[str]) -> None:
    """Append to ``notes`` which options of a URL's query are ignored: other clients' by name, unknown ones by number.

    An unknown word is not repeated, because it could be a piece of a password.
    """
    if ignored:
        verb = "is" if len(ignored) == 1 else "are"
        notes.append(f"{where}: {', '.join(dict.fromkeys(ignored))} {verb} for other clients and ignored here")
    if unknown:
        notes.append(f"{where}: the query holds {unknown} option{'s' * (unknown > 1)} that we do not know: ignored")
