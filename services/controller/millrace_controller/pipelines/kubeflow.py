"""Kubeflow Pipelines' v2beta1 REST API, as the 2.17.0 backend answers it; everything Millrace knows of it is here.

Nothing in it is idempotent: what has a name is looked for before it is made. A bad pipeline is a 500, a terminated run
ends FAILED, and a run may stay PENDING for ever; the caller owns all timeouts.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

import httpx

from millrace_core.errors import MillraceError, Unavailable

API = "/apis/v2beta1"
SECONDS = 30.0
WAITING = ("", "RUNTIME_STATE_UNSPECIFIED", "PENDING")
GOING_ON = (*WAITING, "RUNNING", "PAUSED", "CANCELING")
SUCCEEDED = ("SUCCEEDED", "SKIPPED")
STEPS = ("data", "train", "evaluate", "release")
"""The pipeline's own steps, as pipelines/loop_run.py has them; a test compares."""
REPEATED = re.compile(r"\(\d+\)$")
"""What 2.17.0 puts behind the name of a task's second entry."""


class Refused(MillraceError):
    """Kubeflow Pipelines said no; *answer* is its HTTP status."""

    status, title = 502, "Kubeflow Pipelines refuses"

    def __init__(self, answer: int, message: str) -> None:
        super().__init__(f"Kubeflow Pipelines refuses ({answer}): {message}")
        self.answer = answer


@dataclass(frozen=True)
class KubeflowRun:
    """A run as the backend shows it."""

    id: str
    state: str
    error: str
    tasks: dict[str, str]
    terminated: bool

    @property
    def going_on(self) -> bool:
        return self.state in GOING_ON

    @property
    def waiting(self) -> bool:
        return self.state in WAITING

    @property
    def succeeded(self) -> bool:
        return self.state in SUCCEEDED

    @property
    def failed_tasks(self) -> list[str]:
        return sorted(name for name, state in self.tasks.items() if state == "FAILED")


def _run(body: dict[str, Any]) -> KubeflowRun:
    tasks = _steps((body.get("run_details") or {}).get("task_details") or [])
    history = [entry.get("state") for entry in body.get("state_history") or []]
    state = body.get("state", "")
    error = (body.get("error") or {}).get("message", "")
    return KubeflowRun(body["run_id"], state, error, tasks, "CANCELING" in (*history, state))


def _steps(details: list[dict[str, Any]]) -> dict[str, str]:
    """States of the pipeline's own steps, without drivers, conditions, the workflow; a failure outweighs all."""
    states: dict[str, str] = {}
    for task in details:
        name = REPEATED.sub("", task.get("display_name", ""))
        if name in STEPS and states.get(name) != "FAILED":
            states[name] = task.get("state", "")
    return states


class KubeflowPipelines:
    """One backend. Every method raises Unavailable if it does not answer, Refused if it says no."""

    def __init__(self, url: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        self._client = httpx.AsyncClient(
            base_url=self.url, timeout=SECONDS, trust_env=False, transport=transport
        )
        self._versions: dict[str, tuple[str, str]] = {}

    async def close(self) -> None:
        await self._client.aclose()

    async def health(self, patience: float = 3.0) -> dict[str, Any]:
        """What /healthz says: `multi_user`, `pipeline_store`."""
        return await self._call("GET", "/healthz", timeout=patience)

    async def experiment(self, name: str) -> str:
        """The id of the experiment *name*, made if it is not there."""
        found = await self._named("experiments", "/experiments", name)
        if found is None:
            try:
                found = await self._call("POST", "/experiments", json={"display_name": name})
            except Refused as error:
                if error.answer != 409:
                    raise
                found = await self._named("experiments", "/experiments", name)
        if found is None:
            raise Unavailable(f"Kubeflow Pipelines has an experiment {name} and does not show it.")
        return found["experiment_id"]

    def knows(self, version: str) -> bool:
        """Whether ids are at hand that an earlier call of `version` learnt."""
        return version in self._versions

    async def version(self, pipeline: str, version: str, document: str) -> tuple[str, str]:
        """Ids of the pipeline and of its version, uploaded if they are not there.

        Args:
            version: a name that follows from the content of *document* (YAML).
        """
        if version not in self._versions:
            pipeline_id = await self._pipeline(pipeline)
            self._versions[version] = (pipeline_id, await self._uploaded(pipeline_id, version, document))
        return self._versions[version]

    async def _pipeline(self, name: str) -> str:
        found = await self._named("pipelines", "/pipelines", name)
        if found is None:
            found = await self._call("POST", "/pipelines", json={"display_name": name})
        return found["pipeline_id"]

    async def _uploaded(self, pipeline: str, name: str, document: str) -> str:
        found = await self._named("pipeline_versions", f"/pipelines/{pipeline}/versions", name)
        if found is None:
            files = {"uploadfile": (f"{name}.yaml", document.encode(), "application/yaml")}
            place = {"name": name, "display_name": name, "pipelineid": pipeline}
            found = await self._call("POST", "/pipelines/upload_version", params=place, files=files)
        return found["pipeline_version_id"]

    async def find_run(self, experiment: str, name: str) -> KubeflowRun | None:
        """The newest run called *name* in an experiment."""
        found = await self._named("runs", "/runs", name, experiment_id=experiment, sort_by="created_at desc")
        return None if found is None else _run(found)

    async def create_run(
        self,
        experiment: str,
        name: str,
        version: tuple[str, str],
        parameters: dict[str, Any],
        service_account: str,
        description: str = "",
    ) -> KubeflowRun:
        """Start a run; twice is two runs. The console shows its *description* among its details."""
        body = {
            "display_name": name,
            "experiment_id": experiment,
            "pipeline_version_reference": {"pipeline_id": version[0], "pipeline_version_id": version[1]},
            "runtime_config": {"parameters": parameters},
            "service_account": service_account,
            "description": description,
        }
        try:
            return _run(await self._call("POST", "/runs", json=body))
        except Refused:
            self._versions.clear()  # somebody may have deleted the version that was uploaded
            raise

    async def run(self, id: str) -> KubeflowRun | None:
        """A run, or None if it is not there any more."""
        try:
            return _run(await self._call("GET", f"/runs/{id}"))
        except Refused as error:
            if error.answer == 404:
                return None
            raise

    async def terminate(self, id: str) -> None:
        """Ask a run to end; it goes through CANCELING to FAILED. One that has ended, or is gone, is left alone."""
        try:
            await self._call("POST", f"/runs/{id}:terminate")
        except Refused as error:
            if error.answer not in (400, 404):
                raise

    async def retry(self, id: str) -> bool:
        """Run those steps of a failed run once more that did not succeed; False if it cannot be retried."""
        try:
            await self._call("POST", f"/runs/{id}:retry")
        except Refused:
            return False
        return True

    async def _named(self, kind: str, path: str, name: str, **params: str) -> dict[str, Any] | None:
        """The first thing with this display name."""
        predicate = {"operation": "EQUALS", "key": "display_name", "string_value": name}
        query = {"filter": json.dumps({"predicates": [predicate]}), "page_size": "1"} | params
        found = (await self._call("GET", path, params=query)).get(kind) or []
        return found[0] if found else None

    async def _call(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        try:
            answer = await self._client.request(method, API + path, **more)
        except httpx.TransportError as error:
            raise Unavailable(
                f"Kubeflow Pipelines at {self.url} does not answer: {type(error).__name__}."
            ) from error
        try:
            body = answer.json()
        except ValueError:
            body = {"message": answer.text[:500]}
        if answer.is_success:
            return body
        if answer.status_code in (502, 503, 504):
            raise Unavailable(f"Kubeflow Pipelines at {self.url} is not ready ({answer.status_code}).")
        message = (
            body.get("message") or body.get("error_message") or body.get("error") or answer.reason_phrase
        )
        raise Refused(answer.status_code, str(message)[:1500])
