"""Which calls ask another service, known by the library that their client comes from, or by how they are written."""

import ast
import re
import sys

from optimus_tui.patterns.facts.jobs import named_jobs
from optimus_tui.patterns.facts.model import AWAITED, DECLARED
from optimus_tui.patterns.source.resolve import Seen
from optimus_tui.patterns.source.vocabulary import ASKS, DB, DB_ROOTS, HTTP_VERBS, LOCAL_ROOTS, REDIS, chain, words


def _of(text: str) -> frozenset[str]:
    return frozenset(text.split())


_HTTP = frozenset({"httpx", "aiohttp", "requests", "urllib3"})
_EXACT = _of("urllib.request.urlopen smtplib.SMTP smtplib.SMTP_SSL aiosmtplib.send websockets.connect")
_LIBRARIES = (
    "stripe.", "twilio.", "openai.", "anthropic.", "litellm.", "groq.", "mistralai.", "cohere.", "ollama.",
    "replicate.", "together.", "huggingface_hub.", "langchain", "llama_index.", "http.client.HTTPConnection.",
    "http.client.HTTPSConnection.", "smtplib.SMTP.", "smtplib.SMTP_SSL.", "aiosmtplib.SMTP.", "fastapi_mail.FastMail.",
    "sendgrid.", "resend.", "slack_sdk.", "elasticsearch.", "opensearchpy.", "meilisearch", "typesense.", "minio.",
    "qdrant_client.", "weaviate.", "pinecone.", "boto3.", "aioboto3.", "aiobotocore.", "miniopy_async.", "azure.",
    "google.cloud.", "google.genai.", "google.generativeai.", "googleapiclient.", "authlib.integrations.", "plaid.",
    "httpx_oauth.", "github.Github", "kubernetes.client.", "kubernetes_asyncio.client.", "ray.job_submission.",
    "mlflow.MlflowClient.", "mlflow.tracking.MlflowClient.", "firebase_admin.", "paypalrestsdk.", "razorpay.",
    "keycloak.KeycloakOpenID.", "keycloak.KeycloakAdmin.",
)  # fmt: skip
_ASKED = _of(
    "get list create delete update modify retrieve search msearch query upload download send put post patch head upsert"
    " insert scroll count describe invoke generate publish copy complete completion embed embedding embeddings fetch"
    " request bulk index info chat predict batch run submit stop stat remove add authorize verify cancel confirm"
    " capture refund moderate transcribe translate similarity urlopen getresponse stream exchange execute sendmail"
    " login call parse read exists forward ask token userinfo introspect logout"
)
"""First words of what a client asks its service for."""
_BUILDS = _of("client clients resource session waiter paginator url uri presigned logger")
"""With one of these words a method only makes something here."""
_LOCAL_PARTS = (
    "exceptions.", "errors.", "types.", "text_splitter", "document_loaders", "prompts.", "messages.", "schema.",
    "Webhook.", "configure", "output_parser", "core.node_parser", "callbacks.",
)  # fmt: skip
_MAKES = _of("index indices Object Bucket Table collection")
_OF_HTTP = frozenset({"http", "httpx", "aiohttp"})
_HANDS = frozenset({"json", "headers", "params", "data", "files", "timeout"})
_CLIENTS = frozenset({"client", "session", "http", "api"})
_TYPED = ("Client", "Gateway", "Sdk", "SDK")
_API = re.compile(r"\.[A-Z]\w*(?:API|Api|Client|Sdk|SDK)(?:\(\))?\.")
_OF_OUR_OWN = DB | REDIS | {"mongo", "motor", "test", "cache", "lock", "influx", "docker", "broker", "queue", "mock"}
_NO_SERVICE = DB_ROOTS | LOCAL_ROOTS | {"fastapi", "starlette", "mcp", "fastmcp", "redis", "valkey", "celery", "arq"}


WRITTEN, NAMED, UNKNOWN = "http", "a client", "a library"
"""No packages: a call that is written as one of HTTP, one of a type that is named as a client, and one that may ask a
service: only its name, or an ``await`` on a library that is not known, suggests it."""
_AWAITED_HERE = _of(
    "aiofiles anyio trio uvloop starlette fastapi jinja2 aiocache cachetools slowapi limits tenacity aiojobs taskiq"
    " dramatiq aio_pika aiokafka faststream apscheduler multipart pydantic uvicorn gunicorn pytest aioredis coredis"
    " redis_om fakeredis sse_starlette websockets async_lru asyncer asgiref dishka dependency_injector prisma gino"
    " edgedb piccolo odmantic mongoengine umongo neo4j duckdb aiomysql asyncmy aioodbc surrealdb"
)
"""Packages that are no clients of a service over HTTP, and those of databases."""


def library_of(seen: Seen) -> str:
    """Return the package whose client asks another service in this call, ``WRITTEN``, ``NAMED``, or ""."""
    if seen.visible or seen.call.flags & DECLARED:
        return ""
    known = _known(seen)
    if known is not None:
        return known
    if named_jobs(seen.raw, seen.dotted, False).flags & {"upstream", "remote"}:
        if seen.dotted:
            return NAMED
        return UNKNOWN
    if _may_ask(seen):
        return UNKNOWN
    return ""


def _may_ask(seen: Seen) -> bool:
    """Return whether a method of a library that is not known is awaited, under a name that asks for something."""
    root, _, rest = seen.dotted.partition(".")
    if not rest or not seen.call.flags & AWAITED or root in _NO_SERVICE | _AWAITED_HERE | sys.stdlib_module_names:
        return False
    owner = seen.raw.rpartition(".")[0]
    apart = words(root).isdisjoint({"fastapi", "starlette", "async", "sqlalchemy", "redis", "mongo"})
    return bool(owner) and apart and words(seen.dotted).isdisjoint(_OF_OUR_OWN) and _is_asked(seen.method)


def is_of_a_library(name: str) -> bool:
    """Return whether the full name of a type or of what made an object belongs to a client's package."""
    return f"{name}.".startswith(_LIBRARIES) or name.partition(".")[0] in _HTTP


def _known(seen: Seen) -> str | None:
    """Return the package, "" where a known one asks nothing, or None where no package is known."""
    name = seen.dotted
    if not name:
        if seen.thing is None and _is_written_as_http(seen):
            return WRITTEN
        return None
    root, last = name.partition(".")[0], name.rpartition(".")[2]
    if root in _HTTP:
        if last in ASKS and "()" not in name.rpartition(".")[0]:
            return root
        return ""
    if name in _EXACT:
        return root
    if name.startswith(_LIBRARIES):
        if _asks(name, last):
            return root
        return ""
    if root not in _NO_SERVICE and _is_of_a_client(name, last, bool(seen.call.flags & AWAITED)):
        return root
    return None


def _asks(name: str, last: str) -> bool:
    if last[:1].isupper() or last.endswith("()") or any(one in name for one in _LOCAL_PARTS):
        return False
    if _is_data_of_an_answer(name) or (last == "index" and name.startswith("meilisearch")):
        return False
    return _is_asked(last)


def _is_asked(last: str) -> bool:
    first = last.partition("_")[0]
    return (first in _ASKED or (first[:1] == "a" and first[1:] in _ASKED)) and words(last).isdisjoint(_BUILDS)


def _is_data_of_an_answer(name: str) -> bool:
    """Return whether an earlier part of the name is a question itself: what it answers asks nobody."""
    return any(
        one.endswith("()") and one[:-2] not in _MAKES and one[:1].islower() and _is_asked(one[:-2])
        for one in name.split(".")[1:-1]
    )


def _is_of_a_client(name: str, last: str, awaited: bool) -> bool:
    """Return whether the method is of a class or package named as a client, and its source is not in the tree."""
    owner, _, _ = name.rpartition(".")
    if "." not in owner or last[:1].isupper() or not words(name).isdisjoint(_OF_OUR_OWN):
        return False
    if awaited and (words(name.partition(".")[0]) & _CLIENTS or _API.search(f"{owner}.")):
        return True
    return owner.rpartition(".")[2].removesuffix("()").endswith(_TYPED) and _is_asked(last)


def _is_written_as_http(seen: Seen) -> bool:
    """Return whether an object of unknown type is asked as a client of HTTP: ``http_client.post(url, json=…)``."""
    owner, _, method = seen.raw.rpartition(".")
    last = owner.rpartition(".")[2]
    about = words(last)
    if method not in HTTP_VERBS or not owner or last[:1].isupper() or not words(owner).isdisjoint(_OF_OUR_OWN):
        return False
    node = seen.call.node
    if not node.args and not any(word.arg == "url" for word in node.keywords):
        return False
    if about & _OF_HTTP:
        return about.isdisjoint(("request", "response", "app", "router"))
    given = {word.arg for word in node.keywords}
    return bool(about & _CLIENTS) and not given.isdisjoint(_HANDS) and not _is_entity(node)


def _is_entity(node: ast.Call) -> bool:
    """Return whether the first argument is a class: ``session.get(Order, key)`` asks a database."""
    return bool(node.args) and chain(node.args[0]).rpartition(".")[2][:1].isupper()
