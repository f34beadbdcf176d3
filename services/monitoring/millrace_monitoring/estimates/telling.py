"""What is estimated of an endpoint, gathered for whoever tells it."""

import asyncio

from millrace_contracts.estimates import Estimates
from millrace_monitoring.closing.loading import why_not
from millrace_monitoring.estimates import queries
from millrace_monitoring.estimates.reading import read
from millrace_monitoring.monitors import queries as monitors
from millrace_monitoring.profiles.baseline import EMPTY, Baseline
from millrace_monitoring.services import Services
from millrace_monitoring.tables import Lineup


async def tell(services: Services, project: str, endpoint: str, window: int) -> Estimates:
    """Of all its days (NotFound without a monitor)."""
    async with services.readers() as session:
        monitor = await monitors.get(session, project, endpoint)
        rows = await queries.days(session, project, endpoint)
        lineups = {
            row.version: await monitors.lineup(session, project, endpoint, row.through)
            for row in {row.version: row for row in rows}.values()
        }
    baselines = {
        version: await _baseline(services, project, version, lineup) for version, lineup in lineups.items()
    }
    return await asyncio.to_thread(read, monitor.declared, rows, baselines, window)


async def _baseline(services: Services, project: str, version: int, lineup: Lineup | None) -> Baseline:
    """The version's; an empty one where it cannot be had any more."""
    if lineup is None or lineup.champion.version != version:
        return EMPTY
    digest = lineup.champion.files.find("baseline")
    if digest is None or await why_not(services.baselines.read(project, digest)) is not None:
        return EMPTY
    return await services.baselines.read(project, digest)
