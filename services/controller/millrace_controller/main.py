"""The controller service."""

import asyncio
from pathlib import Path

from fastapi import FastAPI

from millrace_controller.backtest.controller import keep_backtests
from millrace_controller.backtest.routes import router as backtests
from millrace_controller.bell import Bell
from millrace_controller.clock.worker import keep_loops, read_feed
from millrace_controller.loops.routes import router as loops
from millrace_controller.runs.routes import router as runs
from millrace_controller.tables import Outbox
from millrace_core.app import create_app
from millrace_core.outbox import deliver_forever
from millrace_core.settings import Settings

PIPELINE = Path(__file__).parents[3] / "pipelines" / "compiled" / "loop-run.yaml"


class ControllerSettings(Settings):
    service: str = "controller"
    pipeline: Path = PIPELINE
    """The compiled pipeline of a loop run."""


async def _begin(app: FastAPI) -> None:
    app.state.wake = asyncio.Event()
    app.state.bell = Bell()
    app.state.versions = {}
    app.state.prepared = set()
    app.state.children = {}


async def _end(app: FastAPI) -> None:
    for task in list(app.state.children.values()):
        task.cancel()


def build(settings: ControllerSettings | None = None) -> FastAPI:
    """The application, with settings from the environment if none are given."""
    return create_app(
        settings or ControllerSettings(),
        title="controller",
        routers=[loops, runs, backtests],
        metadata_package="millrace_controller",
        start=[_begin],
        stop=[_end],
        background=[read_feed, keep_loops, keep_backtests, deliver_forever(Outbox)],
    )
