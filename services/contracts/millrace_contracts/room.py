"""What fits now: the sizes of runs that wait to be opened, and what training says about them."""

from pydantic import Field

from millrace_contracts.bodies import Read
from millrace_contracts.jobs import JobLimits
from millrace_contracts.parts import Strictly
from millrace_contracts.workers import Workers


class RunSize(Strictly):
    """What the training of a run asks for."""

    limits: JobLimits = JobLimits()
    executor: str = Field(default="pool", max_length=40, description="As the loop's training names it.")
    workers: Workers | None = Field(default=None, description="Of code of the user's own.")


class RoomWrite(Strictly):
    """Sizes that are asked about."""

    sizes: list[RunSize] = Field(max_length=1000)


class SizeRoom(Read):
    """What there is for one size."""

    kind: str = Field(description="Sizes of one kind want the same places: cpu, gpu, nodes with a label.")
    needs: str = Field(description="In words, like `0.5 CPU and 4224 MiB`.")
    fits: int = Field(description="How many more trainings of this size could begin now.")
    lacks: str = Field(description="What is not there for one more, in words; empty if it fits.")


class AtWork(Read):
    """A run one of whose jobs is at work on a model."""

    project: str
    loop: str
    run: int


class RoomRead(Read):
    """What fits now."""

    sizes: list[SizeRoom] = Field(description="In the order of the question.")
    at_work: list[AtWork]


class QueuePlace(Read):
    """Where a run stands that waits to be started."""

    position: int = Field(ge=1, description="1: it is the next one.")
    length: int = Field(ge=1, description="How many wait, in all projects.")
    needs: str = Field(description="What its training asks for, in words.")
    reason: str = Field(description="For what it waits, in a sentence.")

    def told(self) -> str:
        """In one line."""
        return f"place {self.position} of {self.length} in the queue; {self.reason}"
