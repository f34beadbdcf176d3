"""What a loop needs at the other services, and what is taken away with it."""

from collections.abc import Awaitable

from millrace.transport.errors import ApiError
from millrace_contracts.endpoints import EndpointWrite
from millrace_contracts.jobs import JobState
from millrace_contracts.models import AliasWrite
from millrace_contracts.serving import ServingSpec
from millrace_controller.production.champion import CHAMPION
from millrace_controller.services import Services
from millrace_controller.tables import Loop

GONE = (404, 409)
"""Answers that say that a thing is away already, or belongs to somebody else by now."""
JOBS = 100


async def prepare(services: Services, loop: Loop) -> None:
    """Make the dataset, the model and the endpoint that a loop needs."""
    registry = services.clients.registry
    data, name, project = loop.spec.data, loop.name, loop.project
    try:
        await registry.dataset(data.dataset, project=project)
    except ApiError as error:
        if error.status != 404:
            raise
        await registry.put_dataset(data.dataset, f"data of {name}", project=project)
    guarded = loop.mode == "live" and loop.spec.gates.approval is not None
    await registry.put_model(name, f"model of the loop {name}", guarded, project=project)
    mode = "backtest" if loop.mode == "backtest" else "live"
    serving = loop.spec.serving or ServingSpec()
    wanted = EndpointWrite(
        model=name,
        mode=mode,
        timezone=data.timezone,
        guarded=guarded,
        review=loop.spec.review,
        serving=serving,
    )
    await services.clients.serving.put_endpoint(name, wanted, project=project)


async def cancel_jobs(services: Services, loop: Loop) -> None:
    """Stop what training still does, or has yet to begin, for a loop; jobs that have ended stay as they are."""
    training, project = services.clients.training, loop.project
    for state in (JobState.QUEUED, JobState.RUNNING):
        page = await training.jobs(state, loop.name, JOBS, project=project)
        for job in page.items:
            await training.cancel(job.id, project=project)


async def leave(services: Services, loop: Loop) -> None:
    """Take a loop out of production: endpoint, monitor and alias; its versions stay. Safe to repeat."""
    clients, name, project = services.clients, loop.name, loop.project
    nowhere = AliasWrite(
        version=None, expected=loop.champion, event_time=loop.settled_through, reason="deleted"
    )
    await clients.monitoring.unsubscribe(name, project=project)
    await _gone(clients.serving.delete_endpoint(name, project=project))
    await _gone(clients.monitoring.delete_monitor(name, project=project))
    await _gone(clients.registry.move_alias(name, CHAMPION, nowhere, project=project))


async def _gone(call: Awaitable[object]) -> None:
    try:
        await call
    except ApiError as error:
        if error.status not in GONE:
            raise
