"""The console service: pages for people, made on the server of what the other services answer."""

from fastapi import FastAPI

from millrace_console import refusing, services
from millrace_console.acting.routes import router as acting
from millrace_console.alarms.routes import router as alarms
from millrace_console.approving.routes import router as approving
from millrace_console.auditing.routes import router as auditing
from millrace_console.bringing.routes import PREFIX as UPLOAD
from millrace_console.bringing.routes import router as bringing
from millrace_console.data.routes import router as data
from millrace_console.declaring.routes import router as declaring
from millrace_console.headers import Headers
from millrace_console.history.routes import router as history
from millrace_console.jobs.routes import router as jobs
from millrace_console.loops.routes import router as loops
from millrace_console.overview.routes import router as overview
from millrace_console.people.programs import router as programs
from millrace_console.people.provider_routes import router as provider
from millrace_console.people.routes import router as people
from millrace_console.people.you import router as you
from millrace_console.predicting.routes import router as predicting
from millrace_console.replays.routes import router as replays
from millrace_console.reviews.routes import router as reviews
from millrace_console.services import Services
from millrace_console.settings import ConsoleSettings
from millrace_console.static.routes import router as static
from millrace_core.app import create_app
from millrace_core.reconcile import run_forever

PAGES = (
    people, provider, programs, you, static, overview, bringing, declaring, predicting, loops, jobs, history,
    data, alarms, approving, auditing, reviews, replays, acting,
)  # fmt: skip

OVER_SECONDS = 30.0
"""Seconds after which a session that is over is noticed where nobody comes by."""


async def _begin(given: Services) -> None:
    await given.accounts.forget_browsers()


async def _close_over(given: Services) -> None:
    """Background task: what a session held goes with it, a look over everything and its archive too."""
    await run_forever("sessions that are over", given.people.close_over, every=OVER_SECONDS)


async def _end(given: Services) -> None:
    given.works.close()
    await given.people.close()


def build(settings: ConsoleSettings | None = None) -> FastAPI:
    """The application, with settings from the environment if none are given."""
    app = create_app(
        settings or ConsoleSettings(),
        title="console",
        routers=PAGES,
        make=services.make,
        background=[_close_over],
        start=[_begin],
        stop=[_end],
        around=[Headers],
        large_paths=(UPLOAD,),
    )
    refusing.install(app)
    return app


__all__ = ["ConsoleSettings", "build"]
