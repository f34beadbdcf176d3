"""A job's events as lines of text, each with the id by which a stream is taken up behind it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import orjson

from millrace.aio import AsyncMillrace
from millrace.transport.answers import Event
from millrace_contracts.bodies import Document
from millrace_contracts.digits import legible

SECONDS = 0.7
"""How long a page waits for what a job that goes on has said so far; it gives all of it at once, then waits."""
MOST = 400
"""Lines of a page, the last ones."""


@dataclass(frozen=True)
class Line:
    """What a job said; *id*: the byte behind it in the job's own file of events."""

    id: int
    text: str


async def so_far(clients: AsyncMillrace, project: str, job: str) -> list[Line]:
    """The last lines that a job has said by now. Raises: ApiError."""
    found: list[Line] = []
    try:
        async with asyncio.timeout(SECONDS):
            async for line in following(clients, project, job, 0):
                found.append(line)
    except TimeoutError:
        pass
    return found[-MOST:]


async def following(clients: AsyncMillrace, project: str, job: str, after: int) -> AsyncIterator[Line]:
    """Lines behind *after* as they come, until the job is over. Raises: ApiError."""
    async for event in clients.training.events(job, after, project=project):
        text = words(event)
        if text:
            yield Line(int(event.id or 0), text)


def words(event: Event) -> str:
    """One event in words; empty for one that says nothing to people."""
    data: Document = orjson.loads(event.data)
    if event.name == "trial":
        return _trial(data)
    if event.name == "progress":
        done = f"{data['done']} of {data['total']}" if data.get("total") else ""
        return " · ".join(str(part) for part in (data.get("step"), done, data.get("message")) if part)
    if event.name == "end":
        return f"{data.get('kind', 'the job')}: {data.get('state', 'over')}"
    return str(data.get("message", ""))


def _trial(data: Document) -> str:
    values = data.get("values")
    if values is None:
        return ""
    params = data.get("params") or {}
    told = ", ".join(
        f"{name} {legible(value, 5)}" for name, value in values.items() if isinstance(value, int | float)
    )
    return f"trial {data.get('number')} ({params.get('id') or data.get('study')}): {told or values.get('failed', '')}"
