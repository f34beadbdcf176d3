"""What both data planes read from the database: which revisions are wanted, and where the traffic goes."""

import asyncio
from dataclasses import replace
from typing import cast

from millrace_contracts.rollouts import RolloutState
from millrace_contracts.variants import BASE_TARGET
from millrace_core.database import AsyncSession
from millrace_core.log import log
from millrace_core.services import Services
from millrace_serving.dataplane import DataPlane
from millrace_serving.envoy import counters
from millrace_serving.envoy.callers import Callers
from millrace_serving.envoy.discovery import Discovery
from millrace_serving.envoy.manifests import Split, Ways
from millrace_serving.envoy.publisher import Desired, Publisher
from millrace_serving.keys import issuers
from millrace_serving.keys import queries as keys
from millrace_serving.keys.keys import of_key
from millrace_serving.planes import callers
from millrace_serving.revisions import queries as endpoints
from millrace_serving.revisions.wire import wanted
from millrace_serving.rollouts import queries as rollouts
from millrace_serving.rollouts.decisions import tell_fallen
from millrace_serving.rollouts.traffic import split
from millrace_serving.settings import ServingSettings
from millrace_serving.triton.repository import Wanted


class Plane(DataPlane):
    """A data plane that does what the database says."""

    def __init__(self, services: Services, ways: Ways) -> None:
        self.services = services
        self.settings = cast(ServingSettings, services.settings)
        discovery = Discovery(self.settings.folder / "discovery.json")
        discovery.restore()
        super().__init__(discovery, Publisher(discovery, ways, self.settings.accept_seconds))

    async def read_wanted(self) -> list[Wanted]:
        """Every ready revision of every live endpoint, the stable ones first."""
        async with self.services.readers() as session:
            return await self._wanted(session)

    async def _wanted(self, session: AsyncSession) -> list[Wanted]:
        pairs = await endpoints.ready(session)
        stable = [pair for pair in pairs if pair[0].stable == pair[1].number]
        rising = {(one.project, one.endpoint, one.revision) for one in await rollouts.all_in_flight(session)}
        others = [
            replace(wanted(endpoint, revision, standby=not rises), rising=rises)
            for endpoint, revision in pairs
            if endpoint.stable != revision.number
            for rises in [(endpoint.project, endpoint.name, revision.number) in rising]
        ]
        moving = {(project, endpoint) for project, endpoint, _ in rising}
        serving = [
            replace(wanted(endpoint, revision), settled=(endpoint.project, endpoint.name) not in moving)
            for endpoint, revision in stable
        ]
        return [*serving, *others]

    async def read_candidates(self) -> list[Wanted]:
        """The revisions that rollouts in flight wait for."""
        async with self.services.readers() as session:
            found = []
            for rollout in await rollouts.all_in_flight(session):
                endpoint = await endpoints.get(session, rollout.project, rollout.endpoint)
                if rollout.state == RolloutState.LOADING and endpoint.mode == "live":
                    revision = await endpoints.revision(session, endpoint, rollout.revision)
                    found.append(replace(wanted(endpoint, revision), rising=True))
            return found

    async def fell(self, item: Wanted, why: str) -> Wanted | None:
        """Serve the base form from now on, and say so in a decision."""
        if item.target == BASE_TARGET:
            return None
        async with self.services.sessions.begin() as session:
            endpoint = await endpoints.get(session, item.project, item.endpoint)
            revision = await endpoints.revision(session, endpoint, item.number)
            if revision.target == item.target:
                words = f"{item.target} cannot be used, so the base form serves: {why}"[:1000]
                await endpoints.fall_back(session, revision, words)
                await tell_fallen(session, revision, item.target, words)
            log.warning("a form cannot be used", revision=item.name, form=item.target, reason=why)
            return wanted(endpoint, revision, item.standby)

    async def publish(self) -> bool:
        """Tell Envoy what the database says; True once it does so."""
        return await self.publisher.publish(self._read_traffic)

    async def _read_traffic(self) -> Desired:
        async with self.services.readers() as session:
            loaded = [item.name for item in await self._wanted(session)]
            return Desired(await self._splits(session), loaded, await self._asking(session))

    async def _asking(self, session: AsyncSession) -> Callers | None:
        """Who is let in; None where nobody is asked."""
        if self.settings.gateway_public:
            return None
        stored = [of_key(key) for key in await keys.valid(session)]
        known = self.services.tokens.issuers
        await issuers.recall(session, [item.keys for item in known.all()])
        return Callers((*stored, *callers.of_tokens(self.services.tokens)), callers.issuers(known))

    async def know_issuers(self) -> None:
        """See which keys the issuers publish now, keep them, and tell the gateway what is new."""
        if self.settings.gateway_public:
            return
        known = self.services.tokens.issuers
        before = callers.issuers(known)
        await self.look_at_issuers()
        async with self.services.sessions.begin() as session:
            await issuers.keep(session, [item.keys for item in known.all()])
        if before != callers.issuers(known):
            await self.publish()

    async def look_at_issuers(self) -> None:
        """The same without telling anybody: the database may not be there yet."""
        if not self.settings.gateway_public:
            await asyncio.to_thread(callers.look, self.services.tokens.issuers)

    async def _splits(self, session: AsyncSession) -> list[Split]:
        flying = {(item.project, item.endpoint): item for item in await rollouts.all_in_flight(session)}
        return [
            split(endpoint, flying.get((endpoint.project, endpoint.name)))
            for endpoint in await endpoints.everything(session)
            if endpoint.mode == "live" and endpoint.stable is not None
        ]

    async def totals(self) -> dict[str, int]:
        """The gateways' counters over all their lives, fresh; stored when they changed."""
        async with self.services.readers() as session:
            stored = await counters.lives(session)
        for life, fresh in (await self.counts()).items():
            if counters.is_news(stored.get(life), fresh):
                async with self.services.sessions.begin() as session:
                    await counters.keep(session, life, fresh)
                stored[life] = fresh
        counters.METRICS.totals = counters.total(stored.values())
        return counters.METRICS.totals
