"""Makes deliveries of what was streamed: which batches is written down first, then there is a job, then its rows go.

Each step is one transaction of the service's database, and the next one begins with what the last one wrote. So
whatever is killed when, a batch becomes part of one delivery, and a delivery is one job.
"""

import asyncio
from datetime import datetime, timedelta

import httpx

from millrace.delivery import ingest_spec
from millrace.transport.errors import ApiError
from millrace_contracts.deliveries import ArtifactSource
from millrace_contracts.jobs import JobLimits, JobNew
from millrace_contracts.loop import ModelLoop, Spec
from millrace_contracts.rows import IngestResult
from millrace_core import pauses
from millrace_core.database import utcnow
from millrace_core.errors import MillraceError
from millrace_core.log import log
from millrace_core.reconcile import run_forever
from millrace_training.jobs import queries as jobs
from millrace_training.jobs.states import TERMINAL, State
from millrace_training.services import Services
from millrace_training.settings import TrainingSettings
from millrace_training.streams import queries
from millrace_training.tables import Job, Stream

EVERY, SWEEP_SECONDS = 1.0, 3600.0
FIRST, LONGEST = 5.0, 1800.0
"""Seconds after the first delivery that did not come through, and the most there are after many."""
GZIP = "application/gzip"
TOLD = 1000


async def keep_streams(services: Services) -> None:
    """Background task: every second, every stream in which rows wait is looked after."""
    await run_forever("streams", lambda: one_pass(services), every=EVERY, wake=services.streamed)


async def sweep_streams(services: Services) -> None:
    """Background task: forget the keys of batches that were delivered long ago."""

    async def once() -> None:
        before = utcnow() - timedelta(hours=services.settings.stream_key_hours)
        forgotten = 1
        while forgotten:
            async with services.sessions.begin() as session:
                forgotten = await queries.forget(session, before)
            await asyncio.sleep(0)

    await run_forever("stream keys", once, every=SWEEP_SECONDS)


async def one_pass(services: Services) -> None:
    """Do for every stream what can be done now; one that makes trouble does not keep the others waiting."""
    async with services.readers() as session:
        streams = await queries.at_work(session)
    for stream in streams:
        try:
            while await step(services, stream):
                async with services.readers() as session:
                    stream = await queries.get(session, stream.project, stream.loop)
        except (ApiError, MillraceError, httpx.TransportError) as error:
            log.warning("a stream cannot be delivered", loop=stream.loop, error=str(error)[:500])
            await _fail(services, stream, str(error))


async def step(services: Services, stream: Stream) -> bool:
    """The next thing to do for a stream; False when it has to wait."""
    if stream.chosen_number is None:
        if not due(stream, services.settings, utcnow()):
            return False
        async with services.sessions.begin() as session:
            mine = await queries.hold(session, stream.id)
            if mine.chosen_number is None:
                await queries.choose(session, mine, services.settings.stream_rows)
        return True
    if stream.job is None:
        if stream.retry_at is not None and utcnow() < stream.retry_at:
            return False
        return await _begin(services, stream)
    return await _ended(services, stream)


def due(stream: Stream, settings: TrainingSettings, now: datetime) -> bool:
    """Whether there are enough rows for a delivery, or they have waited long enough, or somebody wants one."""
    if stream.last_number == stream.settled_number:
        return False
    waits = timedelta(0) if stream.oldest_at is None else now - stream.oldest_at
    return (
        stream.pending_rows >= settings.stream_rows
        or stream.pending_bytes >= settings.stream_bytes // 2
        or stream.wanted_number > stream.settled_number
        or waits >= timedelta(seconds=settings.stream_seconds)
    )


async def _begin(services: Services, stream: Stream) -> bool:
    """The rows as an artifact, and the job that holds them to the contract as the loop has it now."""
    spec = await _spec(services, stream)
    async with services.readers() as session:
        data = await queries.chosen(session, stream)
    digest = await services.clients.registry.put_artifact(data, GZIP, project=stream.project, retry=False)
    new = _job(stream, spec, digest)
    async with services.sessions.begin() as session:
        begun = await queries.begin(session, stream, new)
    services.wakeup.nudge()
    return begun


async def _spec(services: Services, stream: Stream) -> Spec:
    declared = await services.clients.controller.loop(stream.loop, project=stream.project)
    return ModelLoop.stored(declared.document).spec


def _job(stream: Stream, spec: Spec, digest: str) -> JobNew:
    span = f"{stream.settled_number + 1}-{stream.chosen_number}"
    source = ArtifactSource(
        kind="artifact",
        digest=digest,
        name=f"stream {span}",
        format="jsonl",
        origin="rows",
        delivery=f"{stream.loop} {span}",
    )
    asked = ingest_spec(spec, source)
    return JobNew(
        key=f"{stream.project}/{stream.loop}/stream/{span}/{stream.failures}",
        kind="ingest",
        spec=asked.model_dump(mode="json", by_alias=True, exclude_unset=True),
        limits=JobLimits(memory_mb=spec.training.limits.megabytes()),
        loop=stream.loop,
    )


async def _ended(services: Services, stream: Stream) -> bool:
    """Whether the delivery's job is over; then its rows go, or it is tried again."""
    assert stream.job is not None
    async with services.readers() as session:
        job = await jobs.get(session, stream.project, stream.job)
    if job.state not in TERMINAL:
        return False
    if job.state != State.SUCCEEDED:
        await _fail(services, stream, _reason(job))
        return False
    result = IngestResult.model_validate(job.result)
    async with services.sessions.begin() as session:
        await queries.settle(
            session, stream, result.new_rows, result.quarantine is None, result.reason[:TOLD]
        )
    return True


def _reason(job: Job) -> str:
    return f"The job was {job.state}." if job.error is None else str(job.error["detail"])


async def _fail(services: Services, stream: Stream, why: str) -> None:
    """Try again, later each time; the rows stay, and when there are too many, senders wait."""
    if stream.chosen_number is None:
        return
    retry_at = utcnow() + timedelta(seconds=pauses.seconds(FIRST, stream.failures, LONGEST))
    async with services.sessions.begin() as session:
        await queries.fail(session, stream, retry_at, why[:TOLD])
