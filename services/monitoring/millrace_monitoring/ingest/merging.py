"""Many small segments become one: a stream of single requests leaves twenty files a second, a day has 86,400."""

import asyncio

from millrace_core.reconcile import run_forever
from millrace_monitoring.ingest import queries, segments
from millrace_monitoring.ingest.segments import Segment
from millrace_monitoring.monitors import queries as monitors
from millrace_monitoring.services import Services

EVERY = 2.0
MANY = 64
"""Small segments of one endpoint that are merged at a time."""
SMALL = 20_000
"""A segment with fewer rows is small."""


async def merge_forever(services: Services) -> None:
    """Background task."""
    await run_forever("merging", lambda: merge(services), every=EVERY)


async def merge(services: Services) -> int:
    """Merge the small segments of every endpoint that has many; returns how many files went."""
    async with services.readers() as session:
        crowded = await queries.crowded(session, SMALL, MANY)
    return sum([await _merge(services, project, endpoint) for project, endpoint in crowded])


async def _merge(services: Services, project: str, endpoint: str) -> int:
    """One segment instead of the first MANY small ones; not while a day closes, which reads them."""
    async with services.segments_locks.of(project, endpoint):
        async with services.readers() as session:
            old = await queries.small(session, project, endpoint, SMALL, MANY)
        data = [await services.store.read(row.digest) for row in old]
        table = await asyncio.to_thread(lambda: segments.joined([segments.load(item) for item in data]))
        blob = await services.store.put(await asyncio.to_thread(segments.dump, table))
        stored = queries.Stored(Segment(project, endpoint, table), blob)
        async with services.sessions.begin() as session:
            queries.put(session, stored)
            await queries.remove(session, [row.number for row in old])
            await session.flush()
            digests = {row.digest for row in old}
            unneeded = digests - await monitors.referred(session, sorted(digests))
        for digest in sorted(unneeded):
            await services.store.delete(digest)
    return len(old)
