"""Record the intent to roll out a version: its revision, and the rollout that moves traffic to it."""

from millrace_contracts.endpoints import RevisionState
from millrace_contracts.rollouts import RolloutState, RolloutWrite
from millrace_core.database import AsyncSession, utcnow
from millrace_core.errors import Conflict
from millrace_serving.revisions import queries as endpoints
from millrace_serving.revisions.repeats import digest_of
from millrace_serving.rollouts import decisions, queries
from millrace_serving.tables import Endpoint, Revision, Rollout


async def start_rollout(
    session: AsyncSession, endpoint: Endpoint, body: RolloutWrite, author: str
) -> tuple[Rollout, bool]:
    """Record the intent to roll out a version; (rollout, whether it is new).

    Raises: Conflict for another body under the same key, or when one is in flight.
    """
    digest = digest_of(body)
    earlier = await queries.by_key(session, endpoint, body.key)
    if earlier is not None:
        if earlier.body_digest != digest:
            raise Conflict(f"The key was used for rollout {earlier.number} with another body.")
        return earlier, False
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
        state=RolloutState.LOADING,
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
    await queries.add(session, endpoint, made)
    await decisions.tell_started(session, made, author)
    return made, True


async def _revision(session: AsyncSession, endpoint: Endpoint, body: RolloutWrite) -> Revision:
    """The loaded revision of that version, or a new one."""
    digest = body.files.digest("model")
    loaded = await endpoints.loaded_version(session, endpoint, body.version, digest)
    if loaded is not None:
        if loaded.number == endpoint.stable:
            raise Conflict(f"Version {body.version} already serves {endpoint.name}.")
        return loaded
    return await endpoints.add_revision(
        session,
        endpoint,
        version=body.version,
        digest=digest,
        signature=body.signature.model_dump(mode="json"),
        golden=body.golden.model_dump(mode="json"),
        state=RevisionState.LOADING,
        reason="",
        placement=body.placement.model_dump(mode="json", by_alias=True, exclude_none=True)
        if body.placement
        else {},
        loop=body.loop,
        run=body.run,
    )
