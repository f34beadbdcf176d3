"""Runs backtests, one at a time, each in a child process that is started again when it is killed."""

import asyncio
import fcntl
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from millrace_controller.backtest import queries
from millrace_controller.backtest.schemas import State
from millrace_controller.tables import Backtest
from millrace_core.log import log
from millrace_core.reconcile import run_forever

ATTEMPTS = 3
EVERY, REST = 2.0, 30.0
"""Seconds between two looks at a backtest, and at whether there is one, unless somebody asked for one."""


async def keep_backtests(app: FastAPI) -> None:
    """Background task."""

    async def once() -> None:
        heard = app.state.bell.listen()
        if not await tend(app):
            await app.state.bell.wait(heard, time.monotonic() + REST, REST)

    await run_forever("backtests", once, every=EVERY)


async def tend(app: FastAPI) -> bool:
    """One pass: start the backtest whose turn it is, tell how far it is, or close it; False if there is none."""
    async with app.state.readers() as session:
        backtest = await queries.oldest_open(session)
    if backtest is None:
        return False
    place = folder(app, backtest)
    result = _json(place / "result.json")
    if result is not None:
        await _end(app, backtest, result)
    elif _working(place):
        await _told(app, backtest, _json(place / "progress.json") or {})
    elif backtest.progress.get("attempts", 0) >= ATTEMPTS:
        await _end(app, backtest, {"ok": False, "message": f"its process died {ATTEMPTS} times"})
    else:
        await _start(app, backtest, place)
    return True


def folder(app: FastAPI, backtest: Backtest) -> Path:
    """Where a backtest's process works."""
    found: Path = app.state.settings.folder / "backtests" / backtest.id
    return found


def _json(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return found


def _working(place: Path) -> bool:
    """Whether a process, of this controller or of one before it, holds the folder's lock."""
    try:
        with (place / "lock").open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _prepare(place: Path, request: dict[str, Any]) -> None:
    place.mkdir(parents=True, exist_ok=True)
    (place / "request.json").write_text(json.dumps(request))


async def _start(app: FastAPI, backtest: Backtest, place: Path) -> None:
    """Start the process; it inherits the lock, so that there is no moment in which it looks dead."""
    attempt = int(backtest.progress.get("attempts", 0)) + 1
    _prepare(place, backtest.request | {"loop": backtest.loop})
    async with app.state.sessions.begin() as session:
        await queries.progress(session, backtest.id, backtest.progress | {"attempts": attempt})
    environment = os.environ | {
        "MILLRACE_TOKEN": app.state.settings.token.get_secret_value(),
        "MILLRACE_PROJECT": backtest.project,
        "OMP_NUM_THREADS": "1",
    }
    with (place / "log.txt").open("ab") as output, (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "millrace_controller.backtest.replay", str(place), stdin=asyncio.subprocess.DEVNULL,
            stdout=output, stderr=output, cwd=place, env=environment, start_new_session=True, pass_fds=(lock.fileno(),),
        )  # fmt: skip
    app.state.children[child.pid] = asyncio.create_task(_reap(app, child))
    log.info("backtest started", backtest=backtest.id, pid=child.pid, attempt=attempt)


async def _reap(app: FastAPI, child: Any) -> None:
    await child.wait()
    app.state.children.pop(child.pid, None)


async def _told(app: FastAPI, backtest: Backtest, facts: dict[str, Any]) -> None:
    facts |= {"attempts": backtest.progress.get("attempts", 1)}
    if facts != backtest.progress:
        async with app.state.sessions.begin() as session:
            await queries.progress(session, backtest.id, facts)
        app.state.bell.ring()


async def _end(app: FastAPI, backtest: Backtest, found: dict[str, Any]) -> None:
    state = State.SUCCEEDED if found["ok"] else State.FAILED
    message = str(found["message"])[:4000]
    async with app.state.sessions.begin() as session:
        await queries.end(session, backtest, state, message, found.get("result"))
    log.info("backtest ended", backtest=backtest.id, state=state)
    app.state.wake.set()
    app.state.bell.ring()
