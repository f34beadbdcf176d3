"""What every way of running a pipeline promises: an attempt is started once, looked at, and stopped."""

import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Protocol

from millrace_contracts.bodies import Document
from millrace_contracts.loop_runs import StepRead
from millrace_controller.pipelines.work import Kind
from millrace_controller.tables import Loop, Run

Handle = Document
"""Where an attempt runs, as JSON on the run: `runner` names who knows it; people may read `id` and `link`. What it
waits for is told in `waiting`, as {"reason", "message"}."""
JOBS_OF_A_RUN = 4
SLACK_SECONDS = 1800.0


@dataclass(frozen=True)
class Attempt:
    """One try at the pipeline of one run; *decision*: the one that opened the run."""

    project: str
    loop: str
    run: int
    number: int
    opened: datetime
    steps: dict[str, StepRead]
    rejected: bool
    wall_seconds: float
    before: Handle | None
    decision: str = ""
    kind: Kind = "pipeline"

    @property
    def name(self) -> str:
        """Unique over projects, loops and installations, also when a database was begun anew; at most 52 signs."""
        return f"{self.place}-{self.number}"

    @property
    def place(self) -> str:
        """The same for all attempts of a run."""
        life = f"{self.project}/{self.loop}/{self.run}/{self.opened.isoformat()}"
        return f"{self.loop[:28].strip('-')}-{self.run}-{sha256(life.encode()).hexdigest()[:8]}"

    @property
    def deadline(self) -> float:
        """Seconds after which a pipeline cannot be at work any more: its jobs have limits of their own."""
        return JOBS_OF_A_RUN * self.wall_seconds + SLACK_SECONDS

    @property
    def silence(self) -> float:
        """Seconds without any sign of progress after which a pipeline is given up: its longest job, and some."""
        return self.wall_seconds + SLACK_SECONDS

    def command(self, compiled: str) -> list[str]:
        """The module that runs a compiled pipeline, and its arguments."""
        arguments = {"project": self.project, "loop": self.loop, "run": self.run}
        return ["millrace_controller.pipelines.local", compiled, json.dumps(arguments)]

    def labels(self) -> dict[str, str]:
        """Its run, for who looks at pods."""
        return {"millrace.dev/run": str(self.run)}

    def last_words(self) -> tuple[str, bool]:
        """What the step that failed told of it, and whether trying again would end the same."""
        for name, step in self.steps.items():
            if step.state == "failed":
                return f"{name}: {step.message}", step.final
        return "", False


@dataclass(frozen=True)
class Ended:
    """How an attempt ended.

    Args:
        ok: all its steps succeeded. final: another attempt would end the same.
        handle: what is kept of it; the next attempt sees it as `before`.
        reason: a CamelCase word for what the cluster did to it, if that is known.
        short: there was no room for it; it does not count as an attempt.
    """

    handle: Handle
    ok: bool = False
    message: str = ""
    final: bool = False
    reason: str = ""
    short: bool = False


class Runner(Protocol):
    """One way to run pipelines. All methods may be repeated after a crash at any point."""

    async def start(self, attempt: Attempt, /) -> Handle | Ended | None:
        """Start the attempt, or find the one that was started before its handle was stored; its end if it cannot be.

        None: it is too early for another attempt.
        """

    async def find(self, attempt: Attempt, /) -> Handle | None:
        """The attempt, if it was started."""

    async def look(self, attempt: Attempt, /, handle: Handle) -> Handle | Ended:
        """How far it is: the handle, with what is new, or its end. Raises: Unavailable if nobody can say."""

    async def stop(self, handle: Handle) -> str | None:
        """End it, and return when it can do no more harm, or with what still runs of it."""


def calm(handle: Handle) -> Handle:
    """The handle without what it waited for when somebody last looked."""
    return {name: value for name, value in handle.items() if name != "waiting"}


def of(loop: Loop, run: Run, number: int) -> Attempt:
    """The attempt *number* of a run."""
    return Attempt(
        project=loop.project,
        loop=loop.name,
        run=run.number,
        number=number,
        opened=run.created_at,
        steps=run.steps,
        rejected=run.verdict is not None and run.verdict.verdict != "passed",
        wall_seconds=run.plan.limits.wall_seconds or 0.0,
        before=run.pipeline,
        decision=run.decision,
    )
