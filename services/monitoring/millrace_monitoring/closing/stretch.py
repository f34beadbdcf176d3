"""The time behind a monitor's last closed day, read from the database once for all its days."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import pyarrow as pa

from millrace_core.database import AsyncSession
from millrace_monitoring.closing.gaps import first_after
from millrace_monitoring.closing.rows import Rows, of_day
from millrace_monitoring.ingest import queries as ingest
from millrace_monitoring.ingest import segments
from millrace_monitoring.ingest.answers import Answers
from millrace_monitoring.labels import queries as labels
from millrace_monitoring.labels.queries import Truth
from millrace_monitoring.monitors import queries as monitors
from millrace_monitoring.monitors.watermark import Day, day_of
from millrace_monitoring.reviews import queries as reviews
from millrace_monitoring.reviews.weighing import Drawn
from millrace_monitoring.services import Services
from millrace_monitoring.tables import Lineup, Monitor, Segment


@dataclass(frozen=True)
class Stretch:
    """Days of one lineup, [begin of the next day, through), with all that was sent of them.

    stored, tables: its segments; truths, drawn: its labels and entries of the queue of reviews, by request.
    beyond: the first event at or after its end; None when there is none yet.
    """

    monitor: Monitor
    lineup: Lineup
    through: datetime
    stored: list[Segment]
    tables: list[pa.Table]
    truths: Mapping[str, list[Truth]]
    drawn: Mapping[str, list[Drawn]]
    beyond: datetime | None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.monitor.declared.timezone)

    @property
    def revision(self) -> str | None:
        """The champion's."""
        return self.lineup.champion.revision

    def rows(self, day: Day) -> Rows:
        """A day's rows with their labels (CPU work: in a thread)."""
        spec = self.monitor.declared
        times = [segments.between(table, day.begin, day.end) for table in self.tables]
        requests = sorted({name for table in times for name in table["request_id"].to_pylist() if name})
        truths = [truth for name in requests for truth in self.truths.get(name, ())]
        drawn = [entry for name in requests for entry in self.drawn.get(name, ())]
        answers = Answers.of(spec.task, spec.signature)
        return of_day(times, day, spec.signature.inputs, answers, self.revision, truths, drawn)

    def following(self, after: datetime) -> datetime | None:
        """The first event at or after *after*, which lies in the stretch; None when there is none yet."""
        here = first_after(self.tables, after)
        return min((moment for moment in (here, self.beyond) if moment is not None), default=None)


async def read(services: Services, monitor: Monitor, day: Day, through: datetime) -> Stretch:
    """What is kept of the days from *day*, the next one, to before *through*."""
    project, endpoint = monitor.project, monitor.endpoint
    async with services.readers() as session:
        lineup = await monitors.lineup(session, project, endpoint, day.end)
        assert lineup is not None, "a monitor is declared with a lineup"
        stored = await ingest.spanning(session, project, endpoint, day.begin, through)
        beyond = await ingest.first_event(session, project, endpoint, through)
    tables = [segments.load(await services.store.read(segment.digest)) for segment in stored]
    later = [first for first in (first_after(tables, through), beyond) if first is not None]
    async with services.readers() as session:
        truths, drawn = await _said(session, monitor, tables, day.begin, through)
    return Stretch(monitor, lineup, through, stored, tables, truths, drawn, min(later, default=None))


async def _said(
    session: AsyncSession, monitor: Monitor, tables: list[pa.Table], begin: datetime, end: datetime
) -> tuple[dict[str, list[Truth]], dict[str, list[Drawn]]]:
    """What was said of the rows of a span, by labels and in reviews, by request."""
    times = [segments.between(table, begin, end) for table in tables]
    requests = {name for table in times for name in table["request_id"].to_pylist() if name}
    truths: dict[str, list[Truth]] = {}
    for truth in await labels.of(session, monitor.project, monitor.endpoint, requests):
        truths.setdefault(truth.request_id, []).append(truth)
    drawn: dict[str, list[Drawn]] = {}
    for entry in await reviews.drawn(session, monitor, begin, end):
        drawn.setdefault(entry.request_id, []).append(entry)
    return truths, drawn


async def last_of(services: Services, monitor: Monitor, day: Day, through: datetime) -> datetime:
    """How far from *day* the lineup stays as it is: to *through*, or it changes on the way and the day stands alone."""
    async with services.readers() as session:
        first = await monitors.lineup(session, monitor.project, monitor.endpoint, day.end)
        last = await monitors.lineup(session, monitor.project, monitor.endpoint, through)
    same = first is not None and last is not None and first.number == last.number
    return through if same else day.end


def next_day(monitor: Monitor, start: datetime) -> Day:
    """The day that begins at *start*, or in which it lies."""
    return day_of(start, ZoneInfo(monitor.declared.timezone))
