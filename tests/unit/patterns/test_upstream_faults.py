"""Requests to another service that no ``except`` guards, and those that something on the way maps."""

import pytest

from tests.patterns_tree import judged

HEAD = """import requests, httpx, stripe, openai, sqlalchemy.exc
from fastapi import APIRouter, Depends, FastAPI, HTTPException
from slowapi.errors import RateLimitExceeded
from helpers import careful, guarded, load, signed_in
router = APIRouter()
"""
HELPERS = """import functools, requests
from fastapi import HTTPException
def load():
    return requests.get(url(), timeout=3).json()
def careful():
    try:
        return load()
    except requests.RequestException:
        raise HTTPException(502)
def mapped(function):
    @functools.wraps(function)
    def inner(*args):
        try:
            return function(*args)
        except requests.RequestException:
            raise HTTPException(502)
    return inner
@mapped
def guarded():
    return load()
def signed_in(token: str):
    try:
        return decoded(token)
    except JWTError:
        raise HTTPException(401)
"""


def unmapped(body: str, head: str = HEAD, given: str = "", decorator: str = "") -> list[str]:
    """Return the messages about a route of these statements."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    source = f'{head}@router.get("/x")\n{decorator}async def read({given}):\n{lines}'
    return [one.message for one in judged(source, helpers=HELPERS).issues if one.rule == "errors.unmapped"]


@pytest.mark.parametrize(
    "body",
    [
        "return load()",
        "return stripe.Customer.retrieve(key)",
        "return openai.OpenAI().chat.completions.create(model='x')",
        "try:\n    return load()\nexcept ValueError:\n    raise HTTPException(422)",
        "try:\n    return load()\nexcept Exception:\n    raise",
        "try:\n    careful()\nexcept httpx.HTTPError:\n    pass\nreturn load()",
    ],
)
def test_a_request_that_nothing_guards_is_found(body: str) -> None:
    assert len(unmapped(body)) == 1
    assert len(unmapped(body, given="user=Depends(signed_in)")) == 1


@pytest.mark.parametrize(
    "body",
    [
        "return careful()",
        "return guarded()",
        "return 1",
        "try:\n    return load()\nexcept Exception:\n    raise HTTPException(502)",
        "try:\n    return load()\nexcept requests.RequestException:\n    raise HTTPException(502)",
        "with translated_errors():\n    return load()",
        "tasks.add_task(load)",
        "return stripe.Webhook.construct_event(key)",
    ],
)
def test_a_request_that_is_guarded_on_the_way_is_none(body: str) -> None:
    assert unmapped(body) == []
    assert unmapped("return load()", decorator="@mapped_errors\n") == []


LIBRARIES = """import asyncio, boto3, elasticsearch, litellm, meilisearch, smtplib
from authlib.integrations.starlette_client import OAuth
from fastapi_mail import FastMail
from jose import JWTError
from redis_client import store_client
from billing_sdk import BillingAPI
from integration_client import Engine
from langchain_openai import ChatOpenAI
from qdrant_client import QdrantClient
from ray.job_submission import JobSubmissionClient
from sqlalchemy.exc import SQLAlchemyError
engine, billing = Engine(), BillingAPI()
oauth, search, mails = OAuth(), elasticsearch.Elasticsearch(url), FastMail(conf)
class Refused(Exception): ...
class Unreachable(httpx.TransportError): ...
"""


@pytest.mark.parametrize(
    "body",
    [
        "return search.search(index='x')",
        "return search.indices.create(index='x')",
        "return meilisearch.Client(url).index('x').search(words)",
        "return boto3.client('s3').put_object(Body=body)",
        "return boto3.resource('s3').Bucket('x').upload_file(path)",
        "return litellm.completion(model='x')",
        "return ChatOpenAI().invoke(words)",
        "return oauth.google.authorize_access_token(request)",
        "return mails.send_message(message)",
        "return JobSubmissionClient(url).get_job_status(key)",
        "with smtplib.SMTP('mail') as server:\n    server.sendmail(sender, to, text)",
        "return await engine.channel(name).post_message(text)",
        "return await billing.channel_info()",
        "return request.app.state.http_client.get(address)",
        "return client.post(address, json=body)",
    ],
)
def test_other_services_are_known_by_their_libraries_or_by_the_form_of_the_call(body: str) -> None:
    head = f"{HEAD}{LIBRARIES}"
    guard = "".join(f"    {line}\n" for line in body.splitlines())
    assert len(unmapped(body, head=head, given="request, client, user=Depends(signed_in)")) == 1
    assert unmapped(f"try:\n{guard}except Exception:\n    raise HTTPException(502)", head=head, given="client") == []


@pytest.mark.parametrize(
    "body",
    [
        "return boto3.client('s3').generate_presigned_url('get_object')",
        "return meilisearch.Client(url).index('x')",
        "try:\n    hits = search.search()\nexcept Exception:\n    raise HTTPException(502)\nreturn hits.get('x')",
        "return db.get(Order, key)",
        "return engine.channel(name)",
        "return await store_client.get_lock(key)",
        "return session.get(Order, key, options=None)",
        "return cache.client.get(key, timeout=3)",
        "return request.headers.get('x')",
        "return HttpResponse.get(1)",
    ],
)
def test_what_only_builds_something_or_asks_a_database_is_no_request(body: str) -> None:
    assert unmapped(body, head=f"{HEAD}{LIBRARIES}", given="request, db, session, cache, user=Depends(signed_in)") == []


@pytest.mark.parametrize(
    ("caught", "guards"),
    [
        ("httpx.HTTPStatusError", False),
        ("httpx.TimeoutException", False),
        ("(httpx.HTTPStatusError, httpx.TimeoutException)", False),
        ("(httpx.HTTPStatusError, httpx.RequestError)", True),
        ("httpx.ConnectError", True),
        ("httpx.HTTPError", True),
        ("JWTError", False),
        ("SQLAlchemyError", False),
        ("Refused", False),
        ("Unreachable", True),
        ("TimeoutError", False),
        ("OSError", True),
    ],
)
def test_an_except_counts_for_what_the_library_raises(caught: str, guards: bool) -> None:
    body = f"try:\n    return httpx.get(address)\nexcept {caught}:\n    raise HTTPException(502)"
    assert (unmapped(body, head=f"{HEAD}{LIBRARIES}") == []) is guards


def test_a_client_is_known_where_it_is_handed_to_a_parameter_without_a_type() -> None:
    helpers = "def connect():\n    return elasticsearch.Elasticsearch(url)\ndef find(es, query):\n    {}\n"
    body = "es = connect()\nreturn find(es, words)"
    given = "user=Depends(signed_in)"
    asks = helpers.format("return es.msearch(searches=query)")
    assert len(unmapped(body, head=f"{HEAD}{LIBRARIES}{asks}", given=given)) == 1
    guarded = "try:\n        return es.msearch(searches=query)\n    except {}:\n        return None"
    narrow = helpers.format(guarded.format("elasticsearch.BadRequestError"))
    assert len(unmapped(body, head=f"{HEAD}{LIBRARIES}{narrow}", given=given)) == 1
    wide = helpers.format(guarded.format("elasticsearch.ApiError"))
    assert unmapped(body, head=f"{HEAD}{LIBRARIES}{wide}", given=given) == []


def test_each_library_is_guarded_by_itself() -> None:
    helper = "def both():\n    httpx.get(address)\n    return stripe.Customer.retrieve(key)\n"
    body = "try:\n    return both()\nexcept httpx.HTTPError:\n    raise HTTPException(502)"
    assert len(unmapped(body, head=f"{HEAD}{LIBRARIES}{helper}")) == 1
    both = "try:\n    return both()\nexcept (httpx.HTTPError, stripe.StripeError):\n    raise HTTPException(502)"
    assert unmapped(both, head=f"{HEAD}{LIBRARIES}{helper}") == []


@pytest.mark.parametrize(
    "body",
    [
        "asyncio.create_task(load())",
        "return asyncio.gather(load(), load(), return_exceptions=True)",
        "return StreamingResponse(parts())",
    ],
)
def test_a_fault_that_does_not_come_back_to_the_route_is_none(body: str) -> None:
    helper = "def parts():\n    yield requests.get(url()).text\n"
    assert unmapped(body, head=f"{HEAD}{LIBRARIES}{helper}") == []


@pytest.mark.parametrize(
    ("caught", "maps"),
    [
        ("Exception", True),
        ("500", True),
        ("404", False),
        ("httpx.HTTPError", True),
        ("RateLimitExceeded", False),
        ("sqlalchemy.exc.NoResultFound", False),
    ],
)
def test_a_handler_of_the_application_counts_where_it_takes_such_faults(caught: str, maps: bool) -> None:
    handler = f"@app.exception_handler({caught})\ndef answer(request, error):\n    return 1\n"
    head = f"{HEAD}app = FastAPI()\napp.include_router(router)\n{handler}"
    assert (unmapped("return load()", head=head) == []) is maps
    added = f"{HEAD}app = FastAPI()\napp.include_router(router)\napp.add_exception_handler({caught}, answer)\n"
    assert (unmapped("return load()", head=added) == []) is maps


@pytest.mark.parametrize(
    ("given", "maps"),
    [
        ("{Exception: broken}", False),
        ("{Exception: named}", False),
        ("{Exception: told}", True),
        ("{Refused: told}", False),
        ("{httpx.HTTPError: broken}", True),
        ("made_elsewhere()", True),
    ],
)
def test_handlers_that_an_application_is_made_with_count_for_what_they_answer(given: str, maps: bool) -> None:
    own = "from fastapi.responses import JSONResponse\nclass Refused(Exception): ...\n"
    own += "def broken(request, error):\n    return JSONResponse({}, status_code=500)\n"
    own += "def named(request, error):\n    response = JSONResponse({}, status_code=500)\n    return seen(response)\n"
    own += "def told(request, error):\n    return JSONResponse({}, status_code=502)\n"
    head = f"{HEAD}{own}app = FastAPI(exception_handlers={given})\napp.include_router(router)\n"
    assert (unmapped("return load()", head=head) == []) is maps


@pytest.mark.parametrize(
    ("kinds", "maps"),
    [
        ("(Refused, Missing)", False),
        ("(Refused, httpx.HTTPError)", True),
        ("[Exception]", True),
        ("table.items()", False),
    ],
)
def test_handlers_that_are_installed_in_a_loop_count_for_what_they_are_given(kinds: str, maps: bool) -> None:
    own = "class Refused(Exception): ...\nclass Missing(Exception): ...\n"
    loop = f"for kind in {kinds}:\n    app.add_exception_handler(kind, answer)\n"
    head = f"{HEAD}{own}app = FastAPI()\napp.include_router(router)\n{loop}"
    assert (unmapped("return load()", head=head) == []) is maps


@pytest.mark.parametrize(
    ("body", "maps"),
    [
        ("try:\n        return await call_next(request)\n    except Exception:\n        return answer", True),
        ("try:\n        return await call_next(request)\n    except ValueError:\n        return answer", False),
        ("try:\n        return await call_next(request)\n    except RateLimitExceeded:\n        return answer", False),
        (
            "try:\n        note(request)\n    except Exception:\n        pass\n    return await call_next(request)",
            False,
        ),
    ],
)
def test_a_middleware_maps_where_it_catches_what_the_routes_raise(body: str, maps: bool) -> None:
    middleware = f'@app.middleware("http")\nasync def around(request, call_next):\n    {body}\n'
    head = f"{HEAD}app = FastAPI()\napp.include_router(router)\n{middleware}"
    assert (unmapped("return load()", head=head) == []) is maps


@pytest.mark.parametrize(
    ("answer", "name", "hides"),
    [
        ("return {'ok': False, 'why': str(e)}", "read", True),
        ("db.rollback()\n    return {'ok': False, 'why': f'{e}'}", "read", True),
        ("return Answer(ok=False, why=str(e))", "read", True),
        ("return JSONResponse({'why': str(e)})", "read", True),
        ("return JSONResponse({'why': str(e)}, status_code=502)", "read", False),
        ("log.error('failed: %s', e)\n    return {'why': str(e)}", "read", False),
        ("return templates.TemplateResponse('failed.html', {'why': str(e)})", "read", False),
        ("return {'ok': False, 'why': str(e)}", "check_health", False),
        ("raise HTTPException(502) from e", "read", False),
    ],
)
def test_a_route_that_answers_every_failure_with_success_swallows_it(answer: str, name: str, hides: bool) -> None:
    source = f"""from fastapi import APIRouter, HTTPException
from pydantic import BaseModel
router = APIRouter()
class Answer(BaseModel):
    ok: bool
@router.get("/x")
def {name}():
  try:
    return work()
  except Exception as e:
    {answer}
"""
    found = {one.rule for one in judged(source).issues}
    assert ("errors.swallowed" in found) is hides
    assert "errors.swallowed" not in {one.rule for one in judged(source.replace('@router.get("/x")\n', "")).issues}


@pytest.mark.parametrize(("status", "maps"), [("500", False), ("502", True), ("status_of(error)", True)])
def test_a_handler_that_makes_a_500_of_everything_maps_nothing(status: str, maps: bool) -> None:
    answer = f"def answer(request, error):\n    return JSONResponse({{}}, status_code={status})\n"
    app = f"{HEAD}from fastapi.responses import JSONResponse\napp = FastAPI()\napp.include_router(router)\n"
    for head in (
        f"{app}@app.exception_handler(Exception)\n{answer}",
        f"{app}{answer}app.add_exception_handler(Exception, answer)\n",
    ):
        assert (unmapped("return load()", head=head) == []) is maps


def test_a_handler_of_the_projects_own_errors_does_not_take_a_librarys() -> None:
    own = "class ShopError(Exception): ...\n@app.exception_handler(ShopError)\ndef answer(request, error): ...\n"
    head = f"{HEAD}app = FastAPI()\napp.include_router(router)\n{own}"
    assert len(unmapped("return load()", head=head)) == 1
    guarded = "try:\n    return load()\nexcept requests.RequestException:\n    raise ShopError()"
    assert unmapped(guarded, head=head) == []


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("return await ledger.fetch(key)", "ledger.fetch"),
        ("return upstream.fetch(key)", "upstream.fetch"),
        ("return await ledger.closed(key)", ""),
        ("return ledger.fetch(key)", ""),
        ("try:\n    return await ledger.fetch(key)\nexcept Exception:\n    raise HTTPException(502)", ""),
    ],
)
def test_what_an_unknown_library_asks_is_not_judged(body: str, named: str) -> None:
    head = f"{HEAD}from ledger_core import Ledger\nledger = Ledger()\n"
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    verdict = judged(f'{head}@router.get("/x")\nasync def read(upstream):\n{lines}', helpers=HELPERS)
    assert "errors.unmapped" not in {one.rule for one in verdict.issues}
    notices = [one.message for one in verdict.undecided if one.rule == "errors.unmapped"]
    assert notices == [f"not judged: {named} could not be resolved"] * bool(named)


def test_a_known_client_is_said_before_an_unknown_one() -> None:
    head = f"{HEAD}from ledger_core import Ledger\nledger = Ledger()\n"
    assert len(unmapped("await ledger.fetch(key)\nreturn load()", head=head)) == 1


@pytest.mark.parametrize(
    ("done", "hides"),
    [
        ("msg = str(e)\n    if 'extra' in msg:\n      return told(422)\n    found = None", True),
        ("if isinstance(e, KeyError):\n      return told(404)\n    found = None", True),
        ("msg = str(e)\n    if 'extra' in msg:\n      return told(422)\n    found = told(msg)", False),
        ("msg = str(e)\n    if 'extra' in msg:\n      return told(422)\n    log.warning('failed')", False),
        ("if attempt == 3:\n      raise\n    sleep(1)", False),
        ("if isinstance(e, KeyError):\n      return told(404)\n    raise", False),
        ("msg = str(e)\n    found = None\n    note(msg)", False),
    ],
)
def test_a_branch_for_one_kind_of_failure_says_nothing_of_the_others(done: str, hides: bool) -> None:
    source = f"""def read(attempt):
  try:
    found = work()
  except Exception as e:
    {done}
  return found
"""
    assert ("errors.swallowed" in {one.rule for one in judged(source).issues}) is hides


@pytest.mark.parametrize(("status", "maps"), [("500", False), ("502", True), ("status_of(error)", True)])
def test_a_handler_that_hands_a_500_to_what_makes_its_response_maps_nothing(status: str, maps: bool) -> None:
    answer = f"def answer(request, error):\n    return made(request, problem(status_code={status}, code='broken'))\n"
    helper = "def made(request, found):\n    return JSONResponse({}, status_code=found.status)\n"
    app = f"{HEAD}from fastapi.responses import JSONResponse\napp = FastAPI()\napp.include_router(router)\n{helper}"
    head = f"{app}{answer}app.add_exception_handler(Exception, answer)\n"
    assert (unmapped("return load()", head=head) == []) is maps


@pytest.mark.parametrize(
    ("answer", "hides"),
    [
        ("return failed('no store', str(e))", True),
        ("db.rollback()\n    return failed('no store', 'x')", True),
        ("return failed('no store', status_code=502)", False),
        ("return refused('no store')", False),
        ("log.error('no store')\n    return failed('no store')", False),
    ],
)
def test_a_failure_that_a_helper_puts_into_a_dictionary_is_swallowed_as_well(answer: str, hides: bool) -> None:
    source = f"""from fastapi import APIRouter
from fastapi.responses import JSONResponse
router = APIRouter()
def failed(message, details=None):
  return {{"ok": False, "message": message, "details": details}}
def refused(message):
  return JSONResponse({{"message": message}}, status_code=502)
@router.get("/x")
def read():
  try:
    return work()
  except Exception as e:
    {answer}
"""
    assert ("errors.swallowed" in {one.rule for one in judged(source).issues}) is hides


@pytest.mark.parametrize(
    ("caught", "guards"), [("Exception", True), ("KeycloakAuthenticationError", False), ("KeycloakError", True)]
)
def test_a_service_for_signing_in_is_asked_over_the_network(caught: str, guards: bool) -> None:
    head = f"{HEAD}from keycloak import KeycloakOpenID, KeycloakAuthenticationError, KeycloakError\n"
    head += "users = KeycloakOpenID(url)\n"
    body = f"try:\n    return users.token(name, word)\nexcept {caught}:\n    raise HTTPException(401)"
    assert (unmapped(body, head=head) == []) is guards
    assert "async.blocking" in {
        one.rule for one in judged(f"{head}@router.get('/x')\nasync def read():\n    {body.splitlines()[1]}\n").issues
    }


@pytest.mark.parametrize(
    ("name", "answer", "hides"),
    [
        ("is_valid_host", "return False", False),
        ("_is_open", "return True", False),
        ("host_of", "return False", True),
        ("is_valid_host", "return None", True),
        ("is_valid_host", "pass", True),
    ],
)
def test_a_function_that_asks_answers_with_the_failure(name: str, answer: str, hides: bool) -> None:
    source = f"def {name}(text):\n  try:\n    return work(text) > 1\n  except Exception:\n    {answer}\n"
    assert ("errors.swallowed" in {one.rule for one in judged(source).issues}) is hides


ANSWERS = "try:\n        yield\n    except httpx.HTTPError as error:\n        raise answer_for(error) from error"
KEEPS = "try:\n        yield\n    except httpx.HTTPError:\n        note()"
RELEASES = "try:\n        yield\n    except httpx.HTTPError:\n        note()\n        raise"
OF_OTHERS = "try:\n        yield\n    except sqlalchemy.exc.SQLAlchemyError:\n        raise HTTPException(503)"
ENDED = "try:\n        check()\n    except httpx.HTTPError:\n        raise HTTPException(503)\n    yield"


@pytest.mark.parametrize(("done", "found"), [(ANSWERS, 0), (KEEPS, 1), (RELEASES, 1), (OF_OTHERS, 1), (ENDED, 1)])
@pytest.mark.parametrize("of_router", [True, False])
def test_a_dependency_that_yields_maps_what_it_catches_there(done: str, found: int, of_router: bool) -> None:
    head = f"{HEAD}def translated():\n    {done}\n"
    if of_router:
        head += "router = APIRouter(dependencies=[Depends(translated)])\n"
    given = "" if of_router else "_=Depends(translated)"
    assert len(unmapped("return httpx.get(url())", head, given)) == found
