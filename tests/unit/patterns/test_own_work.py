"""Routes that need neither a limit nor a tenant, and those that only look like them."""

import pytest

from tests.patterns_tree import rules_of

HEAD = """
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from shop.things import KEY, build, files, repo, session, settle, templates
import stripe
router = APIRouter()
"""
NOTHING_TO_USE_UP = {
    "a greeting": '@router.get("/")\nasync def root():\n    return {"message": "hello"}\n',
    "a greeting of a version": '@router.get("/api/v1")\nasync def root():\n    return {"message": "hello"}\n',
    "a redirect": '@router.get("/admin")\nasync def admin():\n    return RedirectResponse("/admin/", 308)\n',
    "a page": '@router.get("/home")\ndef home(request: Request):\n    return templates.TemplateResponse("x")\n',
    "a page by its class": '@router.get("/", response_class=HTMLResponse)\ndef home():\n    return files.text()\n',
    "a document": '@router.get("/.well-known/a.json")\nasync def it(request: Request):\n    return build(request)\n',
    "keys": '@router.get("/jwks.json")\nasync def keys():\n    return await repo.keys()\n',
    "a signed message": (
        '@router.post("/events")\nasync def events(request: Request):\n'
        '    event = stripe.Webhook.construct_event(await request.body(), request.headers["x-sign"], KEY)\n'
        "    return await settle(event)\n"
    ),
}
SOMETHING_TO_USE_UP = {
    "a form": '@router.post("/home")\ndef home(request: Request):\n    return templates.TemplateResponse("x")\n',
    "a redirect that asks": '@router.get("/f/{n}")\nasync def f(n: str):\n    return RedirectResponse(await at(n))\n',
    "a redirect that the caller names": '@router.get("/go")\nasync def go(to: str):\n    return RedirectResponse(to)\n',
    "a root that reads": '@router.get("/")\nasync def root():\n    return await repo.all()\n',
    "a signature of a person": (
        '@router.post("/e")\nasync def e(event: Event):\n    return await settle(event, effective_signature(event))\n'
        "def effective_signature(event):\n    return event.name\n"
    ),
    "one order's status": '@router.get("/orders/{n}/status")\nasync def s(n: str):\n    return await repo.one(n)\n',
    "a message that nobody signed": '@router.post("/e")\nasync def e(event: Event):\n    return await settle(event)\n',
}


@pytest.mark.parametrize("name", NOTHING_TO_USE_UP)
def test_where_nothing_can_be_used_up_no_limit_is_asked_for(name: str) -> None:
    assert "limits.missing" not in rules_of(HEAD + NOTHING_TO_USE_UP[name])


@pytest.mark.parametrize("name", SOMETHING_TO_USE_UP)
def test_where_something_can_be_used_up_a_limit_is_asked_for(name: str) -> None:
    assert "limits.missing" in rules_of(HEAD + SOMETHING_TO_USE_UP[name])


@pytest.mark.parametrize(
    ("path", "guard", "asked"),
    [
        ("/things", "", True),
        ("/things/{thing_id}", "Depends(session)", True),
        ("/login", "", False),
        ("/oauth/callback", "", False),
        ("/public/things", "", False),
        ("/marketplace/details", "", False),
        ("/webhooks/payments", "", False),
        ("/reports/republished", "", True),
        ("/things", "Depends(require_admin)", False),
        ("/things", "Depends(check_role('staff'))", False),
    ],
)
def test_a_tenant_is_asked_for_where_one_can_be_known(path: str, guard: str, asked: bool) -> None:
    route = f'@router.get("{path}", dependencies=[{guard}])\nasync def read():\n    return await repo.page()\n'
    assert ("tenancy.missing" in rules_of(HEAD + route)) is asked
