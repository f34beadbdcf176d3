"""A run as a stream of server-sent events: what changed, and what its job said; taken up behind the last id seen."""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

import httpx
import orjson

from millrace.aio import AsyncMillrace
from millrace.transport.errors import ApiError
from millrace_console.jobs.lines import Line, following
from millrace_contracts.loop_runs import LoopRunRead

ID = re.compile(r"([0-9a-f]{32})\.([0-9]{1,15})")
LOOK_SECONDS = 1.0
LONGEST_SECONDS = 600.0
"""After so long the browser opens the stream again: by then the session may be over."""
Sent = dict[str, str]


@dataclass(frozen=True)
class Seen:
    """Up to where somebody has seen what a job said."""

    job: str = ""
    after: int = 0

    @classmethod
    def read(cls, text: str) -> "Seen":
        """What an id says; nothing for one that is none."""
        match = ID.fullmatch(text)
        return cls() if match is None else cls(match[1], int(match[2]))

    def behind(self, job: str) -> int:
        """Where the stream of *job* goes on."""
        return self.after if job == self.job else 0


class Stream:
    """What one open page of a run hears.

    Args:
        holds: whether the session goes on.
    """

    def __init__(
        self, clients: AsyncMillrace, project: str, loop: str, number: int, holds: Callable[[], bool]
    ) -> None:
        self.clients, self.project, self.loop, self.number = clients, project, loop, number
        self.holds = holds
        self.coming: asyncio.Queue[tuple[str, Line]] = asyncio.Queue(maxsize=500)

    async def events(self, seen: Seen) -> AsyncGenerator[Sent, None]:
        """`run` when the page has news, `said` for each line of the job at work, `over` at the end of the run."""
        told, job, listener = b"", "", None
        loop = asyncio.get_running_loop()
        until = loop.time() + LONGEST_SECONDS
        try:
            while self.holds() and loop.time() < until:
                run = await self.clients.controller.run(self.loop, self.number, project=self.project)
                now, state = working(run), state_of(run)
                if now and now != job:
                    _stop(listener)
                    job, listener = now, asyncio.create_task(self._listen(now, seen.behind(now)))
                if state != told:
                    told = state
                    yield {"event": "run", "data": orjson.dumps({"state": run.state}).decode()}
                async for sent in self._said():
                    yield sent
                if run.ended_at is not None:
                    yield {"event": "over", "data": orjson.dumps({"state": run.state}).decode()}
                    return
        except (ApiError, httpx.HTTPError):
            return
        finally:
            _stop(listener)

    async def _said(self) -> AsyncGenerator[Sent, None]:
        """What comes within a second."""
        loop = asyncio.get_running_loop()
        until = loop.time() + LOOK_SECONDS
        while (left := until - loop.time()) > 0:
            try:
                async with asyncio.timeout(left):
                    job, line = await self.coming.get()
            except TimeoutError:
                return
            text = orjson.dumps({"text": line.text}).decode()
            yield {"event": "said", "id": f"{job}.{line.id}", "data": text}

    async def _listen(self, job: str, after: int) -> None:
        try:
            async for line in following(self.clients, self.project, job, after):
                await self.coming.put((job, line))
        except (ApiError, httpx.HTTPError):
            return


def working(run: LoopRunRead) -> str:
    """The job that works for a run now, or did last; empty before there is one."""
    return next((step.job for step in reversed(run.steps.values()) if step.job), "")


def state_of(run: LoopRunRead) -> bytes:
    """What of a run's page can change, as bytes that differ when it has."""
    return run.model_dump_json(
        include={
            "state",
            "steps",
            "message",
            "verdict",
            "version",
            "waiting",
            "queue",
            "approval",
            "ended_at",
        }
    ).encode()


def _stop(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
