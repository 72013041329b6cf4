"""Bodies that no model checks, and answers that none describes, wherever they are read and made."""

import pytest

from tests.patterns_tree import rules_of

HEAD = """
import json
import hmac
import yaml
from fastapi import APIRouter, Request, UploadFile
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from shop.things import repo, verify_signature
from shop.models import Thing
router = APIRouter()
async def shape_of(request):
    return yaml.safe_load(await request.body())
async def to_page(thing) -> RedirectResponse:
    return RedirectResponse(thing.url)
async def passed_on(things):
    if not things.one():
        return JSONResponse(status_code=404, content={"error": things.word()})
    return StreamingResponse(things.parts())
async def not_passed_on(things):
    return things.one()
async def sent(client, text):
    return await client.request("POST", "/x", data=text)
"""
ANY_JSON = {
    "read here": "async def add(request: Request) -> Thing:\n    return await repo.add(await request.json())",
    "read where it is handed to": (
        "async def add(request: Request) -> Thing:\n    return await repo.add(await shape_of(request))"
    ),
    "a text that is loaded": (
        "async def add(request: Request) -> Thing:\n    return await repo.add(json.loads(await request.body()))"
    ),
    "taken apart and passed on": (
        "async def add(request: Request) -> Thing:\n    body = await request.json()\n    print(body['id'])\n"
        "    return await repo.client.post('/x', json=body)"
    ),
    "a dict named as a request": "async def add(request: dict[str, Any]) -> Thing:\n    return repo.add(request)",
    "a list of anything": "async def add(things: list) -> Thing:\n    return await repo.add(things)",
}
CHECKED = {
    "a model": ("async def add(request: Request) -> Thing:\n    return Thing.model_validate(await request.json())"),
    "a model of the text": (
        "async def add(request: Request) -> Thing:\n    text = await request.body()\n"
        "    return Thing.model_validate_json(text)"
    ),
    "bytes that are kept": "async def add(request: Request) -> Thing:\n    return repo.keep(await request.body())",
    "a signature": (
        "async def add(request: Request) -> Thing:\n    text = await request.body()\n    verify_signature(text)\n"
        "    return await repo.add(json.loads(text))"
    ),
    "a service that it is passed on to": (
        "async def add(request: Request) -> Thing:\n    text = await request.body()\n    found = json.loads(text)\n"
        "    print(found.get('model'))\n    return await sent(repo.client, text)"
    ),
    "a model beside it": (
        "async def add(request: Request, thing: Thing) -> Thing:\n    print(await request.json())\n"
        "    return await repo.add(thing)"
    ),
    "a list of models": "async def add(things: list[Thing]) -> Thing:\n    return await repo.add(things)",
}


@pytest.mark.parametrize("name", [*ANY_JSON, *CHECKED])
def test_a_body_of_any_shape_is_one_that_nothing_checks(name: str) -> None:
    source = f'{HEAD}@router.post("/things")\n{ANY_JSON.get(name) or CHECKED[name]}\n'
    assert ("models.input" in rules_of(source)) is (name in ANY_JSON)


@pytest.mark.parametrize(
    ("body", "undescribed"),
    [
        ('return Response(json.dumps({"id": 1}))', True),
        ('return Response(repo.text(), media_type="application/json")', True),
        ("return Response(repo.picture(), media_type='image/png')", False),
        ("answer = RedirectResponse(repo.url())\n    return answer", False),
        ("return await to_page(repo.one())", False),
        ('if not repo.one():\n        return {"message": "none"}\n    return FileResponse(repo.path())', False),
        ('if not repo.one():\n        return {"found": repo.all()}\n    return FileResponse(repo.path())', True),
        ('return {"message": repo.word()}', True),
        ('return {"version": "1.2", "extra": []}', False),
        ('repo.drop()\n    return {"message": "dropped"}', True),
        (
            'if not repo.one():\n        return JSONResponse({"error": repo.word()}, 404)\n    return FileResponse()',
            False,
        ),
        ("return await passed_on(repo)", False),
        ("return await not_passed_on(repo)", True),
    ],
)
def test_an_answer_is_json_by_what_is_in_it(body: str, undescribed: bool) -> None:
    source = f'{HEAD}@router.get("/thing")\nasync def thing():\n    {body}\n'
    assert ("models.response" in rules_of(source)) is undescribed


@pytest.mark.parametrize(("path", "found"), [("/configs/{config_name}", True), ("/configs/{config}", False)])
def test_a_body_is_no_parameter_of_the_path_that_begins_like_it(path: str, found: bool) -> None:
    route = (
        f'@router.post("{path}")\ndef keep(config_name: str, config: dict) -> Thing:\n    return repo.keep(config)\n'
    )
    assert ("models.input" in rules_of(HEAD + route)) is found


@pytest.mark.parametrize(
    ("other", "found"),
    [("return Response(content=text, media_type='text/yaml')", False), ("return repo.one()", True)],
)
def test_a_text_in_one_of_several_formats_needs_no_model(other: str, found: bool) -> None:
    route = (
        '@router.get("/config")\ndef config(kind: str):\n    text = made(kind)\n    if kind == "json":\n'
        f"        return Response(content=text, media_type='application/json')\n    {other}\n"
    )
    assert ("models.response" in rules_of(HEAD + route)) is found


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/status", False),
        ("/api/v1/status", False),
        ("/health/status", False),
        ("/proxy/status", True),
        ("/orders/status", True),
    ],
)
def test_the_status_of_one_part_is_described_that_of_the_whole_system_need_not(path: str, found: bool) -> None:
    route = f'@router.get("{path}")\nasync def look():\n    return await repo.look()\n'
    assert ("models.response" in rules_of(HEAD + route)) is found


@pytest.mark.parametrize(
    ("given", "found"), [("rows: list[dict] | dict = Body(...)", True), ("rows: dict", False), ("", False)]
)
def test_a_delete_that_asks_for_a_body_asks_for_a_described_one(given: str, found: bool) -> None:
    route = f'@router.delete("/rows")\ndef remove({given}):\n    return None\n'
    assert ("models.input" in rules_of(HEAD + "from fastapi import Body\n" + route)) is found
