"""Imports lead to the files that Python would find, in the layouts that projects have."""

import pytest

from optimus_tui.patterns.facts.model import Module
from optimus_tui.patterns.source.project import Project

LAYOUTS = {
    "setuptools package-dir": ("lib/shop/api.py", {"pyproject.toml": '[tool.setuptools.package-dir]\n"" = "lib"'}),
    "setuptools find": ("py/shop/api.py", {"pyproject.toml": '[tool.setuptools.packages.find]\nwhere = ["py"]'}),
    "setuptools, one package": (
        "lib/shop/api.py", {"pyproject.toml": '[tool.setuptools.package-dir]\nshop = "lib/shop"'},
    ),
    "hatch packages": (
        "code/shop/api.py", {"pyproject.toml": '[tool.hatch.build.targets.wheel]\npackages = ["code/shop"]'},
    ),
    "hatch sources": ("code/shop/api.py", {"pyproject.toml": '[tool.hatch.build]\nsources = ["code"]'}),
    "poetry": ("lib/shop/api.py", {"pyproject.toml": '[tool.poetry]\npackages = [{include = "shop", from = "lib"}]'}),
    "pytest": ("app/shop/api.py", {"pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["app"]'}),
    "uv": ("code/shop/api.py", {"pyproject.toml": '[tool.uv.build-backend]\nmodule-root = "code"'}),
    "src without a word": ("src/shop/api.py", {"pyproject.toml": ""}),
    "src without any project file": ("src/shop/api.py", {}),
    "top of the package": ("services/orders/shop/api.py", {"services/orders/shop/__init__.py": ""}),
    "nested backend": ("backend/shop/routes/api.py", {"backend/requirements.txt": "fastapi"}),
    "nested backend without packages": ("server/backend/shop/v1/api.py", {}),
    "flat": ("shop/api.py", {}),
}  # fmt: skip


def read(files: dict[str, str], path: str) -> tuple[Project, Module]:
    """A project of these files, and one of its modules."""
    data = {name: text.encode() for name, text in files.items()}
    project = Project(data.get, lambda: data)
    module = project.read(path, data[path])
    assert isinstance(module, Module)
    return project, module


@pytest.mark.parametrize("name", LAYOUTS)
def test_an_absolute_import_leads_to_the_package_of_the_file(name: str) -> None:
    path, others = LAYOUTS[name]
    home = path[: path.index("shop/")]
    files = {**others, path: "from shop.deps import tenant", f"{home}shop/deps.py": ""}
    project, module = read(files, path)
    found = project.named("shop.deps", module)
    assert found is not None and found.path == f"{home}shop/deps.py"


def test_members_of_a_workspace_import_each_other() -> None:
    files = {
        "pyproject.toml": '[tool.uv.workspace]\nmembers = ["packages/*"]',
        "packages/api/pyproject.toml": '[project]\ndependencies = ["common"]',
        "packages/api/src/api/main.py": "from common.deps import tenant",
        "packages/common/pyproject.toml": "",
        "packages/common/src/common/__init__.py": "",
        "packages/common/src/common/deps.py": "",
    }
    project, module = read(files, "packages/api/src/api/main.py")
    found = project.named("common.deps", module)
    assert found is not None and found.path == "packages/common/src/common/deps.py"


def test_each_project_of_a_tree_has_its_own_package_of_the_same_name() -> None:
    files = {
        f"{one}/{name}": "" for one in ("first", "second") for name in ("pyproject.toml", "app/api.py", "app/db.py")
    }
    for one in ("first", "second"):
        project, module = read(files, f"{one}/app/api.py")
        found = project.named("app.db", module)
        assert found is not None and found.path == f"{one}/app/db.py"


def test_a_library_is_not_taken_for_a_module_of_the_same_name_beside_the_file() -> None:
    files = {
        "pyproject.toml": '[project]\ndependencies = ["stripe>=5"]',
        "shop/payments/api.py": "import stripe\nimport celery",
        "shop/payments/stripe.py": "",
        "shop/payments/__init__.py": "",
        "tasks/api.py": "import stripe",
        "tasks/stripe.py": "",
    }
    for path in ("shop/payments/api.py", "tasks/api.py"):
        project, module = read(files, path)
        assert project.named("stripe", module) is None


@pytest.mark.parametrize(("start", "found"), [("app.py", True), ("models.py", False)])
def test_a_package_that_python_is_started_in_is_searched_for_bare_names(start: str, found: bool) -> None:
    files = {"setup.py": "", "shop/__init__.py": "", f"shop/{start}": "", "shop/db.py": "", "shop/routes/api.py": ""}
    project, module = read(files, "shop/routes/api.py")
    assert (project.named("db", module) is not None) is found


@pytest.mark.parametrize(("level", "expected"), [(1, "a/b/x.py"), (2, "a/x.py"), (3, "x.py")])
def test_a_relative_import_needs_no_root(level: int, expected: str) -> None:
    files = {"a/b/api.py": f"from {'.' * level}x import y", "a/b/x.py": "", "a/x.py": "", "x.py": ""}
    project, module = read(files, "a/b/api.py")
    found = project.named(module.scope.bindings["y"].module, module)
    assert found is not None and found.path == expected


@pytest.mark.parametrize(
    "text", ["[", "tool = 3", "[tool]\nhatch = [1]\npoetry = 2", '[tool.poetry]\npackages = [1, {include = 2}]',
             '[tool.pytest.ini_options]\npythonpath = ["/etc", "../../x", "\\u0000"]', "[project]\ndependencies = 4"],
)  # fmt: skip
def test_a_project_file_that_says_nonsense_is_passed_over(text: str) -> None:
    project, module = read({"pyproject.toml": text, "shop/api.py": "", "shop/deps.py": ""}, "shop/api.py")
    assert project.named("shop.deps", module) is not None


@pytest.mark.parametrize(
    ("text", "lowest"),
    [('[project]\nrequires-python = ">=3.12,<3.15"', 12), ('[tool.poetry.dependencies]\npython = "^3.10"', 10),
     ('[project]\nrequires-python = "<4, >= 3.14"', 14), ("", None), ("[project]\nrequires-python = 3.12", None)],
)  # fmt: skip
def test_the_python_of_a_project_is_the_lowest_that_it_admits(text: str, lowest: int | None) -> None:
    project, _ = read({"server/pyproject.toml": text, "server/shop/api.py": ""}, "server/shop/api.py")
    assert project.roots.python_of("server/shop/api.py") == lowest
