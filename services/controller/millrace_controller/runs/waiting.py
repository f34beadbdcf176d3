"""What keeps a run from going on: its pipeline's pod, the pod of the job that a step waits for, or its candidate's."""

from millrace.transport.errors import ApiError
from millrace_contracts.endpoints import EndpointRead
from millrace_contracts.waiting import Waiting
from millrace_controller.pipelines.attempts import Handle
from millrace_controller.services import Services
from millrace_controller.tables import Loop, Run
from millrace_core.waiting import OUT_OF_MEMORY

ROLL_OUT = "roll-out"


async def of_run(services: Services, loop: Loop, run: Run, seen: Handle) -> Waiting | None:
    """What a run whose pipeline goes on waits for that will not pass by itself.

    Args:
        seen: the pipeline as its runner saw it a moment ago.
    """
    if "waiting" in seen:
        return Waiting.model_validate(seen["waiting"])
    if services.settings.platform != "kubernetes":
        return None
    try:
        return await _of_step(services, loop, run) or _again(run)
    except ApiError:
        return run.waiting  # nobody can say; the step that waits will tell if that lasts


async def _of_step(services: Services, loop: Loop, run: Run) -> Waiting | None:
    running = [(name, step) for name, step in run.steps.items() if step.state == "running"]
    if not running:
        return None
    name, step = running[-1]
    if step.job:
        return (await services.clients.training.job(step.job, project=loop.project)).waiting
    if name == ROLL_OUT:
        return of_endpoint(await services.clients.serving.endpoint(loop.name, project=loop.project))
    return None


def _again(run: Run) -> Waiting | None:
    """An attempt that follows one that was killed for its memory says so until it is over."""
    killed = run.waiting is not None and run.waiting.reason == OUT_OF_MEMORY
    return run.waiting if run.attempts > 1 and killed else None


def of_endpoint(endpoint: EndpointRead) -> Waiting | None:
    """What the pods of an endpoint's candidate wait for; None if it has none, or they do not."""
    number = None if endpoint.rollout is None else endpoint.rollout.revision
    return next((item.waiting for item in endpoint.revisions if item.number == number), None)
