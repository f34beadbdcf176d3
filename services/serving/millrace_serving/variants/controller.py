"""Serves each version in the form that its nodes run fastest: measures what never was, and rolls the better form out.

One level-triggered pass over the endpoints. A form is switched by a rollout of its own, which the judge may abort; what
was tried once on an endpoint is not tried there again by itself, whoever took it back.
"""

from millrace_contracts.variants import ModelVariant, TargetName
from millrace_core.errors import MillraceError
from millrace_core.log import log
from millrace_serving.choice import Choice, choose
from millrace_serving.dataplane import DataPlane
from millrace_serving.revisions import queries as endpoints
from millrace_serving.revisions.wire import form, offered, told, wanted
from millrace_serving.rollouts import queries as rollouts
from millrace_serving.rollouts.starting import start_switch
from millrace_serving.services import Services
from millrace_serving.tables import Endpoint, Revision
from millrace_serving.triton.measuring import Busy, NotMeasured


class Forms:
    """The forms of all live endpoints."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.given_up: dict[tuple[str, TargetName], str] = {}
        """Graphs that could not be measured here, and why: not tried again in this process's life."""

    async def keep(self) -> None:
        """One pass; endpoints whose versions have one form cost one question to the database."""
        plane = self.services.running()
        async with self.services.readers() as session:
            pairs = await endpoints.ready(session)
        for endpoint, revision in pairs:
            if revision.number == endpoint.stable and revision.offered:
                await self._keep(plane, endpoint, revision)

    async def _keep(self, plane: DataPlane, endpoint: Endpoint, revision: Revision) -> None:
        nodes = plane.nodes(endpoint.project, endpoint.name)
        if not nodes or form(revision).reason == "FellBack":
            return
        chosen = await self._chosen(plane, endpoint, revision)
        missing = [item for item in offered(revision) if self._missing(item, chosen)]
        if missing and await self._measure(plane, endpoint, revision, missing[0]):
            chosen = await self._chosen(plane, endpoint, revision)
        await self._act(endpoint, revision, chosen)

    def _missing(self, item: ModelVariant, chosen: Choice) -> bool:
        return item.target in chosen.wants and (item.digest or "", item.target) not in self.given_up

    async def _chosen(self, plane: DataPlane, endpoint: Endpoint, revision: Revision) -> Choice:
        variants = offered(revision)
        async with self.services.readers() as session:
            own = await endpoints.measured(session, [item.digest for item in variants if item.digest])
        nodes = plane.nodes(endpoint.project, endpoint.name)
        return choose(revision.base or revision.digest, variants, nodes, own)

    async def _measure(
        self, plane: DataPlane, endpoint: Endpoint, revision: Revision, item: ModelVariant
    ) -> bool:
        """Whether the form was measured here, now."""
        try:
            measured = await plane.measure(wanted(endpoint, revision), revision.base or revision.digest, item)
        except Busy:
            return False
        except (NotMeasured, MillraceError) as error:
            self.given_up[item.digest or "", item.target] = str(error)
            log.info("a form cannot be measured", form=item.target, endpoint=endpoint.name, reason=str(error))
            return False
        if measured is None:
            return False
        async with self.services.sessions.begin() as session:
            await endpoints.keep_measured(session, item.digest or "", item.target, measured)
        return True

    async def _act(self, endpoint: Endpoint, revision: Revision, chosen: Choice) -> None:
        """Say why the form that serves does, and begin a rollout of another where that is better."""
        moves = self.services.movement
        async with moves.lock(endpoint.project, endpoint.name), self.services.sessions.begin() as session:
            endpoint = await endpoints.get(session, endpoint.project, endpoint.name)
            mine = await endpoints.revision(session, endpoint, revision.number)
            if endpoint.stable != mine.number or mine.target != revision.target:
                return
            if chosen.target == mine.target:
                if mine.form != told(chosen):
                    mine.form = told(chosen)
                return
            flying = await rollouts.in_flight(session, endpoint)
            if flying is None and await start_switch(session, endpoint, mine, chosen):
                log.info("another form is rolled out", endpoint=endpoint.name, form=chosen.target)
                moves.wake.set()
