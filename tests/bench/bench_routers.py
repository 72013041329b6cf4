"""200 random routers, and some 80 seeded faults in generated ones: run by hand, ``python -m tests.bench.bench_routers``.

A fault is one replacement in the router's text; it is caught where the router's own tests fail.
"""
# ruff: noqa: E501

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from optimus_tui.child_processes import minimal_environment
from optimus_tui.scaffold.spec import OPERATIONS, make_spec
from tests.scaffold.workshop import fill, judge, new_gateway, some

PROXY = (
    ("limit of list removed", '@router.get("", dependencies=[Depends(rate_limited("list_products"))])', '@router.get("")'),
    ("limit of create counted as list", 'rate_limited("create_product")', 'rate_limited("list_products")'),
    ("limit of get removed", '", dependencies=[Depends(rate_limited("get_product"))]', '"'),
    ("limit of update removed", '", dependencies=[Depends(rate_limited("update_product"))]', '"'),
    ("limit of delete removed", ', dependencies=[Depends(rate_limited("delete_product"))]', ""),
    ("key without tenant", '"product", tenant, product_id, load', '"product", "all", product_id, load'),
    ("list key without tenant", '"list_products", tenant, page', '"list_products", "all", page'),
    ("key without id", "tenant, product_id, load=load", "tenant, load=load"),
    ("key without offset", "page.limit, page.offset, load=load", "page.limit, load=load"),
    ("key without limit", "page.limit, page.offset, load=load", "page.offset, load=load"),
    ("cache never hit", "product_id, load=load", "product_id, id(load), load=load"),
    ("no invalidation on create", "async with coherence.invalidating(InvalidationType.RESOURCE_UPDATED, tenant, kinds=STALE):", "if True:"),
    ("no invalidation on change", "async with coherence.invalidating(\n        InvalidationType.RESOURCE_UPDATED, tenant, resource_id=product_id, kinds=STALE\n    ):", "if True:"),
    ("half an invalidation", 'STALE = ("product", "list_products")', 'STALE = ("product", "products")'),
    ("invalidation of another tenant", "RESOURCE_UPDATED, tenant, kinds", 'RESOURCE_UPDATED, "other", kinds'),
    ("event without id", "resource_id=product_id, ", ""),
    ("another event", "InvalidationType.RESOURCE_UPDATED", "InvalidationType.BULK_INVALIDATION"),
    ("lost answers not invalidated", "invalidating(InvalidationType.RESOURCE_UPDATED, tenant, kinds=STALE):\n        answer", "invalidating(InvalidationType.RESOURCE_UPDATED, tenant, kinds=()):\n        answer"),
    ("every failure is the same", "answer = answer_for(error)", 'answer = answer_for(httpx.ReadError("failed"))'),
    ("another method sent upstream", '"PUT", f"{PATH}', '"PATCH", f"{PATH}'),
    ("one bad item costs the list", "OnErrorOmit[Product]", "Product"),
    ("bad items not counted", 'len(answer["items"]) - len(found.items)', "0"),
    ("429 not described", "409, 413, 429, 502", "409, 413, 502"),
    ("no examples", 'json_schema_extra={"examples": [EXAMPLE]}', "json_schema_extra={}"),
    ("swallowed error", "        raise answer from error\n", ""),
    ("errors not caught", "except (httpx.HTTPError, ValidationError) as error", "except ValidationError as error"),
    ("wrong answers not caught", "except (httpx.HTTPError, ValidationError) as error", "except httpx.HTTPError as error"),
    ("failures not counted", 'RESOURCE_FAILURES.labels("products", type(error).__name__).inc()', "pass"),
    ("refusals counted", "if answer.status_code >= 500", "if answer.status_code >= 400"),
    ("contents in the log", '"id": product_id}', '"id": product_id, "body": "x"}'),
    ("change not logged", '_log.info("product updated"', '_log.debug("product updated"'),
    ("any body", 'extra="forbid"', 'extra="allow"'),
    ("another engine's tenant", '"POST", PATH, tenant', '"POST", PATH, "acme"'),
    ("get of another tenant", '"GET", f"{PATH}/{product_id}", tenant', '"GET", f"{PATH}/{product_id}", "other"'),
    ("update lost", 'product_id}", tenant, json=body.model_dump(mode="json")', 'product_id}", tenant, json={}'),
    ("create incomplete", 'PATH, tenant, json=body.model_dump(mode="json")', 'PATH, tenant, json=body.model_dump(include={"name"})'),
    ("page not passed on", ", params=page.as_query()", ", params={'limit': 50, 'offset': 0}"),
    ("created is 200", "status_code=201", "status_code=200"),
    ("deleted is 200", ", status_code=204", ""),
    ("not deleted", '    await engine.request("DELETE", f"{PATH}/{product_id}", tenant)\n', ""),
    ("any id", 'pattern=r"^[A-Za-z0-9_-]{1,64}$"', 'pattern=r"^"'),
    ("update answers what was sent", "updated = Product.model_validate(answer)", "updated = Product(id=\"x\", **body.model_dump())"),
    ("update for a constant tenant", '"PUT", f"{PATH}/{product_id}", tenant', '"PUT", f"{PATH}/{product_id}", "acme"'),
    ("deletion of one and the same", '"DELETE", f"{PATH}/{product_id}"', '"DELETE", f"{PATH}/1"'),
    ("answers not described", ") -> Product:\n    \"\"\"Return one", ") -> Any:\n    \"\"\"Return one"),
    ("optional made required", "Text | None = None", "Text | None"),
    ("optional refuses null", "description: Text | None = None", 'description: Text = "x"'),
    ("required made optional", "    name: Text\n", '    name: Text = "x"\n'),
    ("text without bounds", "min_length=1, max_length=2000", "min_length=0"),
    ("invalidates lists only", 'STALE = ("product", "list_products")', 'STALE = ("list_products",)'),
    ("a day in the cache", "product_id, load=load", "product_id, ttl_seconds=86400, load=load"),
    ("leftovers of another release answered", "load=load, model=Product)", "load=load)"),
    ("failure's words in the log", '"error": type(error).__name__}', '"error": repr(error)}'),
    ("failure not logged", '            _log.warning("products failed", extra={"fields": fields})\n', ""),
    ("missing one made up and cached", '        answer = await engine.request("GET", f"{PATH}/{product_id}", tenant)\n', '        try:\n            answer = await engine.request("GET", f"{PATH}/{product_id}", tenant)\n        except httpx.HTTPStatusError:\n            answer = {"id": product_id, "name": "none"}\n'),
    ("no limit behind the slash", '@router.get("/", include_in_schema=False, dependencies=[Depends(rate_limited("list_products"))])', '@router.get("/", include_in_schema=False)'),
    ("breaker and deadline gone round", 'answer = await engine.request("GET", f"{PATH}/{product_id}", tenant)', 'answer = (await httpx.AsyncClient(transport=engine._http._transport._inner, timeout=None).get(f"http://engine{PATH}/{product_id}", headers={"X-Tenant-ID": tenant})).raise_for_status().json()'),
)  # fmt: skip
HYBRID = (
    ("store not asked", 'if source == "local":', 'if source == "nowhere":'),
    ("engine not told", 'if source == "local":\n            is_removed', "if True:\n            is_removed"),
    ("offset not moved", "offset += count", "offset += 0"),
    ("offset of the store kept for the engine", 'part, offset = "rest", 0', 'part = "rest"'),
    ("limit not shortened", "limit - len(found.items)", "limit"),
    ("listed twice", "if item.id not in ours", "if True"),
    ("the engine's wins", "[item for item in theirs.items if item.id not in ours]", "theirs.items"),
    ("what is told to ask the engine alone is not", 'if part == "rest":\n        ours', "if True:\n        ours"),
    ("no end of pages", "if count and (theirs.total is None or offset < theirs.total)", "if True"),
    ("an end too soon", "if count and (theirs.total is None or offset < theirs.total)", "if False"),
    ("no end without a count", "if count and (theirs.total is None or", "if (theirs.total is None or"),
    ("an end where the store ends", 'if offset < kept else "rest:0"', "if offset < kept else None"),
    ("bad items not counted", "found.unreadable = count - len(theirs.items)", "found.unreadable = 0"),
    ("source not in the key", '"product", tenant, source, product_id', '"product", tenant, product_id'),
    (
        "store of all tenants",
        "kept = self.kept.get(tenant, {})\n        return kept.get(key)",
        'return self.kept.get("other", {}).get(key)',
    ),
    (
        "failures of the store are the engine's",
        "store_failure(error) if isinstance(error, OSError) else answer_for(error)",
        "answer_for(error)",
    ),
    ("one id for all", "uuid.uuid4().hex", '"1"'),
    (
        "replaced and not kept",
        "        kept[key] = Product(id=key, **body.model_dump())\n        return kept[key]",
        "        return Product(id=key, **body.model_dump())",
    ),
    ("store's offset ignored", "list(kept.values())[offset : offset + limit]", "list(kept.values())[:limit]"),
    ("page without an end", "list(kept.values())[offset : offset + limit]", "list(kept.values())[offset:]"),
    (
        "removed what was not there",
        "return kept.pop(key, None) is not None",
        "kept.pop(key, None)\n        return True",
    ),
    ("kept for everybody", "self.kept.setdefault(tenant, {})", 'self.kept.setdefault("all", {})'),
    ("engine asked for nothing", "if len(found.items) == limit", "if len(found.items) > limit"),
    (
        "created twice",
        "        answer = kept.model_dump()\n",
        '        answer = kept.model_dump()\n        await engine.request("POST", PATH, tenant, json=body.model_dump(mode="json"))\n',
    ),
    (
        "find in all tenants",
        "return kept.get(key)",
        "return next((kept[key] for kept in self.kept.values() if key in kept), None)",
    ),
)


def mutants() -> list[str]:
    """The names of those that were not caught."""
    survived: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        gateway = new_gateway(Path(folder))
        for kind, faults in (("proxy", PROXY), ("hybrid", HYBRID)):
            (draft,) = fill(gateway, [make_spec("products", kind, OPERATIONS)])
            path, sound = gateway / draft.router.path, draft.router.content
            assert passes(gateway), kind
            for name, old, new in faults:
                assert old in sound, name
                path.write_text(sound.replace(old, new), "utf-8")
                if passes(gateway):
                    survived.append(f"{kind}: {name}")
    return survived


def passes(gateway: Path) -> bool:
    """Whether the generated tests pass."""
    command = [sys.executable, "-m", "pytest", "-qx", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "tests"]
    environment = minimal_environment(PYTHONPATH=str(gateway / "src"))
    return subprocess.run(command, cwd=gateway, env=environment, capture_output=True, timeout=120).returncode == 0


def main() -> None:
    """Both measurements."""
    survived = mutants()
    count = len(PROXY) + len(HYBRID)
    sys.stdout.write(f"faults caught: {count - len(survived)} of {count}; not caught: {survived or 'none'}\n")
    if "--faults" in sys.argv:
        return
    with tempfile.TemporaryDirectory() as folder:
        gateway, began = new_gateway(Path(folder)), time.monotonic()
        said = judge(gateway, fill(gateway, some(200, seed=200)))
        sys.stdout.write(f"200 random routers: {said or 'clean'} ({time.monotonic() - began:.0f} s)\n")


if __name__ == "__main__":
    main()
