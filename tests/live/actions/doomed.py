"""A process that carries out an action and is killed on the way.

``tests.live.actions.doomed PORT FOLDER KIND [INCIDENT [TENANT]]``

It prints ``ready`` when the plan is made, and ``acting`` with the first batch done.
"""

import asyncio
import sys
import threading
from pathlib import Path

from optimus_tui.contract.actions import Progress
from tests.live.actions.driver import CALM, armed, confirmation, planned


def told(step: Progress) -> None:
    if step.stage == "acting" and 0 < step.tried <= 100:
        print("acting", flush=True)


async def main(port: int, folder: Path, kind: str, incident: str = "", tenant: str = "acme") -> None:
    async with armed(port, folder, tuning=CALM) as action_service:
        plan = await planned(action_service, kind, tenant.encode(), incident=incident)
        print("ready", flush=True)
        receipt = await action_service.apply(plan, confirmation(plan), threading.Event(), told)
        print("finished", getattr(receipt, "stopped", receipt), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]))
