"""What keeps a run from going on: its pipeline's pod, the pod of the job that a step waits for, or its candidate's."""

from typing import Any

from fastapi import FastAPI

from millrace.client.transport import ApiError
from millrace_controller.pipelines.attempts import Handle
from millrace_controller.tables import Loop, Run
from millrace_core.waiting import OUT_OF_MEMORY

Waits = dict[str, str]
"""`reason` and `message`."""
ROLL_OUT = "roll-out"


async def of_run(app: FastAPI, loop: Loop, run: Run, seen: Handle) -> Waits | None:
    """What a run whose pipeline goes on waits for that will not pass by itself.

    Args:
        seen: the pipeline as its runner saw it a moment ago.
    """
    if "waiting" in seen:
        found: Waits = seen["waiting"]
        return found
    if app.state.settings.platform != "kubernetes":
        return None
    try:
        return await _of_step(app, loop, run) or _again(run)
    except ApiError:
        return run.waiting  # nobody can say; the step that waits will tell if that lasts


async def _of_step(app: FastAPI, loop: Loop, run: Run) -> Waits | None:
    running = [(name, step) for name, step in run.steps.items() if step["state"] == "running"]
    name, step = running[-1] if running else ("", {})
    apis, more = app.state.apis, {"project": loop.project, "retry": False}
    if step.get("job"):
        return (await apis.training.get(f"/v1/jobs/{step['job']}", **more)).get("waiting")
    if name == ROLL_OUT:
        return of_endpoint(await apis.serving.get(f"/v1/endpoints/{loop.name}", **more))
    return None


def _again(run: Run) -> Waits | None:
    """An attempt that follows one that was killed for its memory says so until it is over."""
    known = run.waiting or {}
    return run.waiting if run.attempts > 1 and known.get("reason") == OUT_OF_MEMORY else None


def of_endpoint(endpoint: dict[str, Any]) -> Waits | None:
    """What the pods of an endpoint's candidate wait for; None if it has none, or they do not."""
    number = (endpoint.get("rollout") or {}).get("revision")
    return next((item.get("waiting") for item in endpoint["revisions"] if item["number"] == number), None)
