"""What a draft contains, and what is left to do, in sentences and in lines to copy. Pure."""

import json
from urllib.parse import urlsplit

from optimus_tui.scaffold.layout import when
from optimus_tui.scaffold.register import lines_to_add
from optimus_tui.scaffold.samples import METHODS, sample
from optimus_tui.scaffold.spec import RouterSpec
from optimus_tui.wording.shell import shell_word


def features(spec: RouterSpec) -> tuple[str, ...]:
    """Return one sentence for each feature that is switched on."""
    where = {
        "proxy": "Proxy: the AI Engine keeps everything, behind its circuit breaker and deadline",
        "direct": "Direct: a repository seam with an in-memory store to begin with",
        "hybrid": "Hybrid: the gateway's own store first, the AI Engine for what it does not hold or when told",
    }
    sentences = [where[spec.type], "Multi-tenant: X-Tenant-ID is required, checked and part of every key"]
    if spec.rate_limiting:
        sentences.append("Rate limiting: per tenant and operation, 429 with Retry-After")
    if spec.caching and spec.reads:
        sentences.append("Caching: reads with a TTL, keys apart for each tenant")
    if spec.caching and spec.writes:
        sentences.append("Cache coherence: a write invalidates cached answers and publishes the event")
    codes = ", ".join(["404", "422", *when(spec.has_engine, "502"), "503", "504"])
    sentences.append(f"Error handling: {codes}; failures are logged without contents and counted for Prometheus")
    if "list" in spec.operations:
        sentences.append("Pagination: limit and offset, bounded")
    return (*sentences, "Tests: each operation, tenants, limits, cache, failures, as far as the router has them")


def next_steps(spec: RouterSpec, gateway_url: str) -> tuple[str, ...]:
    """Return lines and commands in order; the last three run the tests, start the gateway and send a request."""
    router, test = spec.paths
    imported, included = lines_to_add(spec.name)
    return (
        f"Save the files as {router} and {test}, or let optimus-tui scaffold new {spec.name} write and register them",
        imported,
        included,
        f"pytest {test} -v",
        f"uvicorn backend.app:app --app-dir src --port {_port(gateway_url)}",
        _request(spec, gateway_url),
    )


def _request(spec: RouterSpec, gateway_url: str) -> str:
    """Return a request that works at once: the list or a create first, because nothing exists yet."""
    operation = next(each for each in ("list", "create", "get", "update", "delete") if each in spec.operations)
    url = f"{gateway_url}/api/{spec.name}{'/' if operation in ('list', 'create') else '/1'}"
    line = f"curl -X {METHODS[operation]} {shell_word(url)} -H 'X-Tenant-ID: demo_dentist'"
    if operation in ("create", "update"):
        line += f" -H 'Content-Type: application/json' -d {shell_word(json.dumps(sample(spec.fields)))}"
    return line


def _port(url: str) -> int:
    try:
        return urlsplit(url).port or 8020
    except ValueError:
        return 8020
