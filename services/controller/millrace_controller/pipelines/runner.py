"""Runs a loop run's pipeline in a child process group: started, adopted after a restart, tried again, or closed."""

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import psutil
from fastapi import FastAPI

from millrace_controller.clock.day import closed
from millrace_controller.loops import queries as loops
from millrace_controller.runs import queries as runs
from millrace_controller.runs.states import State
from millrace_controller.tables import Loop, Outbox, Run
from millrace_core.log import log
from millrace_core.outbox import decide

ATTEMPTS = 3
RESULT = "result.json"


async def tend(app: FastAPI, loop: Loop, run: Run) -> bool:
    """Start the pipeline of a pending run, or see what became of a running one; False while it goes on."""
    if State(run.state) == State.PENDING:
        await _start(app, loop, run)
        return False
    if _alive(run):
        _watch(app, run)
        return False
    await _ended(app, loop, run)
    return True


def folder(app: FastAPI, run: Run) -> Path:
    """Where a run's pipeline works."""
    return app.state.settings.folder / "runs" / f"{run.loop_id}-{run.number}"


async def _start(app: FastAPI, loop: Loop, run: Run) -> None:
    place = folder(app, run)
    place.mkdir(parents=True, exist_ok=True)
    for leftover in (RESULT, "failure", "final"):
        (place / leftover).unlink(missing_ok=True)
    arguments = json.dumps({"loop": loop.name, "run": run.number})
    settings = app.state.settings
    environment = os.environ | {
        "MILLRACE_TOKEN": settings.token.get_secret_value(),
        "MILLRACE_PROJECT": loop.project,
        "OMP_NUM_THREADS": "1",
    }
    command = (
        sys.executable,
        "-m",
        "millrace_controller.pipelines.local",
        str(settings.pipeline),
        arguments,
        str(place),
    )
    with (place / "log.txt").open("ab") as output:
        child = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, cwd=place, env=environment,
            start_new_session=True,
        )  # fmt: skip
    started = psutil.Process(child.pid).create_time()
    async with app.state.sessions.begin() as session:
        mine = await runs.get(session, loop, run.number)
        await runs.move(
            session, mine, State.RUNNING, attempts=run.attempts + 1, pid=child.pid, pid_started=started
        )
    app.state.children[child.pid] = asyncio.create_task(_reap(app, child))
    log.info("pipeline started", loop=loop.name, run=run.number, pid=child.pid, attempt=run.attempts + 1)


async def _reap(app: FastAPI, child: Any) -> None:
    await child.wait()
    app.state.children.pop(child.pid, None)
    app.state.wake.set()


def _alive(run: Run) -> bool:
    try:
        process = psutil.Process(run.pid or 0)
        return (
            abs(process.create_time() - (run.pid_started or 0)) < 1
            and process.status() != psutil.STATUS_ZOMBIE
        )
    except psutil.Error:
        return False


def _gone(run: Run) -> None:
    """Return when a run's process is gone (blocking)."""
    while _alive(run):
        time.sleep(0.1)


def _watch(app: FastAPI, run: Run) -> None:
    """Wake up when an adopted pipeline (a child of an earlier controller) is gone."""
    pid = run.pid or 0
    if pid not in app.state.children:
        app.state.children[pid] = asyncio.create_task(_wait_for(app, run))


async def _wait_for(app: FastAPI, run: Run) -> None:
    await asyncio.to_thread(_gone, run)
    app.state.children.pop(run.pid, None)
    app.state.wake.set()


async def _ended(app: FastAPI, loop: Loop, run: Run) -> None:
    """A pipeline that is gone: rejected if the gates said no, else tried again, at last failed."""
    result = _result(folder(app, run))
    async with app.state.sessions.begin() as session:
        kept = await loops.get(session, loop.project, loop.name)
        mine = await runs.get(session, kept, run.number)
        if State(mine.state) != State.RUNNING:
            return
        state, message = _verdict(mine, result)
        await runs.move(session, mine, state, message=message[:4000], pid=None)
        if state != State.PENDING:
            await decide(session, Outbox, closed(kept, mine, message[:1500], mine.opened_at))


def _result(place: Path) -> dict[str, Any] | None:
    try:
        return json.loads((place / RESULT).read_text())
    except (FileNotFoundError, ValueError):
        return None


def _verdict(run: Run, result: dict[str, Any] | None) -> tuple[State, str]:
    if run.verdict is not None and run.verdict["verdict"] != "passed" and result and result["ok"]:
        return State.REJECTED, f"the gates say {run.verdict['verdict']}: {run.verdict['reason']}"
    what = (
        "the pipeline was killed"
        if result is None
        else str(result.get("message") or "the pipeline ended early")
    )
    if run.attempts < ATTEMPTS and (result is None or not result.get("final")):
        return State.PENDING, f"{what}; trying again"
    return State.FAILED, what


async def stop(app: FastAPI, run: Run) -> None:
    """Kill a run's process group, if it is alive."""
    if run.pid is not None and _alive(run):
        os.killpg(run.pid, signal.SIGKILL)
        await asyncio.to_thread(_gone, run)
