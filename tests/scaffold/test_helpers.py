"""The helpers for a project that has none: five files of the reference gateway's own code, typed, and without it."""

from optimus_tui.scaffold.helpers import ABOUT, helpers
from optimus_tui.scaffold.render import render
from optimus_tui.scaffold.spec import OPERATIONS, ROUTER_TYPES, make_spec
from optimus_tui.scaffold.target import RouterTarget

TARGET = RouterTarget(import_root="", folder="app/api", into="app/main.py", prefix="", helpers="app.optimus_gateway")


def test_they_are_five_files_that_import_only_those_before_them_and_nothing_of_the_gateway() -> None:
    files = helpers().files
    assert list(files) == list(ABOUT) and len(files) == 5
    for place, (name, file) in enumerate(files.items()):
        assert file.imports <= set(list(files)[:place]), name
        assert "backend" not in file.text


def test_a_router_brings_what_it_imports_and_no_more() -> None:
    def files(kind: str, limits: bool, caching: bool) -> list[str]:
        spec = make_spec("x", kind, OPERATIONS, rate_limiting=limits, caching=caching, target=TARGET)
        paths = [file.path for file in render(spec).beside]
        assert all(path.startswith("app/optimus_gateway/") for path in paths)
        return [path.rpartition("/")[2].removesuffix(".py") for path in paths[1:]]

    assert files("direct", limits=True, caching=False) == ["dependencies", "redis_client", "limits"]
    for kind in ROUTER_TYPES:
        assert files(kind, limits=True, caching=True)[-1] == "caching"
        assert "redis_client" not in files(kind, limits=False, caching=False)
