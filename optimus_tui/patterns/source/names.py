"""Split names into words, and the vocabularies that judge a name whose definition is not in the tree."""

import ast
import re
from functools import lru_cache

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LIMITER = re.compile(r"rate_?limit|limiter|throttl|quota|token_?bucket|leaky_?bucket|sliding_?window", re.IGNORECASE)
_LIMIT_VERBS = frozenset(
    {"require", "enforce", "check", "apply", "within", "guard", "limited", "count", "per", "by", "requests"}
)
TENANT_WORDS = frozenset(
    {"tenant", "tenants", "tenancy", "organisation", "organization", "org", "workspace", "tid", "xtenant"}
)
READS = frozenset({"get", "list", "read", "fetch", "search", "find", "show", "browse", "index"})
SECRET_WORDS = frozenset(
    {"password", "passwd", "pwd", "passphrase", "secret", "secrets", "apikey", "credential", "credentials", "dsn"}
)
HTTP_VERBS = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "request", "send", "stream"})
LOG_METHODS = frozenset(
    {
        "debug",
        "info",
        "warning",
        "warn",
        "error",
        "exception",
        "critical",
        "log",
        "msg",
        "adebug",
        "ainfo",
        "awarning",
        "aerror",
        "success",
        "trace",
    }
)


@lru_cache(maxsize=20_000)
def words(name: str) -> frozenset[str]:
    """Return the words of a name: ``EnterpriseRateLimiter.check_now`` gives enterprise, rate, limiter, check, now."""
    return frozenset(one.lower() for one in _WORD.findall(name))


def chain(node: ast.AST | None) -> str:
    """Return ``self.cache.get`` as text, without calls and subscripts in between; empty where there is no name."""
    if node.__class__ is ast.Name:
        return node.id
    if node.__class__ is ast.Attribute and node.value.__class__ is ast.Name:
        return f"{node.value.id}.{node.attr}"
    parts: list[str] = []
    while True:
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Name):
            parts.append(node.id)
            break
        elif isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, (ast.Subscript, ast.Await)):
            node = node.value
        else:
            break
    return ".".join(reversed(parts))


@lru_cache(maxsize=20_000)
def first_argument(call: ast.Call) -> ast.expr | None:
    """Return the first positional argument of a call, or None."""
    return next(iter(call.args), None)


def first_type(node: ast.Subscript) -> ast.expr:
    """Return the first of the types in brackets: ``str`` for ``Annotated[str, Header()]``."""
    if isinstance(node.slice, ast.Tuple) and node.slice.elts:
        return node.slice.elts[0]
    return node.slice


def is_limiter(name: str) -> bool:
    """Return whether only a rate limiter has such a name."""
    if _LIMITER.search(name):
        return True
    last = words(name.rpartition(".")[2])
    return ("limited" in last) or (
        bool(last & {"limit", "limits"}) and bool(last & _LIMIT_VERBS) and "page" not in last
    )


@lru_cache(maxsize=20_000)
def is_tenant(name: str) -> bool:
    """Return whether the name is, or belongs to, a tenant."""
    return not words(name).isdisjoint(TENANT_WORDS)


@lru_cache(maxsize=20_000)
def is_secret(name: str) -> bool:
    """Return whether the name is that of a secret, which must not be logged; ``token_count`` is none."""
    found = words(name)
    if found & SECRET_WORDS or {"api", "key"} <= found or {"private", "key"} <= found:
        return not found & {"hash", "hashed", "length", "policy", "reset", "changed", "expired", "expires", "has", "is"}
    if found & {"token", "authorization", "jwt", "bearer", "cookie", "cookies"}:
        return not found & {
            "count",
            "counts",
            "used",
            "usage",
            "max",
            "limit",
            "total",
            "bucket",
            "id",
            "hash",
            "type",
            "expired",
            "expires",
            "prompt",
            "completion",
            "valid",
            "has",
            "is",
            "len",
            "length",
            "budget",
            "tokens",
            "page",
            "next",
        }
    return False


def text_of(node: ast.AST | None) -> str | None:
    """Return the text of a constant string, the constant parts of an f-string, or None."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [one.value if isinstance(one, ast.Constant) else "{}" for one in node.values]
        return "".join(str(one) for one in parts)
    return None
