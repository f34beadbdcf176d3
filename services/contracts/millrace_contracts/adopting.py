"""Adopting a graph that was made elsewhere: registered by MLflow's client, judged by the loop's own gates."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from millrace_contracts.bodies import Read
from millrace_contracts.instants import Instant
from millrace_contracts.names import Digest, PlainText, VersionNumber

RegisteredName = Annotated[str, Field(min_length=1, max_length=256, pattern=PlainText)]


class AdoptSpec(BaseModel):
    """The graph that stands as a candidate in place of one that is trained."""

    model_config = ConfigDict(extra="forbid")

    model: RegisteredName
    version: VersionNumber
    digest: Digest = Field(description="Of the ONNX file.")
    trained_through: Instant = Field(description="It has seen no event from here on.")


class AdoptWrite(BaseModel):
    """Which registered version shall become a loop's candidate."""

    model_config = ConfigDict(extra="forbid")

    model: RegisteredName
    version: VersionNumber
    trained_through: Instant = Field(
        description="It has seen no event from here on: rows before it do not judge it."
    )
    key: str | None = Field(
        default=None, max_length=100, pattern=PlainText, description="The same key again is the same run."
    )


class AdoptableRead(Read):
    """The one ONNX file of a version that MLflow's client registered."""

    model: str
    version: int
    path: str = Field(description="What the file is called in its run or logged model.")
    digest: Digest
    size: int
