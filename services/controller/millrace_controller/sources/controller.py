"""Keeps sources looked at: a look is intended, then its job is there, then what came of it is kept."""

from millrace.transport.errors import ApiError
from millrace_contracts.jobs import JobLimits, JobRead
from millrace_contracts.pulls import PullSpec
from millrace_contracts.sources import Source
from millrace_controller import passes, polls
from millrace_controller.lookup import queries as lookup
from millrace_controller.polls import Poll
from millrace_controller.services import Services
from millrace_controller.sources import queries, schedule
from millrace_controller.tables import Loop
from millrace_core.database import utcnow
from millrace_core.reconcile import run_forever

EVERY = 2.0


async def keep_sources(services: Services) -> None:
    """Background task: every few seconds, every source is looked after."""
    await run_forever("sources", lambda: one_pass(services), every=EVERY)


async def one_pass(services: Services) -> None:
    """Do for every source what can be done now."""
    async with services.readers() as session:
        loops = await lookup.with_source(session)
    await passes.over(services, loops, step, "a source cannot be looked after")


async def step(services: Services, loop: Loop) -> bool:
    """The next thing to do for a loop's source; False when it has to wait."""
    source = polls.polled(loop.spec)
    if source is None:
        return False
    if loop.poll is not None and loop.poll.key is not None:
        return await _look(services, loop, source, loop.poll)
    if not schedule.due(loop.poll, source, utcnow()):
        return False
    place = f"{loop.project}/{loop.name}/{loop.generation}"
    await _keep(services, loop, schedule.begun(loop.poll, source, place))
    return True


async def _look(services: Services, loop: Loop, source: Source, poll: Poll) -> bool:
    """The job of a look: asked for under its key, which is asking how it stands if it is there already."""
    try:
        job = await _job(services, loop, source, poll)
    except ApiError as error:
        if error.status not in (400, 409, 422):
            raise
        await _keep(services, loop, schedule.failed(poll, source, str(error), utcnow()))
        return False
    if not job.state.ended:
        goes_on = schedule.going(poll, job)
        if goes_on != poll:
            await _keep(services, loop, goes_on)
        return False
    after = schedule.ended(poll.model_copy(update={"job": job.id}), source, job, utcnow())
    await _keep(services, loop, after)
    if after.new_rows > poll.new_rows:
        services.changes.work.set()
    return False


async def _job(services: Services, loop: Loop, source: Source, poll: Poll) -> JobRead:
    training, spec = services.clients.training, loop.spec
    if poll.job is not None:
        return await training.job(poll.job, project=loop.project)
    asked = PullSpec(
        dataset=spec.data.dataset,
        loop=loop.name,
        source=source,
        contract=spec.data.contract,
        target=spec.target,
        event_time=spec.data.event_time,
        timezone=spec.data.timezone,
        dialect=source.dialect,
    )
    limits = JobLimits(memory_mb=spec.training.limits.megabytes())
    assert poll.key is not None
    return await training.submit(asked, poll.key, limits=limits, loop=loop.name, project=loop.project)


async def _keep(services: Services, loop: Loop, poll: Poll) -> None:
    async with services.sessions.begin() as session:
        await queries.note(session, loop, poll)
    services.changes.ring()
