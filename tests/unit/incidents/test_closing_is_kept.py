"""What was typed at the closing of an incident is kept before its impact is measured."""

from types import SimpleNamespace
from typing import Any

import pytest

from optimus_tui.incidents.open import close_measured


class Killed(Exception):
    """The process ends while the impact is measured."""


class Service:
    """An incident whose history cannot be asked any more."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.state: Any = SimpleNamespace(began=0.0, opened=None)

    @property
    def ctx(self) -> Any:
        raise Killed

    def check_system(self) -> None:
        self.done.append("system checked")

    async def close_incident(self, cause: str, resolution: str) -> None:
        self.done.append(f"closed: {cause}, {resolution}")


async def test_a_process_that_ends_while_it_measures_has_filed_the_closing() -> None:
    service: Any = Service()
    with pytest.raises(Killed):
        await close_measured(service, "slow engine", "restarted")
    assert service.done[:2] == ["system checked", "closed: slow engine, restarted"]
