"""Entries of the queue of reviews for rows as they come: what their monitors ask for is remembered for some seconds.

Nothing here may keep the log of predictions waiting, or lose it: what cannot be chosen is told and counted.
"""

import asyncio
import time
from collections.abc import Sequence

from prometheus_client import Counter

from millrace_contracts.monitors import MonitorWrite
from millrace_core.database import AsyncSession
from millrace_core.errors import NotFound
from millrace_core.log import log
from millrace_monitoring.ingest import choosing, queries
from millrace_monitoring.ingest.segments import Segment
from millrace_monitoring.monitors import queries as monitors
from millrace_monitoring.services import Services
from millrace_monitoring.tables import Review
from millrace_stats.profiles import ProfileSpec

SECONDS = 2.0
"""How soon a changed monitor is seen by rows that come."""
PATIENCE = 0.5
"""Seconds that what training saw may take; without it novelty is not judged, and the kept chances say so."""
CHOSEN = Counter("millrace_reviews_chosen_total", "Predictions put into the queue of reviews.", ["endpoint"])
FAILED = Counter(
    "millrace_reviews_failed_total", "Batches of rows of which none could be chosen for review.", ["endpoint"]
)


async def chosen(services: Services, segments: Sequence[Segment]) -> list[Review]:
    """The entries among rows that are about to be stored."""
    found: list[Review] = []
    for segment in segments:
        try:
            found += await _of_segment(services, segment)
        except Exception as error:
            FAILED.labels(segment.endpoint).inc()
            log.exception("no review could be chosen", endpoint=segment.endpoint, error=type(error).__name__)
    return found


async def store(session: AsyncSession, entries: Sequence[Review]) -> None:
    """Put entries into the queue; a row that is there already stays as it is."""
    await queries.add_reviews(session, entries)
    for entry in entries:
        CHOSEN.labels(entry.endpoint).inc()


async def _of_segment(services: Services, segment: Segment) -> list[Review]:
    spec = await _declared(services, segment.project, segment.endpoint)
    if spec is None or spec.review is None:
        return []
    seen = await _seen(services, segment.project, spec) if spec.review.uncertain else None
    return await asyncio.to_thread(choosing.choose, segment, spec, seen)


async def _declared(services: Services, project: str, endpoint: str) -> MonitorWrite | None:
    key, now = (project, endpoint), time.monotonic()
    until, spec = services.watched.get(key, (0.0, None))
    if now < until:
        return spec
    try:
        async with services.readers() as session:
            spec = (await monitors.get(session, project, endpoint)).declared
    except NotFound:
        spec = None
    services.watched[key] = (now + SECONDS, spec)
    return spec


async def _seen(services: Services, project: str, spec: MonitorWrite) -> ProfileSpec | None:
    digest = spec.champion.files.find("baseline")
    if digest is None:
        return None
    try:
        async with asyncio.timeout(PATIENCE):
            return (await services.baselines.read(project, digest)).spec
    except Exception as error:
        log.warning("novelty is not judged", endpoint=spec.loop, error=type(error).__name__)
        return None
