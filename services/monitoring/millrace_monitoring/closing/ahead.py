"""Days judged before they are due: a replay sees what they come to, then says how many of them close.

What is kept here is kept in memory, and only saves time: a day that is due and is not here is judged as any other.
"""

from dataclasses import dataclass

from millrace_monitoring.closing.judging import Shut
from millrace_monitoring.closing.stretch import Stretch
from millrace_monitoring.ingest import queries as ingest
from millrace_monitoring.services import Services
from millrace_monitoring.tables import Monitor


@dataclass(frozen=True)
class Ahead:
    """Judged days of one monitor, in order, from the one behind its last closed day."""

    stretch: Stretch
    shut: list[Shut]

    def fits(self, monitor: Monitor) -> bool:
        """Whether they follow from what is stored now."""
        then = self.stretch.monitor
        return (then.closed_through, then.labelled, then.declared) == (
            monitor.closed_through,
            monitor.labelled,
            monitor.declared,
        )

    def due(self, monitor: Monitor) -> list[Shut]:
        """Those that close now."""
        through = monitor.complete_through
        return [one for one in self.shut if through is not None and one.given.day.end <= through]


def keep(services: Services, ahead: Ahead) -> None:
    """Instead of what was kept of the same monitor."""
    monitor = ahead.stretch.monitor
    services.ahead[monitor.project, monitor.endpoint] = ahead


async def take(services: Services, monitor: Monitor) -> Ahead | None:
    """A monitor's judged days, kept no longer; None if none of them is due, or something was sent or merged since."""
    ahead = services.ahead.pop((monitor.project, monitor.endpoint), None)
    if not isinstance(ahead, Ahead) or not ahead.fits(monitor) or not ahead.due(monitor):
        return None
    begin, through = ahead.shut[0].given.day.begin, ahead.stretch.through
    async with services.readers() as session:
        stored = await ingest.spanning(session, monitor.project, monitor.endpoint, begin, through)
    same = [one.number for one in stored] == [one.number for one in ahead.stretch.stored]
    return ahead if same else None
