"""JSON of models, versions and aliases."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from typing_extensions import TypedDict

from millrace_core.names import Digest

FileName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
Number = Annotated[int, Field(ge=1, le=2**31 - 1)]


class ModelWrite(BaseModel):
    model_config = ConfigDict(extra="forbid")
    description: str = Field(default="", max_length=2000)


class ModelRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    name: str
    description: str
    latest: int = Field(description="Number of the newest version; 0 before the first.")
    created_at: datetime


class Tensor(TypedDict, total=False):
    name: str
    datatype: str
    column: str
    kind: str


class Signature(BaseModel):
    """What goes in and comes out; every tensor has the shape (rows, 1)."""

    model_config = ConfigDict(extra="allow")
    inputs: list[Tensor] = Field(min_length=1, max_length=5000)
    outputs: list[Tensor] = Field(min_length=1, max_length=100)


class VersionWrite(BaseModel):
    model_config = ConfigDict(extra="forbid")
    key: str = Field(
        min_length=1, max_length=200, description="Natural key: the same key is the same version."
    )
    files: dict[FileName, Digest] = Field(min_length=1, max_length=50)
    signature: Signature
    task: Literal["regression", "binary"]
    target: str = Field(min_length=1, max_length=200)
    metrics: dict[str, Any] = Field(default_factory=dict)
    baseline: Digest | None = Field(default=None, description="baseline.json, also among the files.")
    lineage: dict[str, Any] = Field(default_factory=dict)
    environment: dict[str, Any] = Field(default_factory=dict)
    golden: dict[str, Any] = Field(default_factory=dict, description="A few inputs and their exact outputs.")


class VersionRead(BaseModel):
    model: str
    number: int = Field(description="1 for the first; never reused.")
    key: str
    digest: str = Field(description="Of the whole release unit.")
    files: dict[str, str]
    signature: dict[str, Any]
    task: str
    target: str
    metrics: dict[str, Any]
    baseline: str | None
    lineage: dict[str, Any]
    environment: dict[str, Any]
    golden: dict[str, Any]
    created_at: datetime


class AliasWrite(BaseModel):
    model_config = ConfigDict(extra="forbid")
    version: Number | None = Field(description="Where it shall point; null: nowhere.")
    expected: Number | None = Field(description="Where the caller believes it points now; else 409.")
    event_time: datetime | None = None
    decision: str | None = Field(default=None, max_length=36)
    reason: str = Field(default="", max_length=2000)


class AliasRead(BaseModel):
    name: str
    version: int | None


class AliasMoveRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    name: str
    number: int
    version: int | None
    previous: int | None
    event_time: datetime | None
    decision: str | None
    reason: str
    actor: str
    recorded_at: datetime
