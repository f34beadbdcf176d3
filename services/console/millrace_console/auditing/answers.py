"""What is answered to an auditor's questions, asked with their own rights."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from millrace import champions
from millrace.aio import AsyncMillrace
from millrace.transport.errors import ApiError
from millrace_console.asking import MISSING, Answer, Asked, Away
from millrace_contracts.audit import AuditedRequest
from millrace_contracts.endpoints import EndpointRead
from millrace_contracts.explanations import RowExplanation
from millrace_contracts.models import AliasMoveRead, ModelVersionRead
from millrace_core.errors import BadInput

MOST_LOOPS = 200
"""Loops in which a request is looked for, where none is named."""


@dataclass(frozen=True)
class Champion:
    """Who was champion at an instant: the move that held, and the version; neither where there was none."""

    move: AliasMoveRead | None
    version: ModelVersionRead | None


@dataclass(frozen=True)
class Explained:
    """Why one row of a request was answered as it was: by which version; or in words why that cannot be told."""

    row: int
    it: RowExplanation | None = None
    version: int | None = None
    words: str = ""


@dataclass(frozen=True)
class Request:
    """Where a request was found, what is kept of it, and the version behind each revision that answered."""

    loop: str
    it: AuditedRequest
    served: dict[str, ModelVersionRead]


def instant(text: str, what: str) -> datetime:
    """An instant as somebody wrote it. Raises: BadInput."""
    try:
        return champions.instant(text.strip())
    except ValueError as error:
        raise BadInput(
            f"{what}: {text[:40]!r} is no time. Write it like 2026-11-21, or 2026-11-21T12:00:00Z."
        ) from error


async def champion(
    asked: Asked, clients: AsyncMillrace, project: str, loop: str, at: datetime, known: datetime
) -> Champion:
    """The champion of *loop* at *at*, of what was recorded by *known*. Raises: ApiError, Away."""
    registry = clients.registry
    await asked.must("controller", clients.controller.loop(loop, project=project))
    moves = await _kept_of(asked, "registry", registry.alias_history(loop, "champion", project=project))
    move = champions.holding(moves or [], at, known)
    version = None
    if move is not None and move.version is not None:
        version = await asked.must("registry", registry.version(loop, move.version, project=project))
    return Champion(move, version)


async def request(asked: Asked, clients: AsyncMillrace, project: str, loop: str, id: str) -> Request | None:
    """What happened to a request; without *loop* all loops are looked through. None: nothing is kept of it.

    Raises: BadInput where there are too many loops to look through; ApiError, Away.
    """
    names = [loop] if loop else await _names(asked, clients, project)
    for name in names:
        kept = await _kept_of(asked, "monitoring", clients.monitoring.request(name, id, project=project))
        if kept is not None:
            return Request(name, kept, await _served(asked, clients, project, name, kept))
    return None


async def explained(
    asked: Asked, clients: AsyncMillrace, project: str, found: Request, row: int
) -> Explained:
    """What moved the answer to a row; an explanation that cannot be had is no reason to show nothing else."""
    question = clients.monitoring.request_explanation(found.loop, found.it.request_id, row, project=project)
    try:
        told = await asked.must("monitoring", question)
    except (ApiError, Away) as error:
        return Explained(row, words=str(error))
    return Explained(row, told.rows[0], told.version)


async def _names(asked: Asked, clients: AsyncMillrace, project: str) -> list[str]:
    loops = await asked.must("controller", clients.controller.loops(project=project))
    if len(loops) > MOST_LOOPS:
        raise BadInput(f"There are {len(loops)} loops here; name the one that the request was for.")
    return [item.name for item in loops]


async def _kept_of(asked: Asked, service: str, question: Coroutine[Any, Any, Answer]) -> Answer | None:
    """What a service keeps of it; None only where it says that this is nothing. Raises: ApiError, Away."""
    try:
        return await asked.must(service, question)
    except ApiError as error:
        if error.status not in MISSING:
            raise
        return None


async def _served(
    asked: Asked, clients: AsyncMillrace, project: str, loop: str, kept: AuditedRequest
) -> dict[str, ModelVersionRead]:
    """The version of each revision that answered; one that is known no more is left out."""
    revisions = {row.revision for row in kept.rows}
    endpoint = await asked.of("serving", _endpoint(clients, project, loop), None)
    numbers = {
        item.name: item.version for item in (endpoint.revisions if endpoint else []) if item.name in revisions
    }
    found = await asyncio.gather(
        *(asked.of("registry", _version(clients, project, loop, number), None) for number in numbers.values())
    )
    return {name: version for name, version in zip(numbers, found, strict=True) if version is not None}


async def _endpoint(clients: AsyncMillrace, project: str, loop: str) -> EndpointRead | None:
    return await clients.serving.endpoint(loop, project=project)


async def _version(clients: AsyncMillrace, project: str, loop: str, number: int) -> ModelVersionRead | None:
    return await clients.registry.version(loop, number, project=project)
