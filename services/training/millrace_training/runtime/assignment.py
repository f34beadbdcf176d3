"""What the process of one attempt is told: its work, who asks, and its share of the machine."""

from dataclasses import dataclass

from pydantic import BaseModel, Field

from millrace_contracts.bodies import Document


@dataclass(frozen=True)
class JobIdentity:
    """Which job this is: *key* is the submitter's, *attempt* counts from 1."""

    id: str
    key: str
    kind: str
    loop: str | None
    loop_run: int | None
    attempt: int


class Assignment(BaseModel):
    """One attempt, as its process reads it."""

    run: str = Field(description="The function that does the work: package.module:name.")
    spec: Document
    project: str
    threads: int
    memory_bytes: int
    wall_seconds: float
    job: JobIdentity


class Beginning(BaseModel):
    """What a process says of itself when it begins."""

    pid: int
    attempt: int


class Usage(BaseModel):
    """What the job uses; from a pod also its sign of life."""

    rss: int = Field(
        default=0, ge=0, lt=2**62, description="Bytes in memory now, all its processes together."
    )
    peak_rss_bytes: int = Field(ge=0, lt=2**62)
