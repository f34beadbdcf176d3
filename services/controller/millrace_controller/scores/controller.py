"""Keeps declared rows scored: a scoring is intended, then its jobs are there, then what came of it is kept.

One job reads what is new, and what it read is kept; another scores that. So whatever is killed, the same rows are
scored once, by the same version, into the same place.
"""

from collections.abc import Mapping
from datetime import datetime

from millrace.transport.errors import ApiError
from millrace_contracts.batches import BatchSpec, GatherResult
from millrace_contracts.jobs import JobLimits, JobRead, JobState
from millrace_contracts.scoring import ScoreResult
from millrace_controller import batches, passes
from millrace_controller.batches import Standing
from millrace_controller.lookup import queries as lookup
from millrace_controller.scores import asking, queries
from millrace_controller.services import Services
from millrace_controller.sources import schedule
from millrace_controller.tables import Loop, Outbox, Scoring
from millrace_core.database import utcnow
from millrace_core.errors import Conflict
from millrace_core.outbox import decide
from millrace_core.reconcile import run_forever

EVERY = 2.0
REFUSED = (400, 404, 409, 422)
"""Answers that another try at once does not change."""
GOING_OUT = ("log", "write")
"""Steps of a job from which on some of the answers may be out: then the very same ones are written again."""
TOLD = 1000


async def keep_scores(services: Services) -> None:
    """Background task: every few seconds, every declared batch is looked after."""
    await run_forever("scores", lambda: one_pass(services), every=EVERY)


async def one_pass(services: Services) -> None:
    """Do for every loop what can be done now."""
    async with services.readers() as session:
        loops = await lookup.with_batch(session)
    await passes.over(services, loops, step, "declared rows cannot be scored")


async def step(services: Services, loop: Loop) -> bool:
    """The next thing to do for what a loop scores; False when it has to wait."""
    batch = batches.declared(loop.spec)
    async with services.readers() as session:
        open_ = await queries.going_on(session, loop.id)
    if open_ is not None and (batch is None or batches.digest(batch) != batches.digest(open_.batch)):
        return await _drop(services, loop, open_)
    if open_ is not None:
        return await _go_on(services, loop, open_)
    if batch is None:
        return False
    if loop.batch is None or loop.batch.declared != batches.digest(batch):
        return await _begin(services, loop, batch)
    return await _open(services, loop, batch, loop.batch)


async def _begin(services: Services, loop: Loop, batch: BatchSpec) -> bool:
    """Note what is declared, and since when; numbers go on."""
    async with services.sessions.begin() as session:
        await queries.note(session, loop, batches.begun(batch, loop.batch, utcnow()))
    services.changes.ring()
    return True


async def _open(services: Services, loop: Loop, batch: BatchSpec, standing: Standing) -> bool:
    """Open the scoring that is due, once; without a champion it is made up for later."""
    if loop.champion is None:
        return False
    due = batch.due(standing.due, standing.since, utcnow(), loop.spec.data.timezone)
    if due is None and not standing.more:
        return False
    key = f"more/{standing.number}" if due is None else f"due/{due.isoformat()}/{loop.generation}"
    async with services.sessions.begin() as session:
        kept = await session.get_one(Loop, loop.id)
        await queries.add(session, kept, batch, key, asking.CONTROLLER, due or standing.due)
    services.changes.ring()
    return True


async def _drop(services: Services, loop: Loop, scoring: Scoring) -> bool:
    """Another batch is declared: this one is not gone on with. Its rows are the next one's."""
    if scoring.job is not None:
        await services.clients.training.cancel(scoring.job, project=loop.project)
    values = {"state": "failed", "message": "Something else is declared by now.", "next_at": None}
    async with services.sessions.begin() as session:
        await queries.move(session, scoring, **values, ended_at=utcnow())
    services.changes.ring()
    return True


async def _go_on(services: Services, loop: Loop, scoring: Scoring) -> bool:
    """The job of a scoring: asked for under its key, which is asking how it stands if it is there already."""
    now = utcnow()
    if scoring.state == "failed":
        return (
            scoring.next_at is not None and now >= scoring.next_at and await _again(services, loop, scoring)
        )
    try:
        job = await _job(services, loop, scoring)
        if not job.state.ended:
            await _see(services, loop, scoring, job)
            return False
        if job.state != JobState.SUCCEEDED:
            detail = job.error.detail if job.error is not None else f"The job was {job.state}."
            await _fail(services, loop, scoring, detail, now, job)
            return False
        if scoring.state == "reading":
            await _gathered(services, loop, scoring, GatherResult.model_validate(job.result))
            return True
        await _scored(services, loop, scoring, ScoreResult.model_validate(job.result))
        return True
    except ApiError as error:
        if error.status not in REFUSED:
            raise
        await _fail(services, loop, scoring, str(error), now)
        return False


async def _job(services: Services, loop: Loop, scoring: Scoring) -> JobRead:
    training = services.clients.training
    if scoring.job is not None:
        return await training.job(scoring.job, project=loop.project)
    key = f"{loop.project}/{loop.name}/scoring/{scoring.number}/{scoring.state}/{scoring.attempts}"
    where = loop.spec.placement if services.settings.platform == "kubernetes" else None
    limits = JobLimits(memory_mb=loop.spec.training.limits.megabytes(), placement=where)
    if scoring.spec is not None:
        return await training.submit(scoring.spec, key, limits=limits, loop=loop.name, project=loop.project)
    async with services.readers() as session:
        before = await queries.before(session, loop.id)
    asked = asking.gather(loop, scoring, before)
    return await training.submit(asked, key, limits=limits, loop=loop.name, project=loop.project)


async def _see(services: Services, loop: Loop, scoring: Scoring, job: JobRead) -> None:
    """Remember which job it is, and what it waits for that will not pass by itself."""
    stuck = "" if job.waiting is None else job.waiting.reason
    known = "" if loop.batch is None else loop.batch.stuck
    if scoring.job == job.id and stuck == known:
        return
    message = job.waiting.message[:TOLD] if job.waiting is not None else ""
    standing = {"state": scoring.state, "stuck": stuck} | ({"message": message} if stuck != known else {})
    await _move(services, loop, scoring, {"job": job.id}, standing)


async def _gathered(services: Services, loop: Loop, scoring: Scoring, came: GatherResult) -> None:
    """What was read is fixed from here on; where nothing is new, that is all."""
    notes = " ".join(came.notes)
    if not came.files:
        message = f"There are no new rows. {notes}".strip()[:TOLD]
        await _end(services, loop, scoring, message, {"before": came.before})
        return
    try:
        spec = await asking.score(services, loop, scoring, came)
    except Conflict as error:
        await _fail(services, loop, scoring, error.detail, utcnow())
        return
    values = {"state": "scoring", "job": None, "spec": spec, "before": came.before, "more": came.more}
    await _move(services, loop, scoring, values | {"message": notes[:TOLD]}, {"state": "scoring"})


async def _scored(services: Services, loop: Loop, scoring: Scoring, result: ScoreResult) -> None:
    await _end(services, loop, scoring, asking.told(result)[:TOLD], {"result": result}, result)


async def _end(
    services: Services,
    loop: Loop,
    scoring: Scoring,
    message: str,
    values: Mapping[str, object],
    result: ScoreResult | None = None,
) -> None:
    """It has ended well: that, how the loop stands, and the decision are one transaction."""
    ended = dict(values) | {"state": "succeeded", "message": message, "next_at": None, "ended_at": utcnow()}
    async with services.sessions.begin() as session:
        await queries.move(session, scoring, **ended)
        await queries.forget_before(session, scoring) if scoring.before or values.get("before") else None
        kept = await session.get_one(Loop, loop.id)
        if result is not None:
            await decide(session, Outbox, asking.written(kept, scoring, result))
        if kept.batch is not None:
            rows = kept.batch.rows + (0 if result is None else result.rows)
            change = {
                "rows": rows,
                "more": scoring.more,
                "failures": 0,
                "stuck": "",
                "message": message,
                "next_at": None,
            }
            await queries.note(session, kept, kept.batch.model_copy(update={"state": "waiting", **change}))
    services.changes.ring()


async def _fail(
    services: Services, loop: Loop, scoring: Scoring, why: str, now: datetime, job: JobRead | None = None
) -> None:
    """Tried again, later each time: what may be out already as it was, else from the reading on."""
    failures = 1 if loop.batch is None else loop.batch.failures + 1
    next_at = now + schedule.pause(failures)
    out = job is not None and job.progress is not None and job.progress.step in GOING_OUT
    kept = {} if out and scoring.spec is not None else {"spec": None, "before": None, "more": False}
    values = kept | {"state": "failed", "message": why[:TOLD], "next_at": next_at}
    standing = {
        "state": "failing",
        "failures": failures,
        "stuck": "",
        "message": why[:TOLD],
        "next_at": next_at,
    }
    await _move(services, loop, scoring, values | {"job": None if job is None else job.id}, standing)


async def _again(services: Services, loop: Loop, scoring: Scoring) -> bool:
    state = "reading" if scoring.spec is None else "scoring"
    values = {"state": state, "attempts": scoring.attempts + 1, "job": None, "next_at": None}
    await _move(services, loop, scoring, values, {"state": state, "next_at": None})
    return True


async def _move(
    services: Services,
    loop: Loop,
    scoring: Scoring,
    values: Mapping[str, object],
    standing: Mapping[str, object],
) -> None:
    """Change a scoring, and how its loop stands, in one transaction."""
    async with services.sessions.begin() as session:
        await queries.move(session, scoring, **values)
        kept = await session.get_one(Loop, loop.id)
        if kept.batch is not None:
            await queries.note(session, kept, kept.batch.model_copy(update=standing))
    services.changes.ring()
