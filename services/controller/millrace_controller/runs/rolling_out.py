"""The beginning of a rollout: the version that a run registered goes to serving, once its gates and people let it."""

from millrace.transport.errors import ApiError
from millrace_contracts.bodies import Document
from millrace_contracts.decisions import Decision, decision
from millrace_contracts.models import Golden, ModelVersionRead
from millrace_contracts.placement import ServerPlacement
from millrace_contracts.rollouts import NOBODY, RolloutPlan, RolloutWrite
from millrace_contracts.variants import BASE_TARGET, Latency, Measurement, ModelVariant
from millrace_controller.lookup import queries as lookup
from millrace_controller.runs import approval, binding, queries
from millrace_controller.runs.states import BUSY, State
from millrace_controller.services import Services
from millrace_controller.tables import Loop, Outbox, Run
from millrace_core.errors import BadInput, Conflict
from millrace_core.outbox import decide

LOAD_SECONDS = 30
"""Longest time that the beginning of a rollout waits for its candidate; it is loaded either way."""


async def begin(services: Services, project: str, name: str, number: int, version: int) -> Run:
    """Begin the rollout, or let the run wait for people who have to approve it; the same version again is the same.

    Raises: NotFound; Conflict if the gates have not passed, or the loop goes away; BadInput if there is no *version*.
    """
    async with services.readers() as session:
        loop = await lookup.get(session, project, name)
        run = await queries.get(session, loop, number)
    begun = run.rollout is not None or run.state == State.AWAITING_APPROVAL
    if begun and run.version == version:
        return run
    if run.verdict is None or run.verdict.verdict != "passed" or run.state not in BUSY:
        raise Conflict(f"Run {number} has not passed its gates, or is over ({run.state}).")
    if loop.state == "deleting":
        raise Conflict(f"{name} is being deleted; nothing of it is rolled out any more.")
    release = await _release(services, loop, version, number)
    registered = _registered(loop, run, release)
    rival = await _rival(services, loop, run)
    async with services.sessions.begin() as session:
        await decide(session, Outbox, registered)
        loop, run = await queries.locked(session, project, name, number)
        if approval.demanded(loop, run):
            await approval.ask(session, loop, run, release, rival)
            return run
    return await _roll_out(services, loop, run, release, registered, None)


async def begin_approved(services: Services, loop: Loop, run: Run) -> Run:
    """Begin the rollout for which people's approval was used; safe to repeat.

    What serving has begun already goes on, whatever was declared since: another order for it would be refused for ever.

    Raises: Changed if the registered version is not the approved one, another version answers by now, or nothing has
    begun and what was judged is not so any more.
    """
    assert run.approval is not None
    bound = run.approval.bound
    release = await _release(services, loop, bound.version, run.number)
    if release.digest != bound.digest:
        raise Changed(f"version {bound.version} is {release.digest}, and {bound.digest} was approved")
    begun = await _begun(services, loop, bound.version)
    if begun is not None:
        return await _note(services, loop, run, release, begun)
    if (why := binding.stale(loop, run)) is not None:
        raise Changed(why)
    stable = bound.champion or NOBODY
    try:
        return await _roll_out(services, loop, run, release, _registered(loop, run, release), stable)
    except ApiError as error:
        if error.status != 409 or (now := await _answers(services, loop)) == stable:
            raise
        raise Changed(f"version {now or 'none'} answers now, and it was judged against another") from error


async def _begun(services: Services, loop: Loop, version: int) -> int | None:
    """The rollout that serving began of a version before this controller could write it down; None: there is none."""
    rollouts = await services.clients.serving.rollouts(loop.name, project=loop.project)
    return min((item.id for item in rollouts if item.version == version), default=None)


class Changed(Exception):
    """What was approved is not what would be rolled out; the text says why."""


async def _answers(services: Services, loop: Loop) -> int:
    endpoint = await services.clients.serving.endpoint(loop.name, project=loop.project)
    return endpoint.stable_version or NOBODY


async def _rival(services: Services, loop: Loop, run: Run) -> ModelVersionRead | None:
    """The champion that the run was judged against, if somebody has to approve that."""
    number = binding.rival(run)
    if number is None or not approval.demanded(loop, run):
        return None
    return await services.clients.registry.version(loop.name, number, project=loop.project)


async def _roll_out(
    services: Services,
    loop: Loop,
    run: Run,
    release: ModelVersionRead,
    registered: Decision,
    stable: int | None,
) -> Run:
    """Start it at serving, then say so here. *stable*: the version that has to answer meanwhile; None: whichever."""
    order = _order(services, loop, run, release, registered)
    order = order.model_copy(update={"expected_stable": stable})
    return await _note(services, loop, run, release, await _started(services, loop, order))


async def _note(services: Services, loop: Loop, run: Run, release: ModelVersionRead, rollout: int) -> Run:
    """Write down that the run is being rolled out, and that its approval, if it needed one, is used."""
    async with services.sessions.begin() as session:
        loop = await lookup.get(session, loop.project, loop.name)
        run = await queries.get(session, loop, run.number)
        values = {"version": release.number, "digest": release.digest, "rollout": rollout}
        if run.approval is not None:
            values["approval"] = run.approval.model_copy(update={"state": "used"})
        await queries.move(session, run, State.ROLLING_OUT, **values)
    return run


async def _started(services: Services, loop: Loop, order: RolloutWrite) -> int:
    """Start the rollout, and wait for its candidate to be loaded and the gateway to send it what the plan says.

    A replay goes on only then: which requests are mirrored must not depend on how fast a model loads.
    Returns: its number; after LOAD_SECONDS in any case.
    """
    serving = services.clients.serving
    rollout = await serving.start_rollout(loop.name, order, project=loop.project)
    await serving.rollout(loop.name, rollout.id, wait=LOAD_SECONDS, project=loop.project)
    return rollout.id


def _order(
    services: Services, loop: Loop, run: Run, release: ModelVersionRead, registered: Decision
) -> RolloutWrite:
    spec = loop.spec
    placement = None
    if spec.placement is not None and services.settings.platform == "kubernetes":
        placement = ServerPlacement.model_validate(spec.placement.of_servers())
    plan = RolloutPlan.model_validate(spec.rollout.plan()) if loop.champion is not None else RolloutPlan()
    return RolloutWrite(
        key=f"{loop.name}/run-{run.number}",
        model=loop.name,
        version=release.number,
        signature=release.signature,
        files=release.files,
        golden=Golden.model_validate(release.golden),
        plan=plan,
        event_time=run.opened_at,
        loop=loop.name,
        run=run.number,
        cause=registered.id,
        placement=placement,
        variants=_offered(release) or None,
    )


def _offered(release: ModelVersionRead) -> list[ModelVariant]:
    """Its forms; of the base form what its search measured, if it did: serving measures that anew."""
    forms, front = [_short(item) for item in release.variants], release.front
    if front is None:
        return forms
    file = next(item for item in release.files.base().files if item.role == "model")
    searched = front.final or front.point(front.chosen).latencies
    measured = Measurement(
        node=front.node,
        threads=1,
        exclusive=front.exclusive,
        load=front.load,
        base=[Latency.model_validate(item.model_dump()) for item in searched],
        variant=[],
        speed_up=[],
    )
    made = ModelVariant(
        target=BASE_TARGET,
        state="kept",
        reason="the form that training exports",
        name=file.name,
        digest=file.digest,
        how="as exported",
    )
    first = next((item for item in forms if item.target == BASE_TARGET), made)
    others = [item for item in forms if item.target != BASE_TARGET]
    return [first.model_copy(update={"measured": measured}), *others]


def _short(variant: ModelVariant) -> ModelVariant:
    """What serving needs of a form: not why it was kept, slice by slice."""
    return variant.model_copy(update={"slices": [], "difference": None})


async def _release(services: Services, loop: Loop, number: int, run: int) -> ModelVersionRead:
    """The release unit that the run registered. Raises: BadInput if there is none, Conflict if another run made it."""
    try:
        release = await services.clients.registry.version(loop.name, number, project=loop.project)
    except ApiError as error:
        if error.status == 404:
            raise BadInput(f"{loop.name} has no version {number}.") from error
        raise
    if release.lineage.loop_run != run:
        raise Conflict(f"Version {number} of {loop.name} was not made by run {run}.")
    return release


def _forms(release: ModelVersionRead) -> Document:
    """Its other forms, if any: what was measured, and so no part of what is decided."""
    return {"variants": {item.target: item.state for item in release.variants}} if release.variants else {}


def _registered(loop: Loop, run: Run, release: ModelVersionRead) -> Decision:
    data = release.lineage.dataset_version
    return decision(
        project=loop.project, loop=loop.name, kind="model.registered", subject=f"{loop.name}/{release.number}",
        outcome="registered", event_time=run.opened_at, author="controller",
        reason=f"Version {release.number} is registered, from data version {data}.", run=run.number,
        evidence={"files": release.files.base().by_name(), "lineage": {"dataset_version": data}},
        measured={"digest": release.digest, **_forms(release)}, cause=run.decision,
    )  # fmt: skip
