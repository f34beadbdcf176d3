"""What a job's pod and the training service tell each other about the job's folder."""

from pydantic import BaseModel, Field

from millrace_contracts.jobs import TrialRead
from millrace_contracts.parts import Strictly
from millrace_training.runtime.assignment import Assignment


class Piece(BaseModel):
    """A file of a finished piece of work."""

    name: str
    size: int = Field(description="Bytes.")


class WorkspaceRead(BaseModel):
    """What an attempt begins with. Its trials are those of the job."""

    spec: Assignment = Field(description="As the job's process reads it.")
    sizes: dict[str, int] = Field(description="Bytes that earlier attempts left in each stream.")
    pieces: list[Piece]


class Told(BaseModel):
    """The answer to everything a pod sends."""

    cancel: bool = Field(description="Whether the job is asked to stop.")
    size: int | None = Field(
        default=None, description="Bytes now in the stream; fewer than sent: send again."
    )


class Trials(Strictly):
    """Trials that were asked or finished since the last ones sent."""

    trials: list[TrialRead] = Field(max_length=1000)
