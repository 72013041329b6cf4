"""Make the pages that follow the code: ``python docs/generate.py``.

``--check`` writes nothing and fails if a page is not what the code says. ``--site FOLDER`` checks a built site: no page
may load anything from elsewhere.
"""

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin, get_type_hints

import click
import msgspec
from msgspec import Meta, Struct

if TYPE_CHECKING:
    from optimus_tui.settings.table import Setting

FOLDER = Path(__file__).parent
MADE = "<!-- Made by `python docs/generate.py`; do not edit. -->\n"


DIALECTS_INTRODUCTION = """\
How the names and values of a system are read. Without any setting they are read as this product's own gateway writes
them; one line names another preset, in `optimus.toml` or as `--dialect NAME` or `OPTIMUS_DIALECT`:

```toml
dialect = "limits"
```

`optimus-tui dialect detect` looks at the names that are there and prints what to write. A preset is named only where a
name is one that nobody else writes. Many programs write `rl:`, `ratelimit:`, `rate_limit:` or `cache:`, and names do
not tell which part is the tenant: there the place is left to fill in. In the dashboard `:dialect` leads through the
same: it asks what names do not tell, shows what the panes would show, and writes the lines into your settings file
once you have seen the change and said yes.

A gateway that holds no key now is found by what it answers on a free path, the library of its metrics by their names.
Without a profile each service is asked first what it is: LiteLLM's `/health`, which pays for each call, is never asked.

```toml
[dialect]
extends = "limits"                 # a preset, below rules of one's own

[[dialect.limits]]                 # the first rule that matches wins
key = "quota:{tenant}:{operation}:{start_s}"
resets = "window"
no_ttl = "dated"

[[dialect.cache]]
key = "answers:{tenant}:{kind}:{rest...}"
```

`optimus-tui dialect test optimus.toml` prints each name with what was understood of it, and the names that no rule
matches. A table in `[env.NAME]` holds for that environment, whole, in the place of the one at the top level. Two rules
that can match the same name are reported when the file is read; `fallback = true` on the second says that it is meant.
Actions on keys are refused unless the profile itself says `writable_layout = true`; a preset's word is not taken over.
A reset then takes all that the limiter keeps of a counter: log, hash or flag, the window before, the keys of `also`.

A service that answers 401 or 403 wants a key, as LiteLLM's `/metrics` does where it asks for one. One header is read
from an environment variable, is sent to that service's addresses alone and stands in no file; `doctor` says where it is
missing:

```toml
[dialect.gateway]
header_env = "OPTIMUS_GATEWAY_AUTH" # export OPTIMUS_GATEWAY_AUTH="Authorization: Bearer sk-…"
```
"""


def keys() -> Iterator[str]:
    """Yield the page of keys, ``:`` commands and words."""
    from optimus_tui.tui.commands import COMMANDS
    from optimus_tui.tui.keys import markdown_table
    from optimus_tui.wording.glossary import GLOSSARY

    yield "# Keys and commands\n\n" + MADE
    yield (
        "`?` shows the keys that work where you are. Any key can be another: `[keys]` in `optimus.toml` names it by\n"
        'its id, as in `"pane.zoom" = "Z"`. The mouse works, too.\n'
    )
    yield f"## Keys\n\n{markdown_table()}\n"
    yield "## Commands\n\n`:` opens the command line; tab completes.\n\n| command | does |\n|---|---|"
    for command in COMMANDS:
        yield f"| `{cell(f':{command.name} {command.argument}'.rstrip())}` | {cell(command.help)} |"
    yield "\n## What the words mean\n\n| word | means |\n|---|---|"
    for term in GLOSSARY:
        yield f"| {cell(term.word)} | {cell(term.meaning)} |"


def tools() -> Iterator[str]:
    """Yield the page of tools: for each its arguments and its answer."""
    from optimus_tui.contract.tools.common import Report
    from optimus_tui.tools.registry import TOOLS

    yield "# Tools\n\n" + MADE
    yield (
        "Each tool answers the same document in the dashboard (`t`), on the command line (`optimus-tui run NAME`),\n"
        "over MCP and over HTTP. `optimus-tui tools NAME --json` prints the whole schemas.\n\n"
        "Every answer begins with `schema_version`, `tool` and `timestamp` (UTC, ends in Z). Where the history could\n"
        'not be read, `history_unread` says why. What could not be measured is null or "unknown", never zero.\n'
    )
    for tool in TOOLS.values():
        yield f"## {tool.name}\n\n{tool.description}\n"
        if tool.writes:
            yield f"{tool.writes}\n"
        asked, answered = tool.input_schema(), tool.output_schema()
        yield "| argument | takes | default | means |\n|---|---|---|---|"
        for name, about in asked["properties"].items():
            default = "required" if name in asked.get("required", ()) else f"`{json(about.get('default'))}`"
            yield f"| `{name}` | {cell(kind(about))} | {cell(default)} | {cell(about.get('description', ''))} |"
        yield "\n| answer | holds | means |\n|---|---|---|"
        head = {field.name for field in msgspec.structs.fields(Report)}
        means = sentences(tool.report)
        for name, about in answered["properties"].items():
            if name in head:
                continue
            meaning = means.get(name) or described(about, answered.get("$defs", {}))
            yield f"| `{name}` | {cell(kind(about))} | {cell(meaning)} |"
        yield ""


def rules() -> Iterator[str]:
    """Yield the page of the validator's rules."""
    from optimus_tui.cli.routers.rules import page

    yield page().rstrip()


def findings() -> Iterator[str]:
    """Yield the page of all findings, family by family, as the catalogue has them."""
    from optimus_tui.contract.finding_rules import CATALOGUE

    yield "# Findings\n\n" + MADE
    yield (
        "What can be found, by the ids that documents, alerts and incidents hold. Words in braces stand for what is\n"
        "measured. A severity that is *weighed* depends on the figures. `e` on a finding shows all of it, filled in.\n"
    )
    family = ""
    for row in CATALOGUE.values():
        if row.family != family:
            family = row.family
            yield f"## {family}\n"
        yield f"### `{row.id}` · {row.title}\n"
        cures = [f"`{one}`" for one in (row.cured_by, *row.also_cured_by) if one]
        yield f"Severity: {row.severity or '*weighed*'}. Explained by `{row.explained_by}`."
        yield f"Actions that may cure it: {', '.join(cures)}.\n" if cures else ""
        yield f"> {template(row.one)}\n"
        for word, text in (("Impact", row.impact), ("Remedy", row.remedy)):
            if text:
                yield f"{word}: {template(text)}\n"


def template(text: str) -> str:
    """Return a text of the catalogue as Markdown: placeholders without their formats, and no accidental markup."""
    plain = re.sub(r"\{(\w+)[^{}]*\}", r"{\1}", text.replace("{{", "{").replace("}}", "}"))
    return re.sub(r"([*_<>\[\]`])", r"\\\1", plain)


def settings() -> Iterator[str]:
    """Yield the page of all settings: what a file, a variable and a flag may say."""
    from optimus_tui.settings.files import TABLES
    from optimus_tui.settings.table import SETTINGS

    yield "# Settings\n\n" + MADE
    yield (
        "What `optimus.toml` may say, with types, ranges and defaults; [Configuration](configuration.md) says which\n"
        "source wins. `optimus-tui doctor` shows the value in force and its source. An unknown key is an error that\n"
        "names the nearest known one.\n"
    )
    yield "## At the top level, and in `[env.NAME]`\n"
    yield "The variables with `OPTIMUS_` before their names hold for every environment.\n"
    yield from setting_rows(row for row in SETTINGS if row.file == "environment")
    yield "\n## At the top level only\n"
    yield "`[env.NAME]` holds what `--env NAME` uses.\n"
    yield from setting_rows(row for row in SETTINGS if row.file == "top level")
    yield "\n## In no file\n"
    yield from setting_rows(row for row in SETTINGS if not row.file)
    for row in SETTINGS:
        if isinstance(row.takes, str):
            yield from setting_table(row.key, TABLES[row.takes])


def setting_table(name: str, table: type[Struct]) -> Iterator[str]:
    """Yield a table of a file with its keys, and the tables in it."""
    yield f"\n## `[{name}]`\n\n{said(table)}\n\n| key | takes | default | means |\n|---|---|---|---|"
    inner: list[tuple[str, type[Struct]]] = []
    for key, takes, default, means in fields(table):
        yield f"| `{key}` | {takes} | {default} | {means} |"
        kind = get_type_hints(table)[key]
        within = {dict: f'{name}.{key}."…"', list: f"[{name}.{key}]"}.get(get_origin(kind), f"{name}.{key}")
        inner += [(within, one) for one in (kind, *get_args(kind)) if isinstance(one, type) and issubclass(one, Struct)]
    for one, kind in inner:
        yield from setting_table(one, kind)


def setting_rows(rows: Iterable["Setting"]) -> Iterator[str]:
    """Yield a table of settings."""
    from optimus_tui.settings.files import kind_of

    yield "| key | takes | default | also set by | means |\n|---|---|---|---|---|"
    for row in rows:
        default = "" if row.default in (None, "", (), {}) else f"`{json(row.default)}`"
        also = ", ".join(f"`{name}`" for name in (row.variable, row.flag) if name)
        yield f"| `{row.key}` | {cell(takes(kind_of(row)))} | {default} | {also} | {cell(row.help)} |"


def commands() -> Iterator[str]:
    """Yield the page of the command line: each verb with its arguments and options."""
    from optimus_tui.__main__ import cli

    yield "# Command line\n\n" + MADE
    yield "`optimus-tui COMMAND --help` prints the same. Options of `optimus-tui` itself also go after a command.\n"
    yield from _command(cli, click.Context(cli, info_name="optimus-tui"), "##")


def _command(command: click.Command, context: click.Context, mark: str) -> Iterator[str]:
    pieces = " ".join((context.command_path, *command.collect_usage_pieces(context)))
    yield f"{mark} {context.command_path}\n\n```text\n{pieces}\n```\n"
    if command.help:
        yield inspect.cleandoc(command.help).partition("\f")[0].replace("\b\n", "").rstrip() + "\n"
    records = [param.get_help_record(context) for param in command.params if isinstance(param, click.Option)]
    own = [record for record in records if record is not None]
    if own:
        yield "| option | does |\n|---|---|"
        yield from (f"| `{cell(names.replace('|', ' / '))}` | {cell(does)} |" for names, does in own)
        yield ""
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from _command(inner, click.Context(inner, info_name=name, parent=context), "###")


def dialects() -> Iterator[str]:
    """Yield the page of profiles: the format, and the presets."""
    from optimus_tui.dialects.load import DialectTable, load_preset, preset_names
    from optimus_tui.dialects.model import ValueKind
    from optimus_tui.dialects.texts.meanings import CAPTURES, VALUES

    yield "# Dialects\n\n" + MADE
    yield DIALECTS_INTRODUCTION
    yield "## Templates\n"
    yield (
        "A template is literal text with captures between. `{name}` runs to the next whole literal, `{name...}` may\n"
        "hold anything and stands once in a template, `{{` and `}}` are braces themselves. `{tenant:hash}` must look\n"
        "like a hash, `{tenant:ip6...}` like an IPv6 address. A name is matched in one pass, however long or\n"
        "hostile it is.\n\n| capture | means |\n|---|---|"
    )
    yield from (f"| `{{{name}}}` | {cell(means)} |" for name, means in CAPTURES.items())
    yield "\n## Values\n\n| `value` | is |\n|---|---|"
    yield from (f"| `{kind}` | {cell(VALUES[kind])} |" for kind in get_args(ValueKind))
    yield from setting_table("dialect", DialectTable)
    yield "\n## Presets\n\n`optimus-tui dialect show NAME` prints one, each rule with what it means.\n"
    yield "| preset | reads |\n|---|---|"
    for name in preset_names():
        yield f"| `{name}` | {cell(load_preset(name).about)} |"


def figures() -> Iterator[str]:
    """Yield the page of figures, from what ``tests.bench.figures`` has written."""
    told = msgspec.json.decode((FOLDER / "figures.json").read_bytes())
    on = told["machine"]
    yield "# Figures\n\n" + MADE
    yield (
        f"Taken on {on['taken']} by `python -m tests.bench.figures`, with {on['processors']} processors, a load of"
        f" {on['load']} by other programs, Python {on['python']} and server {on['server']}. A load above the number of"
        " processors makes times by the clock longer; ratios compare with a bare program of the same run.\n"
    )
    yield "| what | measured | beside | ratio | promise |\n|---|---|---|---|---|"
    for one in told["figures"]:
        beside = f"{one['anchor']}: {one['bare']:,g} {one['unit']}" if one["bare"] else ""
        ratio = f"{one['ratio']:,g}" if one["ratio"] else ""
        what = cell(one["what"]).replace("filter ", "filter `") + ("`" if "filter " in one["what"] else "")
        yield f"| {what} | {one['value']:,g} {one['unit']} | {beside} | {ratio} | {one['promise']} |"


PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "keys.md": keys,
    "tools.md": tools,
    "rules.md": rules,
    "findings.md": findings,
    "settings.md": settings,
    "dialects.md": dialects,
    "commands.md": commands,
    "figures.md": figures,
}


def fields(table: type[Struct]) -> Iterator[tuple[str, str, str, str]]:
    """Yield name, type, default and meaning of each field of a table of settings."""
    means = sentences(table)
    for field in msgspec.structs.fields(table):
        default: Any = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        empty = default in (None, "", (), {}, msgspec.NODEFAULT) or default == [] or isinstance(default, Struct)
        yield field.name, cell(takes(field.type)), "" if empty else f"`{json(default)}`", means.get(field.name, "")


def sentences(table: type[Struct]) -> dict[str, str]:
    """Return the sentence below each field of a class, as it may stand in a cell."""
    (tree,) = ast.parse(inspect.getsource(table)).body
    assert isinstance(tree, ast.ClassDef)
    found: dict[str, str] = {}
    for before, after in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name) and isinstance(after, ast.Expr):
            text = after.value.value if isinstance(after.value, ast.Constant) else ""
            found[before.target.id] = cell(str(text).replace("``", "`"))
    return found


def takes(annotation: Any) -> str:
    """Return what a field takes, in words: ``whole number, 10 to 10,000``."""
    base, bounds = annotation, ""
    if get_origin(annotation) is Annotated:
        base, *metas = get_args(annotation)
        bounds = ", ".join(filter(None, (_bounds(meta) for meta in metas if isinstance(meta, Meta))))
    parts = get_args(base)
    if str(get_origin(base)) == "typing.Literal":
        return "one of " + ", ".join(f"`{one}`" for one in parts)
    if type(None) in parts:
        return " or ".join(takes(one) for one in parts if one is not type(None)) + ", or nothing"
    if get_origin(base) in (Union, UnionType):
        return " or ".join(takes(one) for one in parts)
    words = {int: "whole number", float: "number", str: "text", bool: "`true` or `false`", tuple: "list", dict: "table"}
    word = words.get(get_origin(base) or base, "table")
    if get_origin(base) is None and isinstance(base, type) and issubclass(base, Struct):
        word = "table"
    if get_origin(base) in (tuple, list):
        word = f"list of {takes(parts[0]).partition(',')[0]}"
    return f"{word}, {bounds}" if bounds else word


def _bounds(meta: Meta) -> str:
    if meta.ge is not None and meta.le is not None:
        return f"{meta.ge:,} to {meta.le:,}"
    if meta.ge is not None:
        return f"at least {meta.ge:,}"
    return f"more than {meta.gt:,}" if meta.gt is not None else ""


def kind(about: dict[str, Any]) -> str:
    """Return what a JSON Schema takes, in words: ``one of a, b``, ``whole number, 1 to 10,080``."""
    if "enum" in about:
        return "one of " + ", ".join(f"`{one}`" for one in about["enum"])
    if "anyOf" in about:
        return " or ".join(kind(one) for one in about["anyOf"])
    words = {"integer": "whole number", "number": "number", "string": "text", "boolean": "`true` or `false`"}
    words |= {"array": "list", "object": "object", "null": "null"}
    word = words.get(str(about.get("type")), "object" if "$ref" in about else "anything")
    if "minimum" in about and "maximum" in about:
        word += f", {about['minimum']:,} to {about['maximum']:,}"
    return word


def described(about: dict[str, Any], definitions: dict[str, dict[str, Any]]) -> str:
    """Return the description in a JSON Schema, or that of the object it refers to; empty if there is none."""
    for one in (about, *about.get("anyOf", ())):
        target = definitions.get(one.get("$ref", "").rpartition("/")[2], {})
        if text := one.get("description") or target.get("description"):
            return str(text).split("\n\n")[0].replace("``", "`")
    return ""


def json(value: Any) -> str:
    """Return a value as JSON."""
    return msgspec.json.encode(value).decode()


def said(table: type) -> str:
    """Return the docstring of a class as Markdown."""
    return inspect.cleandoc(table.__doc__ or "").replace("``", "`")


def cell(text: str) -> str:
    """Return the text as it may stand in a cell of a table: on one line, without a bar that ends the cell."""
    return " ".join(text.split()).replace("|", "\\|")


def made(name: str) -> str:
    """Return the text of a page as the code has it now."""
    return "\n".join(PAGES[name]()).rstrip() + "\n"


def foreign(site: Path) -> list[str]:
    """Return what pages of a built site load from elsewhere, as ``page: address``: not what only a reader opens."""
    found = []
    address = re.compile(r"""(?:src|href|action)=["']?((?:https?:)?//[^"'\s>]+)|url\(["']?((?:https?:)?//[^)"']+)""")
    for path in sorted(site.rglob("*")):
        if path.suffix in (".html", ".css"):
            for match in address.finditer(re.sub(r"<a\s[^>]*>", "", path.read_text("utf-8"))):
                found.append(f"{path.relative_to(site)}: {match[1] or match[2]}")
    return found


def main() -> int:
    """Write the pages, check them, or check a built site, as the command line says."""
    if "--site" in sys.argv:
        found = foreign(Path(sys.argv[-1]))
        sys.stderr.write("".join(f"{one}\n" for one in found))
        return 1 if found else 0
    stale = [name for name in PAGES if not (FOLDER / name).exists() or (FOLDER / name).read_text("utf-8") != made(name)]
    for name in stale:
        if "--check" in sys.argv:
            sys.stderr.write(f"docs/{name} is not what the code says: python docs/generate.py\n")
        else:
            (FOLDER / name).write_text(made(name), "utf-8")
            sys.stdout.write(f"docs/{name}\n")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
