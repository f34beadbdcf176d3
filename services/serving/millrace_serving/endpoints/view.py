"""An endpoint as its readers see it."""

from typing import Any

from fastapi import FastAPI

from millrace_core.database import AsyncSession
from millrace_serving.revisions import queries
from millrace_serving.revisions.wire import revision_name, shares, wire_name
from millrace_serving.rollouts import queries as rollouts
from millrace_serving.rollouts.states import Loaded
from millrace_serving.rollouts.view import read
from millrace_serving.tables import Endpoint, Revision

WANTED = (Loaded.LOADING, Loaded.READY)


async def view(session: AsyncSession, app: FastAPI, endpoint: Endpoint) -> dict[str, Any]:
    """The endpoint with revisions, weights and the rollout in flight or the last one."""
    latest = await rollouts.latest(session, endpoint)
    weights = shares(endpoint, await rollouts.in_flight(session, endpoint))
    revisions = await queries.revisions(session, endpoint)
    live = app.state.plane is not None and endpoint.mode == "live"
    wire = wire_name(endpoint.project, endpoint.name)
    return {
        "project": endpoint.project,
        "name": endpoint.name,
        "model": endpoint.model,
        "mode": endpoint.mode,
        "timezone": endpoint.timezone,
        "url": f"{app.state.plane.inference_url}/v2/models/{wire}/infer" if live else None,
        "revisions": [_revision(app, item, weights.get(item.number, 0)) for item in revisions],
        "stable": endpoint.stable,
        "stable_version": next((r.version for r in revisions if r.number == endpoint.stable), None),
        "event_time": endpoint.event_time,
        "rollout": None if latest is None else read(latest),
    }


def _revision(app: FastAPI, item: Revision, weight: int) -> dict[str, Any]:
    name = revision_name(item.project, item.endpoint, item.number)
    waits = app.state.plane.waiting(name) if app.state.plane and item.state in WANTED else None
    return {
        "number": item.number,
        "name": name,
        "version": item.version,
        "digest": item.digest,
        "state": item.state,
        "reason": item.reason,
        "waiting": None if waits is None else waits.json(),
        "weight": weight,
    }
