"""Serving: endpoints, rollouts, rollback and predictions; one method a route."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from millrace.aio.api import AsyncApi
from millrace.aio.audit import AsyncAudited
from millrace.transport.requests import delete, get, part, post, put
from millrace_contracts.endpoints import (
    Advance,
    EndpointRead,
    EndpointRollback,
    EndpointWrite,
    GatewayRead,
    Retain,
)
from millrace_contracts.keys import KeyExpiry, KeyMade, KeyRead, KeyWrite
from millrace_contracts.predictions import CellValue, PredictionAnswer, PredictionRequest
from millrace_contracts.rollouts import RolloutAbort, RolloutRead, RolloutWrite
from millrace_contracts.standby import StandbyRead
from millrace_contracts.variants import MeasurementWrite


class AsyncServing(AsyncAudited):
    """Endpoints, their rollouts and the gateway.

    Every method raises ApiError when serving refuses. *project* of a call overrides the client's own.
    """

    def __init__(self, api: AsyncApi) -> None:
        self.api = api

    async def put_endpoint(
        self, name: str, endpoint: EndpointWrite, *, project: str | None = None
    ) -> EndpointRead:
        """Create an endpoint, or change its time zone."""
        return await self.api.answer(EndpointRead, put(_path(name), endpoint, project=project))

    async def endpoints(self, *, project: str | None = None) -> list[EndpointRead]:
        """The project's endpoints by name."""
        return await self.api.every(EndpointRead, get("/v1/endpoints", project=project))

    async def endpoint(self, endpoint: str, *, project: str | None = None) -> EndpointRead:
        """One endpoint with its revisions and its rollout, as the gateway knows it."""
        return await self.api.answer(EndpointRead, get(_path(endpoint), project=project))

    async def delete_endpoint(self, endpoint: str, *, project: str | None = None) -> None:
        """Stop serving: the rollout in flight is aborted and every revision is retired."""
        await self.api.send(delete(_path(endpoint), project=project))

    async def start_rollout(
        self, endpoint: str, rollout: RolloutWrite, *, project: str | None = None
    ) -> RolloutRead:
        """Record a candidate and its plan; the same `key` again returns the same rollout."""
        call = post(f"{_path(endpoint)}/rollouts", rollout, project=project, timeout=120)
        return await self.api.answer(RolloutRead, call)

    async def rollouts(self, endpoint: str, *, project: str | None = None) -> list[RolloutRead]:
        """All rollouts, the newest first."""
        return await self.api.every(RolloutRead, get(f"{_path(endpoint)}/rollouts", project=project))

    async def rollout(
        self, endpoint: str, number: int, wait: float | None = None, *, project: str | None = None
    ) -> RolloutRead:
        """One rollout; with *wait*, once its candidate is loaded or refused (at most so many seconds)."""
        call = get(f"{_path(endpoint)}/rollouts/{number}", project=project, wait=wait)
        return await self.api.answer(RolloutRead, call)

    async def abort_rollout(
        self, endpoint: str, number: int, reason: str, *, project: str | None = None
    ) -> RolloutRead:
        """End a rollout: the stable revision gets all traffic again."""
        call = post(
            f"{_path(endpoint)}/rollouts/{number}:abort", RolloutAbort(reason=reason), project=project
        )
        return await self.api.answer(RolloutRead, call)

    async def advance(
        self, endpoint: str, event_time: datetime, *, project: str | None = None
    ) -> EndpointRead:
        """Bring the endpoint's rollout to an event time; idempotent, and never backwards."""
        body = Advance(event_time=event_time)
        return await self.api.answer(
            EndpointRead, post(f"{_path(endpoint)}:advance", body, project=project, timeout=120)
        )

    async def rollback(
        self, endpoint: str, rollback: EndpointRollback, *, project: str | None = None
    ) -> EndpointRead:
        """Send all traffic to a revision that is loaded: a change of routes, never a load."""
        return await self.api.answer(
            EndpointRead, post(f"{_path(endpoint)}:rollback", rollback, project=project)
        )

    async def retain(
        self, endpoint: str, versions: Sequence[int], *, project: str | None = None
    ) -> EndpointRead:
        """Keep these versions loaded, unload the others that do not serve."""
        body = Retain(versions=list(versions))
        return await self.api.answer(EndpointRead, post(f"{_path(endpoint)}:retain", body, project=project))

    async def standby(self, *, project: str | None = None) -> StandbyRead:
        """What the pod that a project's versions without traffic share has to have loaded."""
        return await self.api.answer(StandbyRead, get("/v1/standby", project=project))

    async def predict(
        self,
        endpoint: str,
        rows: Sequence[Mapping[str, CellValue]],
        key: str | None = None,
        event_time: datetime | None = None,
        *,
        warn: bool = False,
        explain: bool = False,
        project: str | None = None,
    ) -> PredictionAnswer:
        """Predict rows given by column; None is a missing value.

        Args:
            rows: one mapping a row, at most 1024.
            key: sticky key: the same key always meets the same revision.
            event_time: when the event happens; now if left out.
            warn: whether to be told of values that training never saw.
            explain: whether to be told what each input contributes; ten rows at most.
        """
        body = PredictionRequest(rows=[dict(row) for row in rows], key=key, event_time=event_time)
        body = body.model_copy(update={"warn": True}) if warn else body
        call = post(f"{_path(endpoint)}:predict", body, project=project)
        return await self.api.answer(
            PredictionAnswer, replace(call, params={"explain": "true"}) if explain else call
        )

    async def report_measurement(self, report: MeasurementWrite, *, project: str | None = None) -> None:
        """Tell how fast a form is on the node of the pod that measured it."""
        await self.api.send(post("/v1/measurements", report, project=project))

    async def make_key(self, key: KeyWrite, *, project: str | None = None) -> KeyMade:
        """Make a key for inference; the answer is the only place where it can be read, so it is not asked for twice."""
        return await self.api.answer(KeyMade, post("/v1/keys", key, project=project, retry=False))

    async def keys(self, *, project: str | None = None) -> list[KeyRead]:
        """The project's keys by name, also those that have ended."""
        return await self.api.every(KeyRead, get("/v1/keys", project=project))

    async def key(self, name: str, *, project: str | None = None) -> KeyRead:
        """One key; never what opens the door."""
        return await self.api.answer(KeyRead, get(f"/v1/keys/{part(name)}", project=project))

    async def expire_key(self, name: str, at: datetime, *, project: str | None = None) -> KeyRead:
        """Set when a key ends."""
        call = post(f"/v1/keys/{part(name)}:expire", KeyExpiry(at=at), project=project)
        return await self.api.answer(KeyRead, call)

    async def revoke_key(self, name: str, *, project: str | None = None) -> KeyRead:
        """Let a key in no more; when this returns, every gateway that is up refuses it."""
        return await self.api.answer(KeyRead, post(f"/v1/keys/{part(name)}:revoke", project=project))

    async def gateway(self) -> GatewayRead:
        """Where inference requests go, and what the gateway has counted."""
        return await self.api.answer(GatewayRead, get("/v1/gateway"))


def _path(endpoint: str) -> str:
    return f"/v1/endpoints/{part(endpoint)}"
