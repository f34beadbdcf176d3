"""Serves each version in the form that its nodes run fastest: measures what never was, and rolls the better form out.

One level-triggered pass over the endpoints. A form is switched by a rollout of its own, which the judge may abort; what
was tried once on an endpoint is not tried there again by itself, whoever took it back. A measurement that found no
place is tried again, after growing pauses.
"""

from collections.abc import Sequence
from dataclasses import replace

from millrace_contracts.variants import ModelVariant, TargetName
from millrace_core.errors import MillraceError, Unavailable
from millrace_core.log import log
from millrace_serving.choice import Choice, choose
from millrace_serving.dataplane import DataPlane
from millrace_serving.revisions import queries as endpoints
from millrace_serving.revisions.wire import form, offered, told, wanted
from millrace_serving.rollouts import queries as rollouts
from millrace_serving.rollouts.starting import start_switch
from millrace_serving.services import Services
from millrace_serving.tables import Endpoint, Revision
from millrace_serving.triton.measuring import Busy, NotBegun, NotMeasured
from millrace_serving.variants.pauses import Pauses


class Forms:
    """The forms of all live endpoints."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.given_up: dict[tuple[str, TargetName], str] = {}
        """Graphs that could not be measured here, and why: not tried again in this process's life."""
        self.pauses = Pauses()
        """Graphs for which no measurement could begin: tried again after growing pauses."""
        self.going: dict[tuple[str, TargetName], str] = {}
        """Graphs that are measured now, or wait for that, and how."""

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
        if missing:
            await self._measure(plane, endpoint, revision, missing[0])
            chosen = await self._chosen(plane, endpoint, revision)
        await self._act(endpoint, revision, chosen)

    def _missing(self, item: ModelVariant, chosen: Choice) -> bool:
        key = (item.digest or "", item.target)
        return item.target in chosen.wants and key not in self.given_up and not self.pauses.rests(key)

    async def _chosen(self, plane: DataPlane, endpoint: Endpoint, revision: Revision) -> Choice:
        variants = offered(revision)
        async with self.services.readers() as session:
            own = await endpoints.measured(session, [item.digest for item in variants if item.digest])
        nodes = plane.nodes(endpoint.project, endpoint.name)
        return self._explained(choose(revision.base or revision.digest, variants, nodes, own), variants)

    def _explained(self, chosen: Choice, variants: Sequence[ModelVariant]) -> Choice:
        """The choice, with what becomes of the measurements that it wants."""
        keys = [(item.digest or "", item.target) for item in variants if item.target in chosen.wants]
        told = [f"{key[1]} cannot be measured: {self.given_up[key]}." for key in keys if key in self.given_up]
        told += [f"{self.going[key]}." for key in keys if key in self.going]
        told += [f"{key[1]} {words}." for key in keys if (words := self.pauses.told(key))]
        return replace(chosen, message=" ".join([chosen.message, *told])[:1000])

    async def _measure(
        self, plane: DataPlane, endpoint: Endpoint, revision: Revision, item: ModelVariant
    ) -> None:
        """Measure it, have it measured, or note why neither can be."""
        key = (item.digest or "", item.target)
        self.going.pop(key, None)
        try:
            measured = await plane.measure(wanted(endpoint, revision), revision.base or revision.digest, item)
        except Busy as error:
            self.going[key] = str(error)
            return
        except NotBegun as error:
            self.pauses.begin(key, str(error))
            log.warning("a form could not be measured yet", form=item.target, reason=str(error))
            return
        except Unavailable as error:
            log.warning("a form is measured later", form=item.target, reason=str(error))
            return
        except (NotMeasured, MillraceError) as error:
            self.given_up[key] = str(error)
            self.pauses.end(key)
            log.info("a form cannot be measured", form=item.target, endpoint=endpoint.name, reason=str(error))
            return
        if measured is None:
            return
        async with self.services.sessions.begin() as session:
            await endpoints.keep_measured(session, item.digest or "", item.target, measured)

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
