"""The data plane as one interface: what it should do, read from the database, and whether it does it.

`planes.local` runs Triton and Envoy as processes of this service, `planes.cluster` as pods; endpoints and
rollouts see no difference.
"""

import asyncio
from abc import ABC, abstractmethod

from fastapi import FastAPI

from millrace_core.database import AsyncSession
from millrace_core.waiting import Waiting
from millrace_serving.envoy import counters
from millrace_serving.envoy.discovery import Discovery
from millrace_serving.envoy.manifests import Split, Ways
from millrace_serving.envoy.publisher import Publisher
from millrace_serving.revisions import queries as endpoints
from millrace_serving.revisions.wire import split, wanted
from millrace_serving.rollouts import queries as rollouts
from millrace_serving.rollouts.states import State
from millrace_serving.settings import ServingSettings
from millrace_serving.triton.repository import Wanted


class NotYet(Exception):
    """A revision is on its way; the text says what it waits for."""


class Plane(ABC):
    """Everything between a client's request and onnxruntime, as serving keeps it running."""

    supervise_seconds = 2.0
    """Pause between two passes over what serves, unless something of it ends."""

    def __init__(self, app: FastAPI, ways: Ways) -> None:
        self.app = app
        self.settings: ServingSettings = app.state.settings
        self.discovery = Discovery(self.settings.folder / "discovery.json")
        self.discovery.restore()
        self.publisher = Publisher(self.discovery, ways, self.settings.accept_seconds)
        self.busy: set[str] = set()
        """Revisions that a rollout is loading right now."""
        self.wake, self.due = asyncio.Event(), asyncio.Event()
        """Set when there is something to do for the models, and for the processes."""

    @property
    @abstractmethod
    def inference_url(self) -> str:
        """Where clients send their requests."""

    @property
    def gateway_url(self) -> str:
        """Where this service sends its own."""
        return self.inference_url

    @abstractmethod
    async def start(self) -> None:
        """Take up what runs already."""

    @abstractmethod
    async def stop(self) -> None:
        """An orderly end of this service."""

    @abstractmethod
    async def supervise(self) -> None:
        """One pass over what serves: are Triton and Envoy there?"""

    @abstractmethod
    async def keep_models(self) -> None:
        """One pass over the revisions: load what is missing, heal what answers wrong, remove what nobody wants."""

    @abstractmethod
    async def load(self, item: Wanted) -> None:
        """Bring a candidate up, and hold it against its golden rows.

        Raises: LoadFailed if it can never work; NotYet while it is on its way; another error: worth another try.
        """

    @abstractmethod
    async def counts(self) -> dict[str, dict[str, int]]:
        """What the gateways have counted in their present lives, by life; those that do not answer are left out."""

    @abstractmethod
    async def restarts(self) -> tuple[int, int]:
        """How often Triton and Envoy were started again."""

    @abstractmethod
    async def gateways(self) -> int:
        """How many gateways take requests."""

    @abstractmethod
    async def ready(self) -> str | None:
        """None when this service can do its work, else what is missing."""

    @property
    def problem(self) -> str | None:
        """What people should know about the data plane now."""
        return self.publisher.problem

    def waiting(self, name: str) -> Waiting | None:
        """What keeps the pods of a revision from answering, where there are pods."""
        return None

    async def read_wanted(self) -> list[Wanted]:
        """Every ready revision of every live endpoint, the stable ones first."""
        async with self.app.state.readers() as session:
            return await self._wanted(session)

    async def _wanted(self, session: AsyncSession) -> list[Wanted]:
        pairs = await endpoints.ready(session)
        stable = [pair for pair in pairs if pair[0].stable == pair[1].number]
        rising = {(one.project, one.endpoint, one.revision) for one in await rollouts.all_in_flight(session)}
        others = [
            wanted(endpoint, revision, (endpoint.project, endpoint.name, revision.number) not in rising)
            for endpoint, revision in pairs
            if endpoint.stable != revision.number
        ]
        return [*(wanted(endpoint, revision) for endpoint, revision in stable), *others]

    async def read_candidates(self) -> list[Wanted]:
        """The revisions that rollouts in flight wait for."""
        async with self.app.state.readers() as session:
            found = []
            for rollout in await rollouts.all_in_flight(session):
                endpoint = await endpoints.get(session, rollout.project, rollout.endpoint)
                if rollout.state == State.LOADING and endpoint.mode == "live":
                    revision = await endpoints.revision(session, endpoint, rollout.revision)
                    found.append(wanted(endpoint, revision))
            return found

    async def publish(self) -> bool:
        """Tell Envoy what the database says; True once it does so."""
        return await self.publisher.publish(self._read_splits)

    async def _read_splits(self) -> tuple[list[Split], list[str]]:
        async with self.app.state.readers() as session:
            return await self._splits(session), [item.name for item in await self._wanted(session)]

    async def _splits(self, session: AsyncSession) -> list[Split]:
        flying = {(item.project, item.endpoint): item for item in await rollouts.all_in_flight(session)}
        return [
            split(endpoint, flying.get((endpoint.project, endpoint.name)))
            for endpoint in await endpoints.everything(session)
            if endpoint.mode == "live" and endpoint.stable is not None
        ]

    async def totals(self) -> dict[str, int]:
        """The gateways' counters over all their lives, fresh; stored when they changed."""
        async with self.app.state.readers() as session:
            stored = await counters.lives(session)
        for life, fresh in (await self.counts()).items():
            if counters.is_news(stored.get(life), fresh):
                async with self.app.state.sessions.begin() as session:
                    await counters.keep(session, life, fresh)
                stored[life] = fresh
        counters.METRICS.totals = counters.total(stored.values())
        return counters.METRICS.totals
