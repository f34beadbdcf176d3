"""JSON of models and their versions."""

from datetime import datetime
from typing import Annotated, Any, Literal, NotRequired

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from typing_extensions import TypedDict

from millrace_contracts.names import TaskName
from millrace_core.names import Digest, Name
from millrace_registry.bodies import Body

FileName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]


class ModelWrite(Body):
    description: str = Field(default="", max_length=2000)


class ModelRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    name: str
    description: str
    latest: int = Field(description="Number of the newest version; 0 before the first.")
    created_at: datetime


class Tensor(TypedDict):
    """One tensor; a field that it need not have is left out, not null."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]
    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    datatype: Literal["FP32", "INT64", "BYTES"]
    column: NotRequired[str]
    kind: NotRequired[Literal["number", "category", "timestamp", "boolean"]]


class Lineage(BaseModel):
    """What the version was made from, and which loop run made it."""

    model_config = ConfigDict(extra="allow")
    dataset: Name | None = None
    dataset_version: int | None = Field(default=None, ge=1, le=2**31 - 1)
    run: str | None = Field(default=None, max_length=36, description="Id of the training run here.")
    loop: Name | None = None
    loop_run: int | None = Field(default=None, ge=1, le=2**31 - 1)


class Signature(BaseModel):
    """What goes in and comes out; every tensor has the shape (rows, 1)."""

    model_config = ConfigDict(extra="allow")
    inputs: list[Tensor] = Field(min_length=1, max_length=5000)
    outputs: list[Tensor] = Field(min_length=1, max_length=100)


class VersionWrite(Body):
    key: str = Field(
        min_length=1, max_length=200, description="Natural key: the same key is the same version."
    )
    files: dict[FileName, Digest] = Field(min_length=1, max_length=50)
    signature: Signature
    task: TaskName
    target: str = Field(min_length=1, max_length=200)
    metrics: dict[str, Any] = Field(default_factory=dict)
    baseline: Digest | None = Field(default=None, description="baseline.json, also among the files.")
    lineage: Lineage = Field(default_factory=Lineage)
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
