"""Record the intent to roll out a version: its revision, and the rollout that moves traffic to it."""

from collections.abc import Sequence

from millrace_contracts.endpoints import RevisionState
from millrace_contracts.rollouts import NOBODY, RolloutPlan, RolloutState, RolloutWrite, TrafficStep
from millrace_core.database import AsyncSession, utcnow
from millrace_core.errors import Conflict
from millrace_serving.choice import Choice, Node, choose
from millrace_serving.revisions import queries as endpoints
from millrace_serving.revisions.repeats import digest_of
from millrace_serving.revisions.wire import form, told
from millrace_serving.rollouts import decisions, queries
from millrace_serving.rollouts.plan import steps
from millrace_serving.rollouts.transitions import AUTHOR, Findings, abort_within
from millrace_serving.tables import Endpoint, Revision, Rollout

SWITCH = "form "
"""How keys of rollouts begin that bring a served version into another form."""
USUAL = RolloutPlan(
    mirror=TrafficStep(percent=100, seconds=86400), canary=[TrafficStep(percent=10, seconds=86400)]
)
"""How a form is rolled out on an endpoint that never had a rollout with steps: a day of copies, a day of a tenth."""


async def start_switch(session: AsyncSession, endpoint: Endpoint, stable: Revision, chosen: Choice) -> bool:
    """Record the intent to bring the version that serves into another form; False if that was tried before."""
    key = f"{SWITCH}{stable.version} {chosen.target} {chosen.digest}"
    if await queries.by_key(session, endpoint, key) is not None:
        return False
    same = ("version", "base", "offered", "signature", "golden", "placement", "loop", "run")
    kept = {name: getattr(stable, name) for name in same} | {"base": stable.base or stable.digest}
    more = {"digest": chosen.digest, "target": chosen.target, "form": told(chosen)}
    state = {"state": RevisionState.LOADING, "reason": ""}
    revision = await endpoints.add_revision(session, endpoint, **kept, **more, **state)
    earlier = await queries.newest_first(session, endpoint, 20, None)
    plan = next((item.plan for item in earlier if steps(item.plan)), USUAL.model_dump(mode="json"))
    made = _begun(
        endpoint,
        revision,
        key=key,
        body_digest=chosen.digest,
        plan=plan,
        event_time=endpoint.event_time,
        loop=stable.loop,
        run=stable.run,
        cause=None,
    )
    await queries.add(session, endpoint, made)
    await decisions.tell_started(session, made, AUTHOR, form(revision))
    return True


async def start_rollout(
    session: AsyncSession, endpoint: Endpoint, body: RolloutWrite, author: str, nodes: Sequence[Node] = ()
) -> tuple[Rollout, bool]:
    """Record the intent to roll out a version; (rollout, whether it is new).

    Args:
        nodes: the kinds of machine that will run it, for which its form is chosen.

    Raises: Conflict for another body under the same key, or when one is in flight.
    """
    digest = digest_of(body)
    earlier = await queries.by_key(session, endpoint, body.key)
    if earlier is not None:
        if earlier.body_digest != digest:
            raise Conflict(f"The key was used for rollout {earlier.number} with another body.")
        return earlier, False
    flying = await queries.in_flight(session, endpoint)
    if flying is not None and flying.key.startswith(SWITCH):
        words = f"It gives way to version {body.version}."
        await abort_within(session, endpoint, flying.number, words, None, Findings(), AUTHOR)
    if body.model != endpoint.model:
        raise Conflict(f"The endpoint {endpoint.name} serves the model {endpoint.model}, not {body.model}.")
    await _expects(session, endpoint, body.expected_stable)
    revision = await _revision(session, endpoint, body, nodes)
    made = _begun(
        endpoint,
        revision,
        key=body.key,
        body_digest=digest,
        plan=body.plan.model_dump(mode="json"),
        event_time=body.event_time,
        loop=body.loop,
        run=body.run,
        cause=body.cause,
    )
    await queries.add(session, endpoint, made)
    await decisions.tell_started(session, made, author, form(revision) if revision.offered else None)
    return made, True


def _begun(endpoint: Endpoint, revision: Revision, **intent: object) -> Rollout:
    """A rollout of a revision behind the one that serves, before its first step."""
    return Rollout(
        project=endpoint.project,
        endpoint=endpoint.name,
        revision=revision.number,
        previous=endpoint.stable,
        model=endpoint.model,
        version=revision.version,
        state=RolloutState.LOADING,
        step=0,
        step_since=None,
        reason="",
        evidence=[],
        created_at=utcnow(),
        **intent,
    )


async def _expects(session: AsyncSession, endpoint: Endpoint, version: int | None) -> None:
    """Raises: Conflict if another version answers than the one that the caller believes."""
    if version is None:
        return
    stable = None if endpoint.stable is None else await endpoints.revision(session, endpoint, endpoint.stable)
    now = NOBODY if stable is None else stable.version
    if now != version:
        told = f"version {now}" if now else "no version"
        raise Conflict(f"Behind {endpoint.name} {told} answers, not version {version}; nothing was begun.")


async def _revision(
    session: AsyncSession, endpoint: Endpoint, body: RolloutWrite, nodes: Sequence[Node]
) -> Revision:
    """The loaded revision of that version in the form that its nodes should get, or a new one."""
    digest = body.files.digest("model")
    if endpoint.stable is not None:
        stable = await endpoints.revision(session, endpoint, endpoint.stable)
        if (stable.version, stable.base or stable.digest) == (body.version, digest):
            raise Conflict(f"Version {body.version} already serves {endpoint.name}.")
    variants = [item for item in body.variants or () if item.state != "refused"]
    if endpoint.mode != "live":
        variants = []
    own = await endpoints.measured(session, [item.digest for item in variants if item.digest])
    chosen = choose(digest, variants, nodes, own)
    loaded = await endpoints.loaded_version(session, endpoint, body.version, chosen.digest)
    if loaded is not None:
        return loaded
    return await endpoints.add_revision(
        session,
        endpoint,
        version=body.version,
        digest=chosen.digest,
        target=chosen.target,
        base=digest,
        offered=[item.model_dump(mode="json", exclude={"slices", "difference"}) for item in variants],
        form=told(chosen),
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
