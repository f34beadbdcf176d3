"""Does a piece of work in a child process group, which outlives the controller and is adopted by the next one."""

import asyncio
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from millrace_controller.changes import Changes
from millrace_controller.pipelines.attempts import Ended, Handle
from millrace_controller.pipelines.settings import PipelineSettings
from millrace_controller.pipelines.work import Work

RESULT = "result.json"


class ProcessRunner:
    """Work as child processes; a file lock makes a second one wait for an orphan."""

    def __init__(self, settings: PipelineSettings, changes: Changes) -> None:
        self.settings, self.changes = settings, changes
        self.children: dict[int, asyncio.Task[None]] = {}
        """What waits for the end of each process, by its number."""

    def close(self) -> None:
        """Wait for no process any more; they go on."""
        for task in list(self.children.values()):
            task.cancel()

    async def start(self, work: Work) -> Handle:
        place = self._folder(work)
        place.mkdir(parents=True, exist_ok=True)
        for leftover in (RESULT, "failure", "final"):
            (place / leftover).unlink(missing_ok=True)
        child = await self._spawn(work, place)
        self.children[child.pid] = asyncio.create_task(self._reap(child))
        return {"runner": "process", "pid": child.pid, "started": _started(child.pid)}

    async def find(self, work: Work) -> Handle | None:
        """None: an orphan is not found again, the lock keeps its successor waiting."""
        return None

    async def look(self, work: Work, handle: Handle) -> Handle | Ended:
        if _alive(handle):
            self._watch(handle)
            return handle
        result = _result(self._folder(work))
        if result is None:
            return Ended(handle, message=f"the {work.kind} was killed")
        return Ended(handle, result["ok"], str(result.get("message") or ""), bool(result.get("final")))

    async def stop(self, handle: Handle) -> None:
        if _alive(handle):
            os.killpg(handle["pid"], signal.SIGKILL)
            await asyncio.to_thread(_gone, handle)

    async def tidy(self, work: Work) -> None:
        """Remove what the tries at a piece of work that is over left for the next try; its log stays."""
        place = self._folder(work)
        for folder in place.iterdir() if place.exists() else ():
            if folder.is_dir():
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _folder(self, work: Work) -> Path:
        return self.settings.folder / "runs" / work.place

    async def _spawn(self, work: Work, place: Path) -> Any:
        settings = self.settings
        environment = os.environ | {
            "MILLRACE_TOKEN": settings.token.get_secret_value(),
            "OMP_NUM_THREADS": "1",
        }
        command = (
            sys.executable,
            "-m",
            *work.command(str(settings.pipeline)),
            str(place),
        )
        with (place / "log.txt").open("ab") as output:
            return await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, cwd=place,
                env=environment, start_new_session=True,
            )  # fmt: skip

    async def _reap(self, child: Any) -> None:
        await child.wait()
        self.children.pop(child.pid, None)
        self.changes.work.set()

    def _watch(self, handle: Handle) -> None:
        """Wake up when an adopted process (a child of an earlier controller) is gone."""
        pid = handle["pid"]
        if pid not in self.children:
            self.children[pid] = asyncio.create_task(self._wait_for(handle))

    async def _wait_for(self, handle: Handle) -> None:
        await asyncio.to_thread(_gone, handle)
        self.children.pop(handle["pid"], None)
        self.changes.work.set()


def _started(pid: int) -> float | None:
    """When the process began, in seconds since 1970; None for one that has ended already."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return None


def _alive(handle: Handle) -> bool:
    try:
        process = psutil.Process(handle["pid"])
        same = abs(process.create_time() - (handle["started"] or 0)) < 1
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _gone(handle: Handle) -> None:
    """Return when the process is gone (blocking)."""
    while _alive(handle):
        time.sleep(0.1)


def _result(place: Path) -> dict[str, Any] | None:
    try:
        return json.loads((place / RESULT).read_text())
    except (FileNotFoundError, ValueError):
        return None
