"""The controller service."""

from typing import Any

from fastapi import FastAPI

from millrace_controller import services
from millrace_controller.approvals.routes import router as approvals
from millrace_controller.backtests.controller import keep_backtests
from millrace_controller.backtests.routes import router as backtests
from millrace_controller.capabilities.routes import router as capabilities
from millrace_controller.cards.routes import router as cards
from millrace_controller.clock.routes import router as ahead
from millrace_controller.clock.worker import keep_loops, read_feed
from millrace_controller.leases.leader import leading
from millrace_controller.loops.routes import router as loops
from millrace_controller.notices.controller import keep_notices
from millrace_controller.operator.task import operate, stuck
from millrace_controller.overview.routes import router as overview
from millrace_controller.runs.routes import router as runs
from millrace_controller.scores.controller import keep_scores
from millrace_controller.scores.routes import router as scores
from millrace_controller.services import Services
from millrace_controller.settings import ControllerSettings
from millrace_controller.sources.controller import keep_sources
from millrace_controller.sources.routes import router as sources
from millrace_controller.tables import LedgerRow, LineageEvent, Outbox
from millrace_core.app import create_app
from millrace_core.ledger import routes as ledger
from millrace_core.ledger.telling import tell_forever
from millrace_core.openlineage.outbox import begin, send_forever
from millrace_core.outbox import deliver_forever


async def _end(services: Services) -> None:
    await services.runners.close()


def _tasks(inside: bool) -> list[Any]:
    """Background tasks; a replay's loop has no source, scores nothing by itself, and nobody is told of it."""
    replayed = [read_feed, keep_loops, deliver_forever(Outbox)]
    if inside:
        return replayed
    others = [keep_sources, keep_scores, keep_backtests, keep_notices, operate]
    return [*replayed, *others, tell_forever(LedgerRow), send_forever(LineageEvent)]


def build(settings: ControllerSettings | None = None) -> FastAPI:
    """The application, with settings from the environment if none are given."""
    settings = settings or ControllerSettings()
    return create_app(
        settings,
        title="controller",
        routers=[
            overview,
            loops,
            ahead,
            runs,
            approvals,
            cards,
            sources,
            scores,
            backtests,
            capabilities,
            ledger.router(LedgerRow),
        ],
        metadata_package="millrace_controller",
        make=services.make,
        start=[ledger.begin(LedgerRow), begin],
        stop=[_end],
        background=[leading(_tasks(settings.inside))],
        alive={"operator": stuck},
    )


__all__ = ["ControllerSettings", "build"]
