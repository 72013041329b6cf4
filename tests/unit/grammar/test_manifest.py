"""What is read of ``pyproject.toml`` and ``requirements.txt``, whoever wrote them."""

import pytest

from optimus_tui.grammar.manifest import Manifest


def manifest(text: str | bytes, place: str = "shop", requirements: str = "") -> Manifest:
    """What a folder's files say."""
    data = text if isinstance(text, bytes) else text.encode()
    return Manifest(place, {f"{place}/pyproject.toml": data, f"{place}/requirements.txt": requirements.encode()}.get)


def test_roots_are_folders_of_the_tree() -> None:
    found = manifest('[tool.pdm.build]\npackage-dir = "lib"\n[tool.ruff]\nsrc = [".", "../other", "../../gone"]')
    assert found.roots == ["shop/lib/", "shop/", "other/"]


def test_packages_python_and_tools_are_read() -> None:
    text = '[project]\nrequires-python = ">=3.12"\ndependencies = ["fastapi-users[redis]>=13"]\n[tool.uv]'
    found = manifest(text, requirements="httpx==0.27\n# a comment")
    assert (found.installed, found.python, "uv" in found.tool) == ({"fastapi_users", "httpx"}, 12, True)


def test_a_byte_order_mark_is_no_part_of_the_table() -> None:
    assert manifest(b"\xef\xbb\xbf[tool.poetry]\n").tool == {"poetry": {}}


@pytest.mark.parametrize(
    "text", ["", "[tool", b"\xff\xfe\x00", "tool = 3\nproject = []", "[tool]\npytest = 1\nhatch = []"]
)
def test_what_cannot_be_read_says_nothing(text: str | bytes) -> None:
    found = manifest(text)
    assert (found.roots, found.python, found.installed) == ([], None, frozenset())
