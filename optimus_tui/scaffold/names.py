"""Which names may stand in generated code, and what is made of them. Pure.

``str.isidentifier`` is not enough: it accepts keywords, full-width letters and look-alikes from other alphabets.
"""

import builtins
import keyword
import re
from collections.abc import Collection

from optimus_tui.wording.safe import safe_text

RULE = "a lower-case letter, then up to 39 lower-case letters, digits or _, and no word of the language"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_SOFT = frozenset(("_", "case", "match", "type"))
"""Soft keywords of any Python: 3.11 does not know all of them, and the code may run elsewhere."""
TAKEN_ROUTERS = ("app", "main", "routers", "utils", "config", "conftest", "test")
_DEVICE = re.compile(r"(con|nul|prn|aux|com[0-9]|lpt[0-9])", re.ASCII)
"""What Windows opens whatever the folder: no checkout there could hold such a file."""
TAKEN_FIELDS = (
    "id", "str", "int", "float", "bool", "dt", "copy", "dict", "json", "schema", "schema_json", "validate",
    "construct", "from_orm", "parse_file", "parse_obj", "parse_raw", "update_forward_refs",
)  # fmt: skip
_IMPORTED = frozenset(
    """
    APIRouter Annotated Any AsyncIterator BaseModel Cache CacheManager CircuitOpenError Coherence ConfigDict Depends
    Engine EnterpriseRateLimiter FakeAsyncRedis FakeEngine FakeServer FastAPI Field FiniteFloat HTTPException
    InvalidationType Iterator Limiter Literal Page Paging Path Protocol Query Response Settings Source Store
    StringConstraints Tenant Text ValidationError
    """.split()  # noqa: SIM905 - thirty quotes are harder to read
)
"""Class names that the generated files use for something else."""


class SpecError(ValueError):
    """An answer that makes no router: which argument it is, one sentence, and what it may be."""

    def __init__(self, argument: str, message: str, allowed: tuple[str, ...] | None = None) -> None:
        super().__init__(message)
        self.argument, self.allowed = argument, allowed


def is_word(name: str) -> bool:
    """Whether it is a word of the language, always or in places."""
    return keyword.iskeyword(name) or keyword.issoftkeyword(name) or name in _SOFT


def check_name(name: object, argument: str, taken: Collection[str], what: str) -> str:
    """The name itself, or a SpecError that says the rule. ``what`` is how a person calls the thing."""
    shown = safe_text(name if isinstance(name, str) else repr(name), 60)
    if not isinstance(name, str) or not _NAME.fullmatch(name) or is_word(name):
        raise SpecError(argument, f"{shown!r} cannot name {what}: it must be {RULE}")
    if name in taken:
        raise SpecError(argument, f"{shown!r} cannot name {what}: none of {', '.join(taken)} can")
    return name


def check_router_name(name: object) -> str:
    """A name for the router's file, path and operations."""
    checked = check_name(name, "router_name", TAKEN_ROUTERS, "a router")
    if _DEVICE.fullmatch(checked):
        raise SpecError("router_name", f"{checked!r} cannot name a router: it must be {RULE}, and no device of Windows")
    return checked


def check_field_name(name: object) -> str:
    """A name for a field of the resource's model."""
    if name == "id":
        raise SpecError("fields", "'id' cannot name a field: every resource has one already, given where it is kept")
    checked = check_name(name, "fields", TAKEN_FIELDS, "a field")
    if checked.startswith("model_"):
        raise SpecError("fields", f"{checked!r} cannot name a field: pydantic keeps what begins with model_ for itself")
    return checked


_IRREGULAR = dict(
    pair.split("/")
    for pair in """
    people/person children/child men/man women/woman indices/index matrices/matrix vertices/vertex criteria/criterion
    movies/movie cookies/cookie calories/calorie selfies/selfie ties/tie caches/cache niches/niche heroes/hero
    statuses/status bonuses/bonus campuses/campus viruses/virus buses/bus aliases/alias canvases/canvas atlases/atlas
    biases/bias gases/gas lenses/lens quizzes/quiz analyses/analysis diagnoses/diagnosis crises/crisis
    leaves/leaf shelves/shelf knives/knife halves/half series/series species/species news/news alias/alias
    canvas/canvas atlas/atlas bias/bias gas/gas lens/lens goods/goods pandas/pandas
    """.split()  # noqa: SIM905
)


def singular(name: str) -> str:
    """One of them: ``products`` gives ``product``, ``people`` ``person``; the name itself where unsure."""
    head, _, last = name.rpartition("_")
    one = last
    if last in _IRREGULAR:
        one = _IRREGULAR[last]
    elif not re.search("[aeiouy]", last):  # sms, dns: letters of their own, not several of something
        one = last
    elif last.endswith("ies") and len(last) > 4:
        one = last[:-3] + "y"
    elif last.endswith(("sses", "shes", "ches", "xes")):
        one = last[:-2]
    elif last.endswith("s") and not last.endswith(("ss", "us", "is")) and len(last) > 2:
        one = last[:-1]
    joined = f"{head}_{one}" if head else one
    return name if is_word(joined) else joined


def class_name(one: str) -> str:
    """``order_item`` as ``OrderItem``; never a name that the generated files or the language use."""
    made = "".join(part.capitalize() for part in one.split("_"))
    constant = made.isupper() and len(made) > 1
    return f"{made}Item" if constant or made in _IMPORTED or hasattr(builtins, made) else made
