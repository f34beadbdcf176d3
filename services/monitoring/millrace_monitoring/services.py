"""What the monitoring service works with: made once when it starts, and handed to whoever needs it."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from fastapi import Depends, FastAPI, Request

from millrace_core.auth import Tokens
from millrace_core.database import Sessions
from millrace_core.storage import Store
from millrace_monitoring.graphs.baselines import Baselines
from millrace_monitoring.graphs.files import Files
from millrace_monitoring.graphs.running import Graphs
from millrace_monitoring.settings import MonitoringSettings
from millrace_monitoring.wakeups import Recounts, Wakeups


class Offers(Protocol):
    """Takes rows in; an answer means that they are durable."""

    async def offer(self, payload: Any) -> None: ...


@dataclass(frozen=True)
class Services:
    """One a process.

    files: of model versions, from the registry. store: segments and days.
    segments_lock: held while a day closes or segments are merged, so that neither changes what the other reads.
    """

    settings: MonitoringSettings
    sessions: Sessions
    readers: Sessions
    tokens: Tokens
    store: Store
    files: Files
    graphs: Graphs
    baselines: Baselines
    wakeups: Wakeups
    recounts: Recounts
    segments_lock: asyncio.Lock


def make(app: FastAPI) -> Services:
    """From what core has opened (settings, database, clients)."""
    state, settings = app.state, app.state.settings
    files = Files(Store(f"file://{settings.folder / 'models'}"), state.apis.registry)
    return Services(
        settings=settings,
        sessions=state.sessions,
        readers=state.readers,
        tokens=state.tokens,
        store=Store(settings.storage_url),
        files=files,
        graphs=Graphs(files),
        baselines=Baselines(files),
        wakeups=Wakeups(),
        recounts=Recounts(),
        segments_lock=asyncio.Lock(),
    )


def of(app: FastAPI) -> Services:
    """The running service's."""
    services: Services = app.state.services
    return services


def _of_request(request: Request) -> Services:
    return of(request.app)


def _intake_of_request(request: Request) -> Offers:
    intake: Offers = request.app.state.reception.intake
    return intake


Current = Annotated[Services, Depends(_of_request)]
Intake = Annotated[Offers, Depends(_intake_of_request)]
