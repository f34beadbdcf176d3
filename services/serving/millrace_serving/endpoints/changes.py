"""What people and the controller change on an endpoint: roll back, retain, delete."""

from millrace_contracts.endpoints import EndpointRollback, Retain, RevisionState
from millrace_core.database import AsyncSession, utcnow
from millrace_core.errors import BadInput, Conflict
from millrace_serving.revisions import queries
from millrace_serving.revisions.repeats import digest_of
from millrace_serving.rollouts import decisions
from millrace_serving.rollouts import queries as rollouts
from millrace_serving.tables import Endpoint, Revision


async def rollback(
    session: AsyncSession, endpoint: Endpoint, body: EndpointRollback, author: str
) -> int | None:
    """Make a loaded revision the stable one; the number of the rollout that must be aborted for it, if any.

    A version that serves already is left as it is.

    Raises: Conflict if the version is not loaded, or for another body under the same key.
    """
    digest = digest_of(body)
    known = await queries.change_by_key(session, endpoint, f"rollback {body.key}")
    if known is not None:
        if known.body_digest != digest:
            raise Conflict("The key was used for another rollback.")
        return None
    if endpoint.stable is None:
        raise Conflict(f"The endpoint {endpoint.name} has never served anything.")
    left = await queries.revision(session, endpoint, endpoint.stable)
    if body.version == left.version:
        return None
    target = await _target(session, endpoint, body.version)
    flying = await rollouts.in_flight(session, endpoint)
    if flying is not None and flying.revision == target.number:
        raise Conflict(
            f"Version {target.version} is the candidate of rollout {flying.number}; abort that first."
        )
    await queries.make_stable(
        session,
        endpoint,
        target.number,
        "rollback",
        f"rollback {body.key}",
        digest,
        reason=body.reason,
        event_time=body.event_time,
    )
    more = {"event_time": body.event_time, "loop": body.loop, "run": body.run, "cause": body.cause}
    await decisions.tell_rollback(session, endpoint, author, target, left, body.key, body.reason, **more)
    return None if flying is None else flying.number


async def goes_to(session: AsyncSession, endpoint: Endpoint, body: EndpointRollback) -> Revision | None:
    """The revision to which *body* would send the traffic; None if it would change nothing, or is refused."""
    if endpoint.stable is None or await queries.change_by_key(session, endpoint, f"rollback {body.key}"):
        return None
    if (await queries.revision(session, endpoint, endpoint.stable)).version == body.version:
        return None
    return await _target(session, endpoint, body.version)


async def _target(session: AsyncSession, endpoint: Endpoint, version: int | None) -> Revision:
    """The loaded revision to go back to."""
    loaded = {
        r.number: r for r in await queries.revisions(session, endpoint) if r.state == RevisionState.READY
    }
    history = [change.revision for change in await queries.changes(session, endpoint)]
    if version is None:
        number = next((n for n in history if n != endpoint.stable and n in loaded), None)
        if number is None:
            raise Conflict(f"No earlier revision of {endpoint.name} is loaded.")
        return loaded[number]
    matching = [revision for revision in loaded.values() if revision.version == version]
    if not matching:
        raise Conflict(f"Version {version} is not loaded behind {endpoint.name}; start a rollout of it.")
    served = {revision.number: revision for revision in matching}
    return next((served[number] for number in history if number in served), matching[-1])


async def retain(session: AsyncSession, endpoint: Endpoint, body: Retain) -> None:
    """Retire every loaded revision that neither serves nor is named."""
    flying = await rollouts.in_flight(session, endpoint)
    used = {endpoint.stable, flying.revision if flying else None}
    for revision in await queries.revisions(session, endpoint):
        if (
            revision.state == RevisionState.READY
            and revision.number not in used
            and revision.version not in body.versions
        ):
            await queries.set_loaded(session, revision, RevisionState.RETIRED)


async def delete(session: AsyncSession, endpoint: Endpoint) -> None:
    """Retire everything; the row stays, so that revision names are never used again."""
    for revision in await queries.revisions(session, endpoint):
        if revision.state in (RevisionState.READY, RevisionState.LOADING):
            await queries.set_loaded(session, revision, RevisionState.RETIRED)
    endpoint.deleted_at, endpoint.stable = utcnow(), None
    await session.flush()


def check_name(name: str) -> None:
    """Raises: BadInput for a name that could be taken for a revision's."""
    if "--" in name:
        raise BadInput("An endpoint's name cannot contain '--': revisions are named <endpoint>--r<number>.")
