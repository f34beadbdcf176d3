"""The training service: jobs that check data, train models and evaluate them."""

from typing import Any

from fastapi import FastAPI

from millrace_core.app import create_app
from millrace_core.openlineage.outbox import begin, send_forever
from millrace_core.outbox import deliver_forever
from millrace_core.reconcile import run_forever
from millrace_training.deliveries.routes import router as deliveries
from millrace_training.jobs.controller import JobController
from millrace_training.jobs.failed import keep_failed
from millrace_training.jobs.room import router as room
from millrace_training.jobs.routes import router as jobs
from millrace_training.services import Services, make
from millrace_training.settings import TrainingSettings
from millrace_training.streams.controller import keep_streams, sweep_streams
from millrace_training.streams.routes import router as streams
from millrace_training.tables import LineageEvent, Outbox
from millrace_training.workspace.routes import router as workspace

SWEEP_SECONDS = 3600.0


def _tasks(inside: bool) -> list[Any]:
    """Background tasks; in a replay nothing is streamed, and what failed is told by its run."""
    replayed = [reconcile, deliver_forever(Outbox)]
    if inside:
        return replayed
    return [*replayed, sweep, keep_failed, keep_streams, sweep_streams, send_forever(LineageEvent)]


def build(settings: TrainingSettings | None = None) -> FastAPI:
    """The service with *settings*, or with those of the environment."""
    settings = settings or TrainingSettings()
    return create_app(
        settings,
        "training",
        routers=[jobs, room, deliveries, streams, workspace],
        metadata_package="millrace_training",
        background=_tasks(settings.inside),
        start=[begin],
        stop=[release],
        large_paths=("/v1/jobs/",),
        make=make,
    )


async def reconcile(services: Services) -> None:
    """Look after the jobs until cancelled."""
    controller = JobController(services)
    every, wake = services.settings.job_look_seconds, services.wakeup.event
    await run_forever("jobs", controller.reconcile, every, wake)


async def sweep(services: Services) -> None:
    """Remove old folders until cancelled."""
    await run_forever("job folders", JobController(services).sweep, every=SWEEP_SECONDS)


async def release(services: Services) -> None:
    """At an orderly end of the service: the next one takes up the jobs that had to stop."""
    await JobController(services).release()
