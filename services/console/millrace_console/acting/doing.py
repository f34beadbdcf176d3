"""What each action asks of the services, with the rights of who asks."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import httpx

from millrace import quarantine
from millrace.aio import AsyncMillrace
from millrace.client import JobFailed, Millrace
from millrace_console.asking import Away
from millrace_contracts.datasets import QuarantineVerdict
from millrace_contracts.jobs import JobRead
from millrace_contracts.rows import IngestResult
from millrace_core.errors import BadInput, Conflict

Act = Literal["retrain", "rollback", "pause", "resume"]
PATIENCE = 60.0
"""Seconds that an action may take."""
LOOK = 25.0
"""Seconds for which a page waits until a refused delivery was checked again."""


@dataclass(frozen=True)
class Action:
    """How an action is called, and what it comes to."""

    title: str
    words: str
    button: str
    kind: Literal["primary", "danger"] = "primary"


ACTIONS: dict[Act, Action] = {
    "retrain": Action(
        "Retrain now?",
        "A run opens on all the data there is. Its candidate meets the same gates as every other, and gets traffic "
        "only if it passes them.",
        "Open a run",
    ),
    "rollback": Action(
        "Go back to an earlier version?",
        "All traffic goes to that version at once: a change of route, nothing is loaded. A rollout in flight is "
        "aborted. Your reason is recorded.",
        "Go back",
        "danger",
    ),
    "pause": Action(
        "Pause this loop?",
        "It opens no more runs and does not go back by itself. A run in flight, serving and watching go on.",
        "Pause",
    ),
    "resume": Action("Let this loop go on?", "It opens runs again as its triggers say.", "Resume"),
}


async def do(clients: AsyncMillrace, project: str, loop: str, what: Act, fields: Mapping[str, str]) -> None:
    """Do it; *fields* are those of the form. Raises: ApiError where the controller refuses, BadInput."""
    controller, key = clients.controller, fields.get("key") or None
    if key is not None and (len(key) > 100 or not key.isalnum()):
        raise BadInput("The form's key is not one of this console; open the page again.")
    if what == "retrain":
        await controller.retrain(loop, key, fields.get("search") == "yes", project=project)
    elif what == "rollback":
        reason = fields.get("reason", "").strip()[:500] or "asked for in the console"
        await controller.rollback(loop, _version(fields.get("to", "")), reason, key, project=project)
    elif what == "pause":
        await controller.pause(loop, project=project)
    else:
        await controller.resume(loop, project=project)


def _version(text: str) -> int | None:
    """The version that was chosen; None: the one before. Raises: BadInput."""
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise BadInput(f"{text[:20]!r} is no version; choose one of the list.")
    return int(text)


async def drop(clients: AsyncMillrace, project: str, entry: int, reason: str) -> None:
    """Say that a refused delivery is not wanted, and let the loops that learn from its dataset look again."""
    await clients.registry.settle(entry, QuarantineVerdict(state="dropped", reason=reason), project=project)
    dataset = (await clients.registry.refused(entry, project=project)).dataset
    for loop in await clients.controller.loops(project=project):
        if quarantine.dataset_of(loop) == dataset:
            await clients.controller.wake(loop.name, project=project)


async def accept(clients: AsyncMillrace, project: str, entry: int, reason: str, widen: bool) -> list[str]:
    """Hold a refused delivery to the contract again; returns what came of it, in sentences."""
    work = asyncio.create_task(asyncio.to_thread(_accept, clients, project, entry, reason, widen))
    done, _ = await asyncio.wait({work}, timeout=LOOK)
    if not done:
        _WORK.add(work)
        work.add_done_callback(_WORK.discard)
        return ["It is being checked, which takes a while; open this page again to see what came of it."]
    result = work.result()
    if not result.accepted:
        return ["It is refused again:", *result.report.explained()]
    changes = [f"The contract was changed: {change}" for change in result.changes]
    return [f"It was taken; version {result.dataset_version} of the dataset holds it.", *changes]


_WORK: set[asyncio.Task[IngestResult]] = set()
"""Deliveries that are still being checked."""


def _accept(clients: AsyncMillrace, project: str, entry: int, reason: str, widen: bool) -> IngestResult:
    """In a thread: the same as `millrace data accept`."""
    blocking = Millrace(clients.urls, clients.token, project)
    try:
        return quarantine.accept(blocking, entry, widen, reason, _unwatched)
    except quarantine.NoLoop as error:
        raise Conflict(str(error)) from error
    except JobFailed as error:
        raise Conflict(f"The job that checks it failed: {error}.") from error
    except httpx.HTTPError as error:
        raise Away("the platform", f"{type(error).__name__}; look whether it was taken") from error
    finally:
        blocking.close()


def _unwatched(_: JobRead) -> None:
    """Nobody looks at its progress."""
