"""The controller: loops, loop runs and backtests; one method a route."""

import time
import uuid
from asyncio import sleep
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

from millrace.aio.api import AsyncApi
from millrace.aio.approvals import AsyncApprovals
from millrace.aio.audit import AsyncAudited
from millrace.aio.overview import AsyncOverview
from millrace.transport.answers import read
from millrace.transport.requests import Call, delete, get, part, post, put
from millrace_contracts.adopting import AdoptWrite
from millrace_contracts.backtests import (
    BacktestOutcome,
    BacktestProgress,
    BacktestRead,
    BacktestWrite,
    DaysJudged,
    QuietDays,
)
from millrace_contracts.batches import ScoringRead, ScoringWrite
from millrace_contracts.capabilities import CapabilitiesRead
from millrace_contracts.closings import ClosedDay
from millrace_contracts.loop import ModelLoop
from millrace_contracts.loop_runs import (
    GateWrite,
    LoopRunRead,
    RefusalWrite,
    RegisteredWrite,
    RunPlan,
    StepName,
    StepWrite,
)
from millrace_contracts.loops import LoopOutline, LoopRead, RetrainWrite, RollbackWrite
from millrace_contracts.pulls import SourceRead
from millrace_contracts.rows import DeliveryReport
from millrace_contracts.verdicts import GatesVerdict

LONGEST_WAIT = 25.0
LOOK_SECONDS = 0.2


class AsyncController(AsyncApprovals, AsyncOverview, AsyncAudited):
    """Loops, their runs, and backtests.

    Every method raises ApiError when the controller refuses. *project* of a call overrides the client's own.
    """

    def __init__(self, api: AsyncApi) -> None:
        self.api = api

    async def apply(self, loop: ModelLoop, *, project: str | None = None) -> LoopRead:
        """Declare a loop; the controller makes it true. The same document again changes nothing."""
        call = Call("PUT", _path(loop.metadata.name), json=loop.document(), project=project)
        return await self.api.answer(LoopRead, call)

    async def loops(self, *, project: str | None = None) -> list[LoopRead]:
        """The project's loops by name."""
        return await self.api.every(LoopRead, get("/v1/loops", project=project))

    async def loop(self, loop: str, *, project: str | None = None) -> LoopRead:
        """One loop and where it stands."""
        return await self.api.answer(LoopRead, get(_path(loop), project=project))

    async def delete(self, loop: str, *, project: str | None = None) -> LoopRead:
        """End a loop and take its endpoint away; its data, versions and decisions stay."""
        return await self.api.answer(LoopRead, delete(_path(loop), project=project))

    async def pause(self, loop: str, *, project: str | None = None) -> LoopRead:
        """Open no more runs and do not go back by itself; a run in flight goes on."""
        return await self.api.answer(LoopRead, post(f"{_path(loop)}:pause", project=project))

    async def resume(self, loop: str, *, project: str | None = None) -> LoopRead:
        """Go on after a pause."""
        return await self.api.answer(LoopRead, post(f"{_path(loop)}:resume", project=project))

    async def wake(self, loop: str, *, project: str | None = None) -> None:
        """Look at once whether there is something to do (after a push of data)."""
        await self.api.send(post(f"{_path(loop)}:wake", project=project))

    async def source(self, loop: str, *, project: str | None = None) -> SourceRead:
        """How the loop's source stands. Raises: ApiError 404 for a loop whose rows are pushed."""
        return await self.api.answer(SourceRead, get(f"{_path(loop)}/source", project=project))

    async def pull(self, loop: str, *, project: str | None = None) -> SourceRead:
        """Look at the loop's source as soon as possible."""
        return await self.api.answer(SourceRead, post(f"{_path(loop)}:pull", project=project))

    async def scores(
        self, loop: str, last: int | None = None, *, project: str | None = None
    ) -> list[ScoringRead]:
        """Scorings of what the loop declares, the newest first; only so many, if *last* says it."""
        return await self.api.every(ScoringRead, get(f"{_path(loop)}/scores", project=project), last)

    async def scoring(
        self, loop: str, number: int, wait: float | None = None, *, project: str | None = None
    ) -> ScoringRead:
        """One scoring; with *wait*, as soon as it has ended or failed, or after that many seconds."""
        call = get(f"{_path(loop)}/scores/{number}", project=project, wait=wait)
        return await self.api.answer(ScoringRead, call)

    async def score(self, loop: str, key: str | None = None, *, project: str | None = None) -> ScoringRead:
        """Score what the loop declares, now; the same *key* again is the same scoring.

        Raises: ApiError 404 for a loop that declares nothing to score.
        """
        body = ScoringWrite(key=key or uuid.uuid4().hex)
        return await self.api.answer(ScoringRead, post(f"{_path(loop)}:score", body, project=project))

    async def retrain(
        self, loop: str, key: str | None = None, search: bool = False, *, project: str | None = None
    ) -> LoopRunRead:
        """Open a run by hand; *search*: search in full instead of fitting the best again.

        Args:
            key: the same key again is the same run; left out, it is the run after the newest one.
        """
        body = RetrainWrite(key=key, search=search)
        return await self.api.answer(LoopRunRead, post(f"{_path(loop)}:retrain", body, project=project))

    async def adopt(
        self,
        loop: str,
        model: str,
        version: int,
        trained_through: datetime,
        key: str | None = None,
        *,
        project: str | None = None,
    ) -> LoopRunRead:
        """Open a run whose candidate is an ONNX model that MLflow's client registered; it meets the same gates.

        Args:
            trained_through: the model has seen no event from here on; aware.
            key: the same key again is the same run.
        """
        body = AdoptWrite(model=model, version=version, trained_through=trained_through, key=key)
        return await self.api.answer(LoopRunRead, post(f"{_path(loop)}:adopt", body, project=project))

    async def rollback(
        self,
        loop: str,
        to: int | None = None,
        reason: str = "asked for by hand",
        key: str | None = None,
        *,
        project: str | None = None,
    ) -> LoopRead:
        """Back to version *to*, or to the one before; the same *key* again is the same rollback.

        Without a key each call is a rollback of its own, however often the call itself is sent.
        """
        body = RollbackWrite(to=to, reason=reason, key=key or uuid.uuid4().hex)
        return await self.api.answer(
            LoopRead, post(f"{_path(loop)}:rollback", body, project=project, timeout=120)
        )

    async def runs(self, loop: str, *, project: str | None = None) -> list[LoopRunRead]:
        """Runs of a loop, oldest first."""
        return await self.api.every(LoopRunRead, get(f"{_path(loop)}/runs", project=project))

    async def run(
        self, loop: str, number: int, wait: float | None = None, *, project: str | None = None
    ) -> LoopRunRead:
        """One run; with *wait*, as soon as it has ended or after that many seconds."""
        return await self.api.answer(LoopRunRead, get(_run(loop, number), project=project, wait=wait))

    async def await_run(
        self,
        loop: str,
        number: int,
        timeout: float = 1800,
        progress: Callable[[LoopRunRead], None] = lambda _: None,
        *,
        project: str | None = None,
    ) -> LoopRunRead:
        """Wait until a run has ended, its rollout included; it must not depend on traffic that is still to come.

        Raises: TimeoutError.
        """
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            newest = (await self.loop(loop, project=project)).run
            if newest is not None and newest.number >= number:
                run = await self.run(loop, number, min(LONGEST_WAIT, left), project=project)
                progress(run)
                if run.ended_at is not None:
                    return run
            await sleep(LOOK_SECONDS)
        raise TimeoutError(f"run {number} of {loop} has not ended after {timeout:.0f} s")

    async def settle(
        self, loop: str, through: datetime, timeout: float = 1800, *, project: str | None = None
    ) -> LoopRead:
        """Wait until everything through the event time *through* is decided and no pipeline runs.

        Raises: TimeoutError.
        """
        deadline = time.monotonic() + timeout
        call = get(_path(loop), project=project, settled_through=through, wait=LONGEST_WAIT)
        while time.monotonic() < deadline:
            now = await self.api.answer(LoopRead, call)
            if now.settled and now.settled_through is not None and now.settled_through >= through:
                return now
        raise TimeoutError(f"{loop} has not come to rest at {through} after {timeout:.0f} s")

    async def ahead(self, loop: str, days: Sequence[ClosedDay], *, project: str | None = None) -> int:
        """How many of these days, which a replay has judged ahead, may close together; 0: it is not at rest."""
        call = post(f"{_path(loop)}:ahead", DaysJudged(days=list(days)), project=project)
        return (await self.api.answer(QuietDays, call)).days

    async def events(self, loop: str, *, project: str | None = None) -> AsyncIterator[LoopOutline]:
        """The loop each time it changes."""
        async for event in self.api.events(get(f"{_path(loop)}/events", project=project)):
            if event.name == "loop":
                yield read(LoopOutline, event.data)

    async def plan(self, loop: str, run: int, *, project: str | None = None) -> RunPlan:
        """What each step of a run is asked to do."""
        return await self.api.answer(RunPlan, get(f"{_run(loop, run)}/plan", project=project))

    async def report(
        self, loop: str, run: int, step: StepName, progress: StepWrite, *, project: str | None = None
    ) -> LoopRunRead:
        """Tell how far a step is."""
        call = put(f"{_run(loop, run)}/steps/{part(step)}", progress, project=project)
        return await self.api.answer(LoopRunRead, call)

    async def refuse(
        self, loop: str, run: int, reason: str, report: DeliveryReport, *, project: str | None = None
    ) -> LoopRunRead:
        """Close a run whose data cannot be trained on."""
        body = RefusalWrite(reason=reason, report=report.model_dump(mode="json"))
        return await self.api.answer(LoopRunRead, post(f"{_run(loop, run)}:refuse", body, project=project))

    async def gate(
        self, loop: str, run: int, train_job: str, evaluate_job: str, *, project: str | None = None
    ) -> GatesVerdict:
        """The verdict of the gates; it is recorded once and then stands."""
        body = GateWrite(train_job=train_job, evaluate_job=evaluate_job)
        return await self.api.answer(GatesVerdict, post(f"{_run(loop, run)}/gates", body, project=project))

    async def roll_out(self, loop: str, run: int, version: int, *, project: str | None = None) -> LoopRunRead:
        """Begin the rollout of the version that the run registered."""
        call = post(
            f"{_run(loop, run)}/rollout", RegisteredWrite(version=version), project=project, timeout=180
        )
        return await self.api.answer(LoopRunRead, call)

    async def capabilities(self) -> CapabilitiesRead:
        """What the platform found around it and uses."""
        return await self.api.answer(CapabilitiesRead, get("/v1/capabilities"))

    async def backtest(self, backtest: BacktestWrite, *, project: str | None = None) -> BacktestRead:
        """Begin a backtest over an uploaded history; the same one again answers with what is known of it."""
        return await self.api.answer(BacktestRead, post("/v1/backtests", backtest, project=project))

    async def backtests(self, of: str | None = None, *, project: str | None = None) -> list[BacktestRead]:
        """The project's backtests, or those *of* one loop."""
        return await self.api.every(BacktestRead, get("/v1/backtests", project=project, of=of))

    async def backtest_state(self, id: str, wait: float = 0, *, project: str | None = None) -> BacktestRead:
        """One backtest; with *wait*, as soon as it has ended or after that many seconds."""
        return await self.api.answer(BacktestRead, get(_backtest(id), project=project, wait=wait))

    async def cancel_backtest(self, id: str, *, project: str | None = None) -> BacktestRead:
        """End a backtest before its time. Raises: ApiError 409 for one that is over."""
        return await self.api.answer(BacktestRead, post(f"{_backtest(id)}:cancel", project=project))

    async def backtest_progress(
        self, id: str, progress: BacktestProgress, *, project: str | None = None
    ) -> None:
        """For the replay: how far it is."""
        await self.api.send(put(f"{_backtest(id)}/progress", progress, project=project))

    async def backtest_result(self, id: str, outcome: BacktestOutcome, *, project: str | None = None) -> None:
        """For the replay: what it came to."""
        await self.api.send(put(f"{_backtest(id)}/result", outcome, project=project))


def _path(loop: str) -> str:
    return f"/v1/loops/{part(loop)}"


def _run(loop: str, number: int) -> str:
    return f"{_path(loop)}/runs/{number}"


def _backtest(id: str) -> str:
    return f"/v1/backtests/{part(id)}"
