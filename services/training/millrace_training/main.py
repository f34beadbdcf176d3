"""The training service: jobs that check data, train models and evaluate them."""

from fastapi import FastAPI

from millrace_core.app import create_app
from millrace_core.outbox import deliver_forever
from millrace_training.deliveries.routes import router as data
from millrace_training.jobs.controller import JobController
from millrace_training.jobs.routes import router as jobs
from millrace_training.settings import TrainingSettings
from millrace_training.tables import Outbox
from millrace_training.workspace.routes import router as workspace


def build(settings: TrainingSettings | None = None) -> FastAPI:
    """The service with *settings*, or with those of the environment."""
    settings = settings or TrainingSettings()

    async def reconcile(app: FastAPI) -> None:
        await controller.run(app)

    async def sweep(app: FastAPI) -> None:
        await controller.sweep(app)

    async def release(app: FastAPI) -> None:
        await controller.release(app)

    app = create_app(
        settings,
        "training",
        routers=[jobs, data, workspace],
        metadata_package="millrace_training",
        background=[reconcile, sweep, deliver_forever(Outbox)],
        stop=[release],
        large_paths=("/v1/jobs/",),
    )
    controller = app.state.jobs = JobController(app)
    return app
