"""What the steps of a loop run's pipeline do: call a service, tell the controller how far it is, pass on what was made.

A step returns data; what Kubeflow Pipelines draws of it (metrics, tables, pages) is fetched only where it is drawn.
"""

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar

import httpx

from millrace import drawing, exchange, releasing
from millrace.client import ApiError, JobFailed, Millrace
from millrace.client.training import JobSpec
from millrace.outcomes import Evaluated, Ingested, Judged, Registered
from millrace_contracts import traffic
from millrace_contracts.compressing import CompressResult
from millrace_contracts.contenders import Contender
from millrace_contracts.counting import counted
from millrace_contracts.jobs import JobRead
from millrace_contracts.learning import (
    EvaluateResult,
    EvaluateSpec,
    TrainResult,
    TrainSpec,
)
from millrace_contracts.loop_runs import LoopRunState, StepName, StepWrite
from millrace_contracts.models import ModelVersionRead
from millrace_contracts.rows import DeliveryReport, IngestResult, ValidateResult, ValidateSpec
from millrace_contracts.traffic import ClosedDays, RequestSizes

Result = TypeVar("Result")
StepState = Literal["running", "succeeded", "failed"]


class Step:
    """One step of one run: its plan, and its place in the run's progress."""

    def __init__(self, project: str, loop: str, run: int, name: StepName) -> None:
        exchange.arrange()
        self.client = Millrace.from_environment(project)
        self.loop, self.number = loop, run
        self.name: StepName = name
        self.plan = self.client.controller.plan(loop, run)

    def key(self, suffix: str = "") -> str:
        """Idempotency key of this step's job."""
        return f"{self.client.project}/{self.loop}/run-{self.number}/{self.name}{suffix}"

    def job(self, spec: JobSpec) -> JobRead:
        """Submit a job, wait for its end while telling of it, and return it. Raises: JobFailed."""
        job = self.client.training.submit(
            spec, self.key(), limits=self.plan.limits, loop=self.loop, loop_run=self.number
        )
        self.tell("running", f"job {job.id}", job.id)
        return self.client.training.wait(job.id)

    def tell(self, state: StepState, message: str = "", job: str | None = None, final: bool = False) -> None:
        """Tell the controller; *final*: it failed and would fail again."""
        print(f"{self.name}: {state} {message}", flush=True)
        told = StepWrite(state=state, message=message[:4000], job=job, final=final)
        self.client.controller.report(self.loop, self.number, self.name, told)

    def run(self, work: Callable[["Step"], tuple[Result, str]]) -> Result:
        """Do the step's work; a failure is told before it is raised."""
        self.tell("running")
        try:
            result, message = work(self)
        except (ApiError, JobFailed) as error:
            final = isinstance(error, JobFailed) or 400 <= error.status < 500
            self._fail(str(error), final)
            raise
        except httpx.TransportError as error:
            self._fail(f"a service does not answer: {type(error).__name__}: {error}", final=False)
            raise
        self.tell("succeeded", message)
        return result

    def _fail(self, message: str, final: bool) -> None:
        """Leave the last words for who runs the pipeline; *final*: trying again would end the same."""
        folder = os.environ.get("MILLRACE_RUN_FOLDER")
        if folder:
            Path(folder, "failure").write_text(f"{self.name}: {message}")
            if final:
                Path(folder, "final").touch()
        self.tell("failed", message[:2000], final=final)


def ingest(project: str, loop: str, run: int) -> Ingested:
    """Add labelled production rows to the dataset."""

    def work(step: Step) -> tuple[Ingested, str]:
        drift = drawing.page(lambda: _drift(step))
        newest = step.client.registry.dataset_version(step.plan.dataset)
        if step.plan.ingest is None:
            return Ingested(
                newest.number, drift
            ), f"data version {newest.number}, {counted(newest.rows, 'row')}"
        result = IngestResult.model_validate(step.job(step.plan.ingest).result)
        if not result.accepted:
            step.client.controller.refuse(loop, run, _failed_checks(result.report), result.report)
            return Ingested(0, drift), "the new rows were refused"
        number = result.dataset_version or newest.number
        return Ingested(number, drift), f"data version {number}, {counted(result.new_rows, 'new row')}"

    return Step(project, loop, run, "ingest").run(work)


def _drift(step: Step) -> str:
    """The monitor's report on what serves; on a first run nothing does."""
    if step.plan.evaluate.get("champion") is None:
        return drawing.nothing_served()
    return step.client.monitoring.report(step.loop)


def validate(project: str, loop: str, run: int, dataset_version: int) -> bool:
    """Whether the dataset version may be trained on; if not, the run is closed as refused."""

    def work(step: Step) -> tuple[bool, str]:
        data = {"dataset": step.plan.dataset, "dataset_version": dataset_version}
        job = step.job(ValidateSpec.model_validate(data | step.plan.validation))
        result = ValidateResult.model_validate(job.result)
        if not result.accepted:
            step.client.controller.refuse(loop, run, _failed_checks(result.report), result.report)
        return result.accepted, _trainable(result.report) if result.accepted else "refused"

    return Step(project, loop, run, "validate").run(work)


def _trainable(report: DeliveryReport) -> str:
    """That the data may be trained on, and what should be known of it."""
    notes = [check.observed for check in report.checks if check.verdict == "noted"]
    return "; ".join(["may be trained on", *notes])[:1400]


def _failed_checks(report: DeliveryReport) -> str:
    """What is wrong with the data, and what to do about it: the run's message is all that many will read."""
    parts = [
        f"{check.check} {check.column or ''}".strip() + f": {check.observed.rstrip('.')}. {check.mend}"
        for check in report.failed[:5]
    ]
    return " ".join(parts)[:1400] or "the data was refused"


def train(project: str, loop: str, run: int, dataset_version: int) -> str:
    """Search and fit; returns the id of the job."""

    def work(step: Step) -> tuple[str, str]:
        data = {"dataset": step.plan.dataset, "dataset_version": dataset_version}
        job = step.job(TrainSpec.model_validate(data | step.plan.train))
        trained = TrainResult.model_validate(job.result)
        metrics = json.dumps(trained.metrics.get("holdout", trained.metrics))[:500]
        more = [] if trained.code is None else [trained.code.told()]
        more += [] if trained.front is None else [f"{trained.front.chosen}: {trained.front.reason}"]
        return job.id, "; ".join([metrics, *more])

    return Step(project, loop, run, "train").run(work)


def evaluate(project: str, loop: str, run: int, dataset_version: int, train_job: str) -> Evaluated:
    """Score candidate and champion on the same rows."""

    def work(step: Step) -> tuple[Evaluated, str]:
        trained = _trained(step, train_job)
        candidate = Contender(files=trained.files, signature=trained.signature)
        data = {"dataset": step.plan.dataset, "dataset_version": dataset_version, "candidate": candidate}
        data |= {} if trained.front is None else {"front": trained.front}
        job = step.job(EvaluateSpec.model_validate(data | step.plan.evaluate))
        result = EvaluateResult.model_validate(job.result)
        metrics, digest = result.metrics.candidate, result.report
        report = drawing.page(lambda: step.client.registry.get_artifact(digest).decode()) if digest else ""
        finite = {
            name: value for name, value in metrics.items() if value is not None and math.isfinite(value)
        }
        return Evaluated(job.id, finite, result.roc, report), json.dumps(metrics)[:500]

    return Step(project, loop, run, "evaluate").run(work)


def _trained(step: Step, job: str) -> TrainResult:
    return TrainResult.model_validate(step.client.training.job(job).result)


def gate(project: str, loop: str, run: int, train_job: str, evaluate_job: str) -> Judged:
    """The controller's verdict on the evaluation."""

    def work(step: Step) -> tuple[Judged, str]:
        verdict = step.client.controller.gate(loop, run, train_job, evaluate_job)
        table = drawing.gate_table(verdict, drawing.page(lambda: _origin(step)))
        return Judged(verdict.verdict, table), f"{verdict.verdict}: {verdict.reason}"[:2000]

    return Step(project, loop, run, "gate").run(work)


def _origin(step: Step) -> str:
    decision = step.client.controller.run(step.loop, step.number).decision
    return drawing.origin(step.client.project, step.loop, step.number, decision)


def compress(project: str, loop: str, run: int, dataset_version: int, train_job: str) -> str:
    """Make other forms of the candidate's graph; the id of the job, or nothing where there is nothing to gain.

    What was not gained is no failure: the base form goes on alone, and the step says why.
    """

    def work(step: Step) -> tuple[str, str]:
        plan = step.plan.compress
        if plan is None:
            return "", "no other form is wanted"
        trained = _trained(step, train_job)
        pointless = releasing.pointless(plan, trained)
        if pointless is not None:
            return "", pointless
        sizes = _sizes(step, plan.days)
        try:
            job = step.job(releasing.forms_of(step.plan, dataset_version, trained, sizes))
        except JobFailed as error:
            return "", f"the base form goes on alone: {error}"[:2000]
        told = releasing.measured_with(sizes) + releasing.kept(CompressResult.model_validate(job.result))
        return job.id, told[:2000]

    return Step(project, loop, run, "compress").run(work)


def _sizes(step: Step, days: ClosedDays | None) -> RequestSizes | None:
    """How many rows the loop's requests had in these days; None where too few say so. Closed days never change."""
    if days is None:
        return None
    try:
        closed = step.client.monitoring.closings(step.loop, days.since, days.until)
    except ApiError as error:
        if error.status == 404:  # nobody watches the endpoint
            return None
        raise
    return traffic.of_days((day.day, day.requests) for day in closed)


def register(
    project: str, loop: str, run: int, dataset_version: int, train_job: str, compress_job: str = ""
) -> Registered:
    """Register the release unit, with the forms that *compress_job* kept."""

    def work(step: Step) -> tuple[Registered, str]:
        forms = step.client.training.job(compress_job).result if compress_job else None
        compressed = None if forms is None else CompressResult.model_validate(forms)
        unit = releasing.unit(step.plan, dataset_version, _trained(step, train_job), compressed)
        version = step.client.registry.add_version(step.plan.model, unit)
        return _registered(step, dataset_version, version), f"version {version.number}"

    return Step(project, loop, run, "register").run(work)


def _registered(step: Step, dataset_version: int, version: ModelVersionRead) -> Registered:
    base = step.client.urls["registry"].rstrip("/")
    facts = {
        "version": str(version.number),
        "digest": version.digest,
        "dataset": f"{step.plan.dataset}/{dataset_version}",
        "run": f"{step.loop}/{step.number}",
        "gates": "passed",
    }
    path = f"/v1/models/{step.plan.model}/versions/{version.number}"
    return Registered(version.number, f"{base}{path}?project={step.client.project}", facts)


def roll_out(project: str, loop: str, run: int, version: int) -> None:
    """Ask the controller to begin the rollout. Where people have to approve it, the step ends and no pod waits."""

    def work(step: Step) -> tuple[None, str]:
        asked = step.client.controller.roll_out(loop, run, version)
        waits = " waits for approval" if asked.state == LoopRunState.AWAITING_APPROVAL else ""
        return None, f"version {version}{waits}"

    Step(project, loop, run, "roll-out").run(work)
