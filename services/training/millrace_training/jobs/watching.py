"""A job's events as they happen, read from its file, so that any number may watch and resume."""

import asyncio
from collections.abc import AsyncGenerator

import orjson

from millrace_contracts.jobs import JobRead
from millrace_training.jobs import queries
from millrace_training.jobs.states import TERMINAL
from millrace_training.runtime import events
from millrace_training.services import Services

POLL_SECONDS = 0.25


async def stream(
    services: Services,
    project: str,
    id: str,
    position: int,
) -> AsyncGenerator[dict[str, str], None]:
    """Events behind the byte *position*; the last is `end`, with the job."""
    path = services.folder(id).events
    while True:
        async with services.readers() as session:
            job = await queries.get(session, project, id)
        news = await asyncio.to_thread(events.read, path, position)
        for item in news:
            position = item.id
            yield {"id": str(position), "event": item.event, "data": orjson.dumps(item.data).decode()}
        if not news and job.state in TERMINAL:
            yield {"id": str(position), "event": "end", "data": JobRead.model_validate(job).model_dump_json()}
            return
        if not news:
            await services.changes.wait(POLL_SECONDS)
