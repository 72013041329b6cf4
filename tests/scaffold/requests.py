"""Random requests for routers over all options, some of them mistaken, and what becomes of each in a project."""

import random
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace

from optimus_tui.actions.drafts.routers import RouterPlan, plan_router
from optimus_tui.actions.files.tree import WriteRefused
from optimus_tui.scaffold.fields import SpecError
from optimus_tui.scaffold.layout import LayoutError, find_target
from optimus_tui.scaffold.spec import OPERATIONS, ROUTER_TYPES, STORAGES, make_spec

MODELS: tuple[tuple[str, ...], ...] = (
    (),
    ("title:str", "price:float=9.5", "count:int?", "on:bool=true", "day:date?", "at:datetime"),
    ("price:decimal", "owner:uuid?", "contact:email", "page:url?", "tags:list[str]"),
    ("type:str(max_length=20)", "state:enum[new,sold out]=new", "weight:decimal(ge=0)?", 'note:str(description="x")'),
    ("street:str", "home:{town:str,zip:str?}", "scores:list[int(ge=0)](max_length=3)"),
)
MISTAKES: tuple[dict[str, Any], ...] = (
    {"name": "Class"},
    {"name": "../x"},
    {"router_type": "magic"},
    {"storage": "files"},
    {"router_type": "hybrid", "storage": "sqlalchemy"},
    {"router_type": "direct", "storage": "sqlalchemy", "fields": ("made:str",)},
    {"operations": ()},
    {"operations": ("list", "drop")},
    {"fields": ("a:money",)},
    {"fields": ("id:int",)},
    {"fields": ("a:int=x",)},
    {"parent": "a/b/c/d"},
    {"parent": "Orders"},
    {"filters": ("nothing",)},
    {"fields": ("tags:list[str]",), "filters": ("tags",)},
    {"operations": ("get",), "filters": ("name",), "fields": ("name:str",)},
    {"package": "no.such.place"},
    {"into": "nowhere.py"},
)


class Request(NamedTuple):
    """What was asked for: the layout, and the arguments of ``make_spec``, ``package`` and ``into`` among them."""

    layout: str
    given: dict[str, Any]

    @property
    def mistaken(self) -> bool:
        """Whether one of the mistakes is in it."""
        return any(all(self.given.get(key) == value for key, value in each.items()) for each in MISTAKES)


def random_requests(count: int, seed: int, layouts: tuple[str, ...]) -> list[Request]:
    """Return requests, each under a name of its own, one of ten with a mistake."""
    rng, made = random.Random(seed), list[Request]()
    for number in range(count):
        kind, fields = rng.choice(ROUTER_TYPES), rng.choice(MODELS)
        operations = tuple(rng.sample(OPERATIONS, rng.randint(1, len(OPERATIONS))))
        plain = [text.partition(":")[0] for text in fields or ("name:str",) if "list[" not in text and "{" not in text]
        given: dict[str, Any] = {
            "name": f"{rng.choice(('things', 'boxes', 'people', 'order_lines'))}_{number}{rng.choice('sq')}",
            "router_type": kind,
            "storage": rng.choice(STORAGES) if kind == "direct" else "memory",
            "operations": operations,
            "rate_limiting": rng.random() < 0.7,
            "caching": rng.random() < 0.7,
            "fields": fields,
            "parent": rng.choice(("", "", "carts", "shops/tills")),
        }
        if "list" in operations and rng.random() < 0.5:
            given["filters"] = tuple(rng.sample(plain, rng.randint(1, len(plain))))
        if rng.random() < 0.1:
            given.update(rng.choice(MISTAKES))
        made.append(Request(layouts[number % len(layouts)], given))
    return made


class Outcome(NamedTuple):
    """What became of a request: a plan, or the one sentence of its refusal."""

    plan: RouterPlan | None
    sentence: str


def plan_request(project: Path, request: Request) -> Outcome:
    """Plan a router as the command line does."""
    given = dict(request.given)
    named = {key: given.pop(key, "") for key in ("package", "into")}
    try:
        spec = make_spec(**given)
        spec = replace(spec, target=find_target(project, named["package"], named["into"]))
        return Outcome(plan_router(project, spec), "")
    except SpecError as error:
        return Outcome(None, f"{error}; allowed: {', '.join(error.allowed)}" if error.allowed else str(error))
    except (LayoutError, WriteRefused) as error:
        return Outcome(None, str(error))
