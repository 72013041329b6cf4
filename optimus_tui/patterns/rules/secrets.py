"""Secrets in logs: credentials are never logged."""

import ast
from collections.abc import Iterator

from optimus_tui.patterns.facts.model import Scope, bound_value
from optimus_tui.patterns.rule import Hit, Rule, at
from optimus_tui.patterns.source.view import View
from optimus_tui.patterns.source.vocabulary import LOG_METHODS, chain, is_secret, text_of, words

_MASKS = frozenset(
    {
        "mask", "masked", "redact", "redacted", "hash", "sha", "len", "bool", "type", "fingerprint",
        "obfuscate", "scrub", "sanitize", "sanitized", "isinstance", "hidden", "digest", "hexdigest", "safe",
    }
)  # fmt: skip
_HOLDS = frozenset({"value", "raw", "plain", "plaintext", "text", "content"})
"""Attributes that are the secret itself."""
_KEEPS = frozenset(
    {"strip", "lstrip", "rstrip", "lower", "upper", "encode", "decode", "replace", "format", "join", "split", "copy",
     "dict", "json", "model_dump", "items", "values", "get_secret_value", "dumps", "str", "repr"}
)  # fmt: skip
"""Methods and functions whose result still holds the secret that they are called on."""
_MAKES = frozenset(
    {"get", "create", "make", "generate", "issue", "sign", "mint", "read", "load", "fetch", "new", "decrypt", "build"}
)
_JUDGES = frozenset({"is", "has", "verify", "check", "validate", "compare", "count", "any", "all", "equals"})
_LOGGERS = frozenset({"log", "logger", "logging", "structlog", "loguru", "audit"})


def _logged(view: View) -> Iterator[Hit]:
    if not view.methods.isdisjoint(LOG_METHODS | {"bind", "print"}):
        masked = _masked(view)
        for _, seen in view.every_call:
            logs = seen.method in LOG_METHODS | {"bind"} and not seen.about.isdisjoint(_LOGGERS)
            if not logs and not (seen.raw == "print" and seen.thing is None):
                continue
            node = seen.call.node
            for given in (*node.args, *(word.value for word in node.keywords)):
                name = _secret_in(given, masked, seen.call.scope) or _copied_headers(given, seen.call.scope)
                if name:
                    yield at(node, f"{name} is written to the log")
                    break
            else:
                named = next(
                    (word.arg for word in node.keywords if word.arg and is_secret(word.arg) and _tells(word.value)), ""
                )
                if named:
                    yield at(node, f"{named} is written to the log")


def _tells(node: ast.expr) -> bool:
    """Return whether it is a value that would be shown: neither a constant nor masked."""
    return not isinstance(node, ast.Constant) and not (
        isinstance(node, ast.Call) and bool(words(chain(node.func)) & _MASKS)
    )


def _copied_headers(given: ast.expr, scope: Scope) -> str:
    """Return a name for all of the request's headers, unless the copy names the ones that it leaves out."""
    if not isinstance(given, ast.Name) or "headers" not in given.id:
        return ""
    bound = scope.bindings.get(given.id)
    value = bound_value(bound)
    if value is None or chain(value).endswith(".get"):
        return ""
    made = list(ast.walk(value))
    spared = any((text_of(one) or "").lower() in ("authorization", "cookie") for one in made)
    copied = any(chain(one).startswith("request.headers") for one in made if isinstance(one, ast.Attribute))
    if copied and not spared:
        return given.id
    return ""


def _masked(view: View) -> frozenset[str]:
    """Return the fields that pydantic masks wherever they are shown."""
    return frozenset(
        name
        for owner in view.module.classes
        for name, (bound, _) in owner.attributes.items()
        if bound.annotation is not None and "Secret" in chain(bound.annotation)
    )


def _secret_in(node: ast.AST, masked: frozenset[str], scope: Scope) -> str:
    """Return the name of a secret that is written unmasked."""
    todo: list[ast.AST] = [node]
    while todo:
        one = todo.pop()
        if isinstance(one, ast.Call):
            spoken = words(chain(one.func))
            if not spoken.isdisjoint(_MASKS):
                continue
            key = None
            if one.args and chain(one.func).endswith(("get", "getenv", "pop")):
                key = one.args[0]
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                if is_secret(key.value):
                    return key.value
                continue
            last = chain(one.func).rpartition(".")[2]
            if last not in _KEEPS:
                made = words(last)
                if is_secret(last) and made & _MAKES:
                    return last
                if made.isdisjoint(_JUDGES):
                    todo += [*one.args, *(word.value for word in one.keywords)]
                continue
        elif isinstance(one, ast.Compare) or (isinstance(one, ast.UnaryOp) and isinstance(one.op, ast.Not)):
            continue
        elif isinstance(one, ast.IfExp):
            todo += [one.body, one.orelse]
            continue
        elif isinstance(one, ast.Name) and is_secret(one.id) and not getattr(scope.lookup(one.id), "many", False):
            return one.id  # but for one of many: the tokens of a model's answer
        elif isinstance(one, ast.Attribute):
            if one.attr in masked:
                continue
            if is_secret(one.attr):
                return chain(one)
            if one.attr == "headers" and chain(one).startswith("request"):
                return chain(one)
            if one.attr in _HOLDS | _KEEPS or not isinstance(one.value, (ast.Name, ast.Attribute)):
                todo.append(one.value)
            continue
        elif isinstance(one, ast.Subscript):
            key = one.slice
            if isinstance(key, ast.Slice):
                continue  # a part of it identifies it
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                if is_secret(key.value):
                    return key.value
                continue
        elif isinstance(one, ast.Dict):
            for name, value in zip(one.keys, one.values, strict=True):
                text = text_of(name)
                if text is not None and is_secret(text) and _tells(value):
                    return text
        todo.extend(ast.iter_child_nodes(one))
    return ""


RULES = (
    Rule(
        "logs.secrets", "secrets", "production_ready", "high", "A secret in the log",
        "Logs are kept for months, copied to other systems and read by many.",
        "Leave it out, or log its length or a fingerprint.",
        '''
async def login(user: str, password: str) -> None:
    logger.info("login of %s with %s", user, password)
''',
        '''
async def login(user: str, password: str) -> None:
    logger.info("login of %s", user)
''',
        _logged,
    ),
)  # fmt: skip
