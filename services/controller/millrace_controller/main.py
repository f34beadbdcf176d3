"""The controller service."""

import asyncio
from typing import Any

from fastapi import FastAPI

from millrace_controller.backtests.controller import keep_backtests
from millrace_controller.backtests.routes import router as backtests
from millrace_controller.bell import Bell
from millrace_controller.capabilities.routes import router as capabilities
from millrace_controller.clock.worker import keep_loops, read_feed
from millrace_controller.leases import fence
from millrace_controller.leases.leader import leading
from millrace_controller.loops.routes import router as loops
from millrace_controller.operator.task import operate, stuck
from millrace_controller.pipelines.runners import Runners
from millrace_controller.runs.routes import router as runs
from millrace_controller.settings import ControllerSettings
from millrace_controller.tables import Outbox
from millrace_core.app import create_app
from millrace_core.outbox import deliver_forever


async def _begin(app: FastAPI) -> None:
    fence.install(app)
    app.state.wake = asyncio.Event()
    app.state.bell = Bell()
    app.state.versions = {}
    app.state.prepared = set()
    app.state.children = {}
    app.state.runners = Runners(app)
    app.state.term = None
    app.state.cluster = cluster(app.state.settings)


def cluster(settings: ControllerSettings) -> Any:
    """The Kubernetes cluster beneath; None on a laptop, or where none is to be found."""
    if settings.platform == "laptop" and not settings.operator:
        return None
    from millrace_core.kubernetes import Cluster

    return Cluster.here() if Cluster.available() else None


async def _end(app: FastAPI) -> None:
    for task in list(app.state.children.values()):
        task.cancel()
    await app.state.runners.close()


def build(settings: ControllerSettings | None = None) -> FastAPI:
    """The application, with settings from the environment if none are given."""
    app = create_app(
        settings or ControllerSettings(),
        title="controller",
        routers=[loops, runs, backtests, capabilities],
        metadata_package="millrace_controller",
        start=[_begin],
        stop=[_end],
        background=[leading([read_feed, keep_loops, keep_backtests, deliver_forever(Outbox), operate])],
        alive={"operator": stuck},
    )
    app.state.operator = None
    return app


__all__ = ["ControllerSettings", "build"]
