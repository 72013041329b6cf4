"""The names that may stand in generated code, and what is derived from them. Pure.

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
"""Soft keywords of all Python versions: the code may run on another one than this."""
TAKEN_ROUTERS = ("app", "main", "routers", "utils", "config", "conftest", "test")
_DEVICE = re.compile(r"(con|nul|prn|aux|com[0-9]|lpt[0-9])", re.ASCII)
"""Device names of Windows, where no folder can hold a file of this name."""
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
"""Class names that the generated files already use."""


class SpecError(ValueError):
    """An answer that makes no router.

    Attributes:
        argument: Which answer.
        allowed: The values that are allowed; None if they cannot be listed.
    """

    def __init__(self, argument: str, message: str, allowed: tuple[str, ...] | None = None) -> None:
        super().__init__(message)
        self.argument, self.allowed = argument, allowed


def is_word(name: str) -> bool:
    """Return True for a keyword, also one that is a keyword only in places."""
    return keyword.iskeyword(name) or keyword.issoftkeyword(name) or name in _SOFT


def check_name(name: object, argument: str, taken: Collection[str], what: str) -> str:
    """Return the name. ``what``: how a person calls the thing.

    Raises:
        SpecError: It is not a plain name, or in ``taken``.
    """
    shown = safe_text(name if isinstance(name, str) else repr(name), 60)
    if not isinstance(name, str) or not _NAME.fullmatch(name) or is_word(name):
        raise SpecError(argument, f"{shown!r} cannot name {what}: it must be {RULE}")
    if name in taken:
        raise SpecError(argument, f"{shown!r} cannot name {what}: none of {', '.join(taken)} can")
    return name


def check_router_name(name: object) -> str:
    """Return a name for the router's file, path and operations.

    Raises:
        SpecError: It cannot be one.
    """
    checked = check_name(name, "router_name", TAKEN_ROUTERS, "a router")
    if _DEVICE.fullmatch(checked):
        raise SpecError("router_name", f"{checked!r} cannot name a router: it must be {RULE}, and no device of Windows")
    return checked


def check_field_name(name: object) -> str:
    """Return a name for a field of the resource's model.

    Raises:
        SpecError: It cannot be one.
    """
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
    """Return the singular: ``product`` for ``products``, ``person`` for ``people``; the name itself if unsure."""
    head, _, last = name.rpartition("_")
    one = last
    if last in _IRREGULAR:
        one = _IRREGULAR[last]
    elif not re.search("[aeiouy]", last):  # An abbreviation such as sms or dns is not a plural.
        one = last
    elif last.endswith("ies") and len(last) > 4:
        one = last[:-3] + "y"
    elif last.endswith(("sses", "shes", "ches", "xes")):
        one = last[:-2]
    elif last.endswith("s") and not last.endswith(("ss", "us", "is")) and len(last) > 2:
        one = last[:-1]
    joined = f"{head}_{one}".removeprefix("_")
    if is_word(joined):
        return name
    return joined


def class_name(one: str) -> str:
    """Return ``OrderItem`` for ``order_item``; never a name that the generated files or Python use."""
    made = "".join(part.capitalize() for part in one.split("_"))
    constant = made.isupper() and len(made) > 1
    if constant or made in _IMPORTED or hasattr(builtins, made):
        return f"{made}Item"
    return made
