"""The training service: jobs that check data, train and evaluate; one method a route."""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

import orjson

from millrace.aio.api import AsyncApi
from millrace.transport.answers import Event
from millrace.transport.errors import JobFailed
from millrace.transport.requests import Call, get, part, post
from millrace_contracts.batches import GatherSpec
from millrace_contracts.bodies import Page
from millrace_contracts.compressing import CompressSpec
from millrace_contracts.jobs import JobKind, JobLimits, JobNew, JobRead, JobState, LogPiece, TrialRead
from millrace_contracts.learning import EvaluateSpec, TrainSpec
from millrace_contracts.pulls import LookSpec, PullSpec
from millrace_contracts.room import RoomRead, RoomWrite, RunSize
from millrace_contracts.rows import InferSpec, IngestSpec, RowsNew, SentCell, ValidateSpec
from millrace_contracts.scoring import ScoreSpec
from millrace_contracts.streams import StreamedBatch, StreamRead

JobSpec = (
    InferSpec
    | IngestSpec
    | PullSpec
    | LookSpec
    | ValidateSpec
    | TrainSpec
    | EvaluateSpec
    | CompressSpec
    | GatherSpec
    | ScoreSpec
)
KINDS: dict[type[JobSpec], JobKind] = {
    InferSpec: "infer",
    IngestSpec: "ingest",
    PullSpec: "pull",
    LookSpec: "look",
    ValidateSpec: "validate",
    TrainSpec: "train",
    EvaluateSpec: "evaluate",
    CompressSpec: "compress",
    GatherSpec: "gather",
    ScoreSpec: "score",
}
LONGEST_WAIT = 30.0


class AsyncTraining:
    """Jobs of the training service.

    Every method raises ApiError when it refuses. *project* of a call overrides the client's own.
    """

    def __init__(self, api: AsyncApi) -> None:
        self.api = api

    async def submit(
        self,
        spec: JobSpec,
        key: str,
        *,
        limits: JobLimits | None = None,
        loop: str | None = None,
        loop_run: int | None = None,
        project: str | None = None,
    ) -> JobRead:
        """Submit a job of the kind that *spec* asks for; the same *key* again gives the job it already is.

        *limits*: memory, time, and where in a cluster it may run; a place is refused where there is no cluster.
        """
        body = JobNew(
            key=key,
            kind=KINDS[type(spec)],
            spec=spec.model_dump(mode="json", by_alias=True, exclude_unset=True),
            limits=limits or JobLimits(),
            loop=loop,
            loop_run=loop_run,
        )
        return await self.api.answer(JobRead, post("/v1/jobs", body, project=project))

    async def job(self, id: str, wait: float = 0, *, project: str | None = None) -> JobRead:
        """One job; with *wait*, as soon as it is over or after that many seconds (60 at most)."""
        return await self.api.answer(JobRead, get(f"/v1/jobs/{part(id)}", project=project, wait=wait or None))

    async def jobs(
        self,
        state: JobState | None = None,
        loop: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
        *,
        project: str | None = None,
    ) -> Page[JobRead]:
        """A page of jobs, newest first."""
        call = get("/v1/jobs", project=project, state=state, loop=loop, limit=limit, cursor=cursor)
        return await self.api.answer(Page[JobRead], call)

    async def wait(
        self,
        id: str,
        timeout: float | None = None,
        progress: Callable[[JobRead], None] = lambda _: None,
        *,
        project: str | None = None,
    ) -> JobRead:
        """Wait until the job has succeeded and return it; *progress* is called with it meanwhile.

        Raises: JobFailed if it failed or was cancelled; TimeoutError after *timeout* seconds.
        """
        deadline = time.monotonic() + (timeout if timeout is not None else float("inf"))
        while True:
            wait = max(0.0, min(LONGEST_WAIT, deadline - time.monotonic()))
            job = await self.job(id, wait, project=project)
            progress(job)
            if job.state == JobState.SUCCEEDED:
                return job
            if job.state.ended:
                raise JobFailed(job)
            if time.monotonic() >= deadline:
                raise TimeoutError(f"job {job.key} is still {job.state} after {timeout:g} s")

    async def run(
        self,
        spec: JobSpec,
        key: str,
        *,
        limits: JobLimits | None = None,
        loop: str | None = None,
        loop_run: int | None = None,
        project: str | None = None,
    ) -> JobRead:
        """Submit a job, wait until it has succeeded, and return it. Raises: JobFailed."""
        job = await self.submit(spec, key, limits=limits, loop=loop, loop_run=loop_run, project=project)
        return await self.wait(job.id, project=project)

    async def events(self, id: str, after: int = 0, *, project: str | None = None) -> AsyncIterator[Event]:
        """The job's events (progress, trial, log, end) from the byte *after* to its end."""
        call = Call(
            "GET", f"/v1/jobs/{part(id)}/events", headers={"last-event-id": str(after)}, project=project
        )
        async for event in self.api.events(call):
            yield event

    async def log(
        self, id: str, after: int | None = None, most: int = 2**16, *, project: str | None = None
    ) -> LogPiece:
        """What the job's process or pod printed: *most* bytes behind the byte *after*, or the last ones."""
        call = get(f"/v1/jobs/{part(id)}/log", project=project, after=after, most=most)
        return await self.api.answer(LogPiece, call)

    async def cancel(self, id: str, *, project: str | None = None) -> JobRead:
        """Stop a job; one that has ended stays as it is."""
        return await self.api.answer(JobRead, post(f"/v1/jobs/{part(id)}:cancel", project=project))

    async def room(self, sizes: Sequence[RunSize]) -> RoomRead:
        """What fits now of each of the *sizes*, in all projects together."""
        return await self.api.answer(RoomRead, post("/v1/room", RoomWrite(sizes=list(sizes))))

    async def trials(self, id: str, *, project: str | None = None) -> list[TrialRead]:
        """Every trial of the job's searches, by study and number, whether finished or running."""
        return await self.api.every(TrialRead, get(f"/v1/jobs/{part(id)}/trials", project=project))

    async def infer(self, sample: InferSpec, *, project: str | None = None) -> JobRead:
        """Start inferring a contract from an uploaded sample; returns the job."""
        return await self.api.answer(JobRead, post("/v1/contracts:infer", sample, project=project))

    async def push_rows(
        self, dataset: str, rows: RowsNew | Sequence[Mapping[str, SentCell]], *, project: str | None = None
    ) -> JobRead:
        """Send rows to a dataset, alone or with the contract they must fulfil; returns the ingest job."""
        body = rows if isinstance(rows, RowsNew) else RowsNew(rows=[dict(row) for row in rows])
        call = post(f"/v1/datasets/{part(dataset)}/rows", body, project=project, timeout=120)
        return await self.api.answer(JobRead, call)

    async def stream_rows(
        self,
        loop: str,
        rows: bytes | Sequence[Mapping[str, SentCell]],
        key: str,
        *,
        patience: float = 600,
        project: str | None = None,
    ) -> StreamedBatch:
        """Send a batch of rows to a loop's stream; when this returns they are kept, and come into the dataset once.

        While too many rows wait there, it waits as long as it is asked to, for *patience* seconds altogether.

        Args:
            rows: as objects, or as JSON lines.
            key: the batch's own name; the same key again, after whatever failure, is the same batch.
        """
        lines = rows if isinstance(rows, bytes) else b"\n".join(orjson.dumps(row) for row in rows)
        headers = {"idempotency-key": key, "content-type": "application/x-ndjson"}
        path = f"/v1/streams/{part(loop)}/rows"
        call = Call("POST", path, content=lines, headers=headers, project=project, patience=patience)
        return await self.api.answer(StreamedBatch, call)

    async def stream(self, loop: str, *, project: str | None = None) -> StreamRead:
        """How a loop's stream stands. Raises: ApiError 404 before its first batch."""
        return await self.api.answer(StreamRead, get(f"/v1/streams/{part(loop)}", project=project))

    async def streams(self, *, project: str | None = None) -> list[StreamRead]:
        """The streams of all loops, by loop."""
        return await self.api.every(StreamRead, get("/v1/streams", project=project))

    async def deliver_stream(self, loop: str, *, project: str | None = None) -> StreamRead:
        """Ask that what was streamed by now is delivered as soon as possible, however little it is."""
        return await self.api.answer(StreamRead, post(f"/v1/streams/{part(loop)}:deliver", project=project))
