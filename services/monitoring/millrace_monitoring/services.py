"""What monitoring has at hand besides core's part: rows and days, models and baselines, and what wakes whom."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from millrace_contracts.monitors import MonitorWrite
from millrace_core import services
from millrace_core.storage import Store
from millrace_monitoring.graphs.baselines import Baselines
from millrace_monitoring.graphs.explainers import Explainers
from millrace_monitoring.graphs.files import FetchedFiles
from millrace_monitoring.graphs.running import Graphs
from millrace_monitoring.settings import MonitoringSettings
from millrace_monitoring.short_days import KeptDays
from millrace_monitoring.wakeups import Locks, Reception, Recounts, Wakeups


@dataclass(frozen=True, kw_only=True)
class Services(services.Services):
    """Monitoring's services object."""

    settings: MonitoringSettings
    store: Store
    """Segments and days."""
    files: FetchedFiles
    """Of model versions, from the registry."""
    graphs: Graphs
    baselines: Baselines
    explainers: Explainers
    wakeups: Wakeups
    recounts: Recounts
    reception: Reception
    """Where rows come in, once the receiver is open."""
    watched: dict[tuple[str, str], tuple[float, MonitorWrite | None]]
    """What monitors ask of rows that come, by project and endpoint, and until when that is believed."""
    glances: KeptDays
    """Closed days in short."""
    ahead: dict[tuple[str, str], object]
    """Days of replays that were judged before they are due, by project and endpoint: see `closing.ahead`."""
    segments_locks: Locks
    """An endpoint's is held while a day closes or segments are merged, so that neither changes what the other reads."""

    async def forget(self, project: str, endpoint: str) -> None:
        """Nobody watches the endpoint any more: nothing stays in memory that is about it alone."""
        for kept in (self.watched, self.ahead):
            kept.pop((project, endpoint), None)  # type: ignore[attr-defined]
        self.recounts.forget(project, endpoint)


def make(core: services.Services) -> Services:
    """Monitoring's own object out of core's part."""
    settings = core.settings
    assert isinstance(settings, MonitoringSettings)
    files = FetchedFiles(
        Store(f"file://{settings.folder / 'models'}", settings.lasting), core.clients.registry
    )
    wakeups = Wakeups()
    return Services(
        **vars(core),
        store=Store(settings.storage_url, settings.lasting),
        files=files,
        graphs=Graphs(files),
        baselines=Baselines(files),
        explainers=Explainers(files, core.clients.registry, settings.explain_seconds),
        wakeups=wakeups,
        recounts=Recounts(),
        reception=Reception(),
        watched={},
        glances=KeptDays(),
        ahead={},
        segments_locks=Locks(wakeups.due),
    )


CurrentServices = Annotated[Services, Depends(services.provider(Services))]
