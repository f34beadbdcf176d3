"""What people and the controller change on an endpoint: start a rollout, abort it, roll back, retain, delete."""

import hashlib

import orjson
from pydantic import BaseModel

from millrace_core.database import AsyncSession, utcnow
from millrace_core.errors import BadInput, Conflict
from millrace_serving.endpoints.schemas import Retain, Rollback
from millrace_serving.revisions import queries
from millrace_serving.rollouts import decisions
from millrace_serving.rollouts import queries as rollouts
from millrace_serving.rollouts.schemas import RolloutWrite
from millrace_serving.rollouts.states import Loaded, State
from millrace_serving.tables import Endpoint, Revision, Rollout


def digest_of(body: BaseModel) -> str:
    """Digest of a request, to tell a repetition from another request under the same key.

    A field that came later counts only if it is given, so that a repetition may outlast an upgrade.
    """
    told = body.model_dump(mode="json")
    if told.get("placement", ...) is None:
        del told["placement"]
    text = orjson.dumps(told, option=orjson.OPT_SORT_KEYS)
    return "sha256:" + hashlib.sha256(text).hexdigest()


async def start_rollout(
    session: AsyncSession, endpoint: Endpoint, body: RolloutWrite, author: str
) -> tuple[Rollout, bool]:
    """Record the intent to roll out a version; (rollout, whether it is new).

    Raises: Conflict for another body under the same key, or when one is in flight.
    """
    digest = digest_of(body)
    known = await rollouts.by_key(session, endpoint, body.key)
    if known is not None:
        if known.body_digest != digest:
            raise Conflict(f"The key was used for rollout {known.number} with another body.")
        return known, False
    if body.model != endpoint.model:
        raise Conflict(f"The endpoint {endpoint.name} serves the model {endpoint.model}, not {body.model}.")
    revision = await _revision(session, endpoint, body)
    made = Rollout(
        project=endpoint.project,
        endpoint=endpoint.name,
        key=body.key,
        body_digest=digest,
        revision=revision.number,
        previous=endpoint.stable,
        model=body.model,
        version=body.version,
        state=State.LOADING,
        step=0,
        plan=body.plan.model_dump(mode="json"),
        event_time=body.event_time,
        step_since=None,
        loop=body.loop,
        run=body.run,
        cause=body.cause,
        reason="",
        evidence=[],
        created_at=utcnow(),
    )
    await rollouts.add(session, endpoint, made)
    await decisions.tell_started(session, made, author)
    return made, True


async def _revision(session: AsyncSession, endpoint: Endpoint, body: RolloutWrite) -> Revision:
    """The loaded revision of that version, or a new one."""
    digest = body.files["model.onnx"]
    known = await queries.loaded_version(session, endpoint, body.version, digest)
    if known is not None:
        if known.number == endpoint.stable:
            raise Conflict(f"Version {body.version} already serves {endpoint.name}.")
        return known
    return await queries.add_revision(
        session,
        endpoint,
        version=body.version,
        digest=digest,
        signature=body.signature.model_dump(mode="json"),
        golden=body.golden.model_dump(mode="json"),
        state=Loaded.LOADING,
        reason="",
        placement=body.placement.model_dump(mode="json", by_alias=True, exclude_none=True)
        if body.placement
        else {},
        loop=body.loop,
        run=body.run,
    )


async def rollback(session: AsyncSession, endpoint: Endpoint, body: Rollback, author: str) -> int | None:
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
    left = (await queries.revision(session, endpoint, endpoint.stable)).version
    if body.version == left:
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
    await decisions.tell_rollback(
        session, endpoint, author, target.version, left, body.key, body.reason, **more
    )
    return None if flying is None else flying.number


async def _target(session: AsyncSession, endpoint: Endpoint, version: int | None) -> Revision:
    """The loaded revision to go back to."""
    loaded = {r.number: r for r in await queries.revisions(session, endpoint) if r.state == Loaded.READY}
    if version is None:
        history = [change.revision for change in await queries.changes(session, endpoint)]
        number = next((n for n in history if n != endpoint.stable and n in loaded), None)
        if number is None:
            raise Conflict(f"No earlier revision of {endpoint.name} is loaded.")
        return loaded[number]
    found = [revision for revision in loaded.values() if revision.version == version]
    if not found:
        raise Conflict(f"Version {version} is not loaded behind {endpoint.name}; start a rollout of it.")
    return found[-1]


async def retain(session: AsyncSession, endpoint: Endpoint, body: Retain) -> None:
    """Retire every loaded revision that neither serves nor is named."""
    flying = await rollouts.in_flight(session, endpoint)
    used = {endpoint.stable, flying.revision if flying else None}
    for revision in await queries.revisions(session, endpoint):
        if (
            revision.state == Loaded.READY
            and revision.number not in used
            and revision.version not in body.versions
        ):
            await queries.set_loaded(session, revision, Loaded.RETIRED)


async def delete(session: AsyncSession, endpoint: Endpoint) -> None:
    """Retire everything; the row stays, so that revision names are never used again."""
    for revision in await queries.revisions(session, endpoint):
        if revision.state in (Loaded.READY, Loaded.LOADING):
            await queries.set_loaded(session, revision, Loaded.RETIRED)
    endpoint.deleted_at, endpoint.stable = utcnow(), None
    await session.flush()


def check_name(name: str) -> None:
    """Raises: BadInput for a name that could be taken for a revision's."""
    if "--" in name:
        raise BadInput("An endpoint's name cannot contain '--': revisions are named <endpoint>--r<number>.")
