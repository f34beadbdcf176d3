"""Runs a pipeline as a Kubeflow run, with deadlines of our own: a backend may leave it PENDING for ever."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from millrace_contracts.loop_runs import StepRead
from millrace_controller import hints
from millrace_controller.pipelines.attempts import Attempt, Ended, Handle
from millrace_controller.pipelines.document import Document, prepared
from millrace_controller.pipelines.kubeflow import KubeflowPipelines, KubeflowRun, Refused
from millrace_controller.pipelines.kubeflow_pods import RunPods
from millrace_controller.pipelines.settings import PipelineSettings
from millrace_core.errors import Unavailable
from millrace_core.waiting import QUOTA, UNSCHEDULABLE, PodWaiting

STOP_LOOKS, STOP_LOOK = 120, 0.5
"""How often, and how many seconds apart, a terminated run is looked at before it is left to end by itself."""
SETTLED_SECONDS = 120.0
"""How long Kubeflow may stay silent about a run whose steps have told the end; its agent can lose a run for ever."""
PAUSES = (30.0, 120.0)
"""Seconds before the second and the third attempt, if no step could say what happened: an outage of a minute passes."""
NAME = "kubeflow"


class KubeflowRunner:
    """Pipelines as Kubeflow runs; the attempt's name finds again what was created and not written down."""

    def __init__(
        self,
        settings: PipelineSettings,
        client: KubeflowPipelines,
        pods: RunPods | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings, self.client, self.pods, self.clock = settings, client, pods, clock
        self._refused: dict[
            str, float
        ] = {}  # by an attempt's name, when the backend first refused to begin it

    async def start(self, attempt: Attempt) -> Handle | Ended | None:
        if self.clock() < (attempt.before or {}).get("not_before", 0.0):
            return None
        try:
            begun = await self._again(attempt.before) or await self._found_or_made(attempt)
            self._refused.pop(attempt.name, None)
            return begun
        except Refused as error:
            since = self._refused.setdefault(attempt.name, self.clock())
            if error.answer >= 500 and self.clock() - since <= self.settings.pending_seconds:
                raise  # a bad pipeline looks like a bad day of its database
            del self._refused[attempt.name]
            return Ended({"runner": NAME}, message=error.detail, final=True)

    async def find(self, attempt: Attempt) -> Handle | None:
        found = await self.client.find_run(await self._experiment(attempt), attempt.name)
        return None if found is None else self._handle(found)

    async def look(self, attempt: Attempt, handle: Handle) -> Handle | Ended:
        try:
            run = await self.client.run(handle["id"])
        except (Unavailable, Refused):
            if self._silent_for(handle) > attempt.silence:
                return self._given_up(attempt, handle, "Kubeflow Pipelines did not answer for too long")
            raise
        if run is None:
            return Ended(handle | {"retry": False}, message="the Kubeflow run was deleted")
        if not run.going_on:
            return await self._end(attempt, handle, run)
        return await self._going_on(attempt, handle, run)

    async def stop(self, handle: Handle) -> str | None:
        if "id" not in handle:
            return None
        await self.client.terminate(handle["id"])
        for _ in range(STOP_LOOKS):
            run = await self.client.run(handle["id"])
            if run is None or not run.going_on:
                return None
            await asyncio.sleep(STOP_LOOK)
        return f"its Kubeflow run was told to end and had not after {STOP_LOOKS * STOP_LOOK:.0f} s: {handle['link']}"

    async def _again(self, before: Handle | None) -> Handle | None:
        """The run of the attempt before, retried: steps that were done are not done again."""
        if before is None or before["runner"] != NAME or not before.get("retry"):
            return None
        if await self.client.retry(before["id"]):
            return self._fresh(before)
        run = await self.client.run(before["id"])
        return self._fresh(before) if run is not None and run.going_on else None

    async def _found_or_made(self, attempt: Attempt) -> Handle:
        experiment = await self._experiment(attempt)
        run = await self.client.find_run(experiment, attempt.name)
        if run is None:
            run = await self._made(attempt, experiment)
        return self._handle(run)

    async def _made(self, attempt: Attempt, experiment: str) -> KubeflowRun:
        document = await asyncio.to_thread(self._document)
        known = self.client.knows(document.version)
        try:
            return await self._create(attempt, experiment, document)
        except Refused:
            if not known:
                raise
        return await self._create(
            attempt, experiment, document
        )  # what was known was of a backend made anew since

    async def _create(self, attempt: Attempt, experiment: str, document: Document) -> KubeflowRun:
        version = await self.client.version(document.pipeline, document.version, document.text)
        parameters = {"project": attempt.project, "loop": attempt.loop, "run": attempt.run}
        account, about = self.settings.kfp_service_account, described(attempt)
        return await self.client.create_run(experiment, attempt.name, version, parameters, account, about)

    async def _experiment(self, attempt: Attempt) -> str:
        return await self.client.experiment(f"millrace-{attempt.project}")

    def _document(self) -> Document:
        settings = self.settings
        more = {"MILLRACE_TOKEN_AUDIENCE": "millrace", "MILLRACE_DRAW": "true", "OMP_NUM_THREADS": "1"}
        text = Path(settings.pipeline).read_text()
        return prepared(text, settings.runner_image, settings.addresses | more, settings.runner_resources)

    def _handle(self, run: KubeflowRun) -> Handle:
        ui = self.settings.kfp_ui_url or f"http://ml-pipeline-ui.{self.settings.kfp_namespace}.svc"
        link = f"{ui.rstrip('/')}/#/runs/details/{run.id}"
        return self._fresh({"runner": NAME, "id": run.id, "link": link})

    def _fresh(self, handle: Handle) -> Handle:
        kept = {name: handle[name] for name in ("runner", "id", "link")}
        return kept | {"seen": "", "since": self.clock(), "begun": self.clock()}

    async def _going_on(self, attempt: Attempt, handle: Handle, run: KubeflowRun) -> Handle | Ended:
        """The handle with the time of the last sign of life; the end if there was none for too long."""
        told = max((step.at for step in attempt.steps.values()), default="")
        seen = " ".join([run.state, told, *(f"{name}={state}" for name, state in sorted(run.tasks.items()))])
        if seen != handle["seen"]:
            handle = handle | {"seen": seen, "since": self.clock()}
        if run.terminated:
            handle = handle | {"terminated": True}  # its history may never tell
        if _settled(attempt, handle) and self._silent_for(handle) > SETTLED_SECONDS:
            return self._told_by_steps(attempt, handle)
        waiting = await self._waiting(attempt, handle, run)
        unbegun = run.waiting and not _told(attempt, handle)
        waited = self.clock() - handle["begun"] if unbegun else self._silent_for(handle)
        limit = attempt.silence if waiting is None and not unbegun else self.settings.pending_seconds
        if waited <= limit:
            return handle if waiting is None else handle | {"waiting": waiting.json()}
        await self.client.terminate(run.id)
        words = (
            f"the Kubeflow run stayed {run.state or 'PENDING'} for {limit:.0f} s without a sign of progress"
        )
        if waiting is None:
            return self._given_up(attempt, handle, words + (self._unknown() if unbegun else ""))
        if waiting.reason in (UNSCHEDULABLE, QUOTA):
            return Ended(
                handle | {"retry": False}, message=f"{words}: {waiting}", reason=waiting.reason, short=True
            )
        return self._given_up(attempt, handle, f"{words}: {waiting}")

    async def _waiting(self, attempt: Attempt, handle: Handle, run: KubeflowRun) -> PodWaiting | None:
        """What a pod of the run waits for, while no step of this attempt is at work; Kubeflow calls it RUNNING then."""
        running = {name: step for name, step in attempt.steps.items() if step.state == "running"}
        at_work = _any_since(running, handle)
        return None if self.pods is None or at_work else await self.pods.waiting(run.id)

    def _unknown(self) -> str:
        blind = "" if self.pods is None else self.pods.blind
        more = f" (its pods cannot be seen: {blind.rstrip('.')}; apply k8s/kubeflow)" if blind else ""
        return f"; do its workflow controller and persistence agent run?{more}"

    def _silent_for(self, handle: Handle) -> float:
        return self.clock() - handle["since"]

    def _given_up(self, attempt: Attempt, handle: Handle, words: str, final: bool = False) -> Ended:
        """Unless its steps told us all that we wait for: the gates' no is the end of a pipeline."""
        return Ended(handle | {"retry": False}, ok=attempt.rejected, message=words, final=final)

    def _told_by_steps(self, attempt: Attempt, handle: Handle) -> Ended:
        """The end as the steps told it; what Kubeflow never heard of it cannot be retried in place."""
        words, final = attempt.last_words()
        never = "Kubeflow Pipelines never said that the run ended"
        return self._given_up(attempt, handle, words or never, final)

    async def _end(self, attempt: Attempt, handle: Handle, run: KubeflowRun) -> Ended:
        if run.succeeded:
            return Ended(handle | {"retry": False}, ok=True)
        words, final = attempt.last_words()
        if run.terminated or "terminated" in handle:
            return Ended(handle | {"retry": False}, message="the Kubeflow run was terminated", final=True)
        where = f" in {', '.join(run.failed_tasks)}" if run.failed_tasks else ""
        message = words or f"the Kubeflow run failed{where}: {await self._why(run)}"
        pause = 0.0 if _settled(attempt, handle) else PAUSES[min(attempt.number, len(PAUSES)) - 1]
        return Ended(
            handle | {"retry": True, "not_before": self.clock() + pause}, message=message, final=final
        )

    async def _why(self, run: KubeflowRun) -> str:
        """Why it failed, of which no step could tell."""
        noted = "" if self.pods is None else await self.pods.failure(run.id)
        return noted or run.error or "its pods have the reason"


def described(attempt: Attempt) -> str:
    """Whose a run is, and the way back to why it is there; Kubeflow keeps 255 characters at most."""
    why = hints.line(attempt.project, f"explain {attempt.decision}")
    return f"Run {attempt.run} of the loop {attempt.loop} of Millrace, attempt {attempt.number}. Why: {why}"


def _settled(attempt: Attempt, handle: Handle) -> bool:
    """Whether the steps told all that can come: the gates' no, or a failure since the attempt began."""
    failed = {name: step for name, step in attempt.steps.items() if step.state == "failed"}
    return attempt.rejected or _any_since(failed, handle)


def _told(attempt: Attempt, handle: Handle) -> bool:
    """Whether a step reported since the attempt began."""
    return _any_since(attempt.steps, handle)


def _any_since(steps: dict[str, StepRead], handle: Handle) -> bool:
    return any(datetime.fromisoformat(step.at).timestamp() >= handle["begun"] for step in steps.values())
