"""An endpoint as its readers see it."""

from collections.abc import Sequence

from millrace_contracts.endpoints import EndpointRead, RevisionRead, RevisionState
from millrace_contracts.waiting import Waiting
from millrace_core.database import AsyncSession
from millrace_serving.dataplane import DataPlane
from millrace_serving.revisions import queries
from millrace_serving.revisions.wire import form, revision_name, wire_name
from millrace_serving.rollouts import queries as rollouts
from millrace_serving.rollouts.traffic import shares
from millrace_serving.rollouts.view import read
from millrace_serving.tables import Endpoint, Revision

WANTED = (RevisionState.LOADING, RevisionState.READY)


async def view(session: AsyncSession, plane: DataPlane | None, endpoint: Endpoint) -> EndpointRead:
    """The endpoint with revisions, weights and the rollout in flight or the last one."""
    latest = await rollouts.latest(session, endpoint)
    weights = shares(endpoint, await rollouts.in_flight(session, endpoint))
    revisions = await queries.revisions(session, endpoint)
    return EndpointRead(
        project=endpoint.project,
        name=endpoint.name,
        model=endpoint.model,
        mode=endpoint.mode,
        timezone=endpoint.timezone,
        url=_url(plane, endpoint),
        packed=plane is not None and _packs(plane, revisions),
        revisions=[_revision(plane, item, weights.get(item.number, 0)) for item in revisions],
        stable=endpoint.stable,
        stable_version=next((r.version for r in revisions if r.number == endpoint.stable), None),
        event_time=endpoint.event_time,
        created_at=endpoint.created_at,
        rollout=None if latest is None else read(latest),
    )


def _packs(plane: DataPlane, revisions: Sequence[Revision]) -> bool:
    loaded = [
        revision_name(item.project, item.endpoint, item.number)
        for item in revisions
        if item.state == RevisionState.READY
    ]
    return bool(loaded) and plane.packs(loaded)


def _url(plane: DataPlane | None, endpoint: Endpoint) -> str | None:
    if plane is None or endpoint.mode != "live":
        return None
    return f"{plane.inference_url}/v2/models/{wire_name(endpoint.project, endpoint.name)}/infer"


def _revision(plane: DataPlane | None, item: Revision, weight: int) -> RevisionRead:
    name = revision_name(item.project, item.endpoint, item.number)
    waits = plane.waiting(name) if plane is not None and item.state in WANTED else None
    return RevisionRead(
        number=item.number,
        name=name,
        version=item.version,
        digest=item.digest,
        form=form(item),
        state=RevisionState(item.state),
        reason=item.reason,
        waiting=None if waits is None else Waiting(reason=waits.reason, message=waits.message),
        weight=weight,
        pods=plane.pods(name) if plane is not None and item.state in WANTED else None,
    )
