"""What the steps of a loop run's pipeline do: call a service, tell the controller how far it is, pass on an id."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from millrace.client import ApiError, Millrace
from millrace.client.training import JobFailed

Result = TypeVar("Result")


class Step:
    """One step of one run: its plan, and its place in the run's progress."""

    def __init__(self, loop: str, run: int, name: str) -> None:
        self.client = Millrace.from_environment()
        self.loop, self.number, self.name = loop, run, name
        self.plan: dict[str, Any] = self.client.controller.plan(loop, run)

    def key(self, suffix: str = "") -> str:
        """Idempotency key of this step's job."""
        return f"{self.client.project}/{self.loop}/run-{self.number}/{self.name}{suffix}"

    def job(self, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
        """Submit a job, wait for its end while telling of it, and return it. Raises: JobFailed."""
        asked = {"placement": self.plan.get("placement")} | self.plan["limits"]
        made = self.client.training.submit(
            kind, spec, self.key(), loop=self.loop, loop_run=self.number, **asked
        )
        self.tell("running", f"job {made['id']}", made["id"])
        return self.client.training.wait(made["id"])

    def tell(self, state: str, message: str = "", job: str | None = None) -> None:
        """Tell the controller."""
        print(f"{self.name}: {state} {message}", flush=True)
        self.client.controller.report(self.loop, self.number, self.name, state, message, job)

    def run(self, work: Callable[["Step"], tuple[Result, str]]) -> Result:
        """Do the step's work; a failure is told before it is raised."""
        self.tell("running")
        try:
            result, message = work(self)
        except (ApiError, JobFailed) as error:
            final = isinstance(error, JobFailed) or 400 <= error.status < 500
            self._fail(str(error), final)
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
        self.tell("failed", message[:2000])


def ingest(loop: str, run: int) -> int:
    """Add labelled production rows; returns the dataset version to train on, 0 if the rows were refused."""

    def work(step: Step) -> tuple[int, str]:
        newest = step.client.registry.dataset_version(step.plan["dataset"])
        if step.plan["ingest"] is None:
            return newest["number"], f"data version {newest['number']}, {newest['rows']} rows"
        result = step.job("ingest", step.plan["ingest"])["result"]
        if not result["accepted"]:
            step.client.controller.refuse(loop, run, _failed_checks(result["report"]), result["report"])
            return 0, "the new rows were refused"
        number = result["dataset_version"] or newest["number"]
        return number, f"data version {number}, {result.get('new_rows') or 0} new rows"

    return Step(loop, run, "ingest").run(work)


def validate(loop: str, run: int, dataset_version: int) -> bool:
    """Whether the dataset version may be trained on; if not, the run is closed as refused."""

    def work(step: Step) -> tuple[bool, str]:
        spec = {"dataset": step.plan["dataset"], "dataset_version": dataset_version} | step.plan["validate"]
        result = step.job("validate", spec)["result"]
        if not result["accepted"]:
            step.client.controller.refuse(loop, run, _failed_checks(result["report"]), result["report"])
        return result["accepted"], "may be trained on" if result["accepted"] else "refused"

    return Step(loop, run, "validate").run(work)


def _failed_checks(report: dict[str, Any]) -> str:
    failed = [check for check in report["checks"] if check["verdict"] == "failed"]
    parts = [f"{check['check']} {check['column'] or ''}: {check['observed']}".strip() for check in failed[:5]]
    return "; ".join(parts)[:1400] or "the data was refused"


def train(loop: str, run: int, dataset_version: int) -> str:
    """Search and fit; returns the id of the job."""

    def work(step: Step) -> tuple[str, str]:
        spec = {"dataset": step.plan["dataset"], "dataset_version": dataset_version} | step.plan["train"]
        job = step.job("train", spec)
        return job["id"], json.dumps(job["result"]["metrics"].get("holdout", job["result"]["metrics"]))[:500]

    return Step(loop, run, "train").run(work)


def evaluate(loop: str, run: int, dataset_version: int, train_job: str) -> str:
    """Score candidate and champion on the same rows; returns the id of the job."""

    def work(step: Step) -> tuple[str, str]:
        trained = step.client.training.job(train_job)["result"]
        candidate = {"files": trained["files"], "signature": trained["signature"]}
        data = {"dataset": step.plan["dataset"], "dataset_version": dataset_version, "candidate": candidate}
        job = step.job("evaluate", data | step.plan["evaluate"])
        return job["id"], json.dumps(job["result"]["metrics"]["candidate"])[:500]

    return Step(loop, run, "evaluate").run(work)


def gate(loop: str, run: int, train_job: str, evaluate_job: str) -> str:
    """The controller's verdict on the evaluation."""

    def work(step: Step) -> tuple[str, str]:
        verdict = step.client.controller.gate(loop, run, train_job, evaluate_job)
        return verdict["verdict"], f"{verdict['verdict']}: {verdict['reason']}"[:2000]

    return Step(loop, run, "gate").run(work)


def register(loop: str, run: int, dataset_version: int, train_job: str) -> int:
    """Register the release unit; returns its version."""

    def work(step: Step) -> tuple[int, str]:
        trained = step.client.training.job(train_job)["result"]
        made = step.client.registry.add_version(step.plan["model"], release(step, dataset_version, trained))
        return made["number"], f"version {made['number']}"

    return Step(loop, run, "register").run(work)


def release(step: Step, dataset_version: int, trained: dict[str, Any]) -> dict[str, Any]:
    """The release unit of a trained candidate, as the registry takes it."""
    spans = ("trained_from", "trained_through", "holdout_from", "holdout_through")
    lineage = {name: trained.get(name) for name in spans}
    return {
        "key": f"{step.loop}/run-{step.number}",
        "files": {name: digest for name, digest in trained["files"].items() if digest},
        "signature": trained["signature"],
        "task": step.plan["train"]["task"],
        "target": step.plan["train"]["target"],
        "metrics": trained["metrics"],
        "baseline": trained.get("baseline"),
        "golden": trained["golden"],
        "lineage": lineage
        | {
            "dataset": step.plan["dataset"],
            "dataset_version": dataset_version,
            "run": trained.get("run"),
            "loop": step.loop,
            "loop_run": step.number,
        },
    }


def roll_out(loop: str, run: int, version: int) -> None:
    """Ask the controller to begin the rollout."""

    def work(step: Step) -> tuple[None, str]:
        step.client.controller.roll_out(loop, run, version)
        return None, f"version {version}"

    Step(loop, run, "roll-out").run(work)
