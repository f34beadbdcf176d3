"""JSON of datasets, their versions, and refused data."""

from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from millrace_core.names import Digest
from millrace_registry.bodies import Body

Kind = Literal["number", "integer", "boolean", "string", "timestamp"]


class DatasetWrite(Body):
    description: str = Field(default="", max_length=2000)


class DatasetRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    name: str
    description: str
    latest: int = Field(description="Number of the newest version; 0 before the first.")
    created_at: datetime


class DataFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    digest: Digest = Field(description="Digest of a stored Parquet file.")
    rows: int = Field(ge=0)
    size: int = Field(ge=0, description="Bytes.")


class Column(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=200)
    type: Kind
    nullable: bool = True


class Source(BaseModel):
    """Where the new rows came from; its digest makes an ingest idempotent."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["file", "rows", "feedback"]
    name: str = Field(default="", max_length=500)
    digest: Digest
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None


class VersionWrite(Body):
    parent: int | None = Field(
        default=None, ge=1, le=2**31 - 1, description="The version it extends; null: the first."
    )
    files: list[DataFile] = Field(
        min_length=1, max_length=10_000, description="All files, the parent's included."
    )
    data_schema: list[Column] = Field(alias="schema", min_length=1, max_length=5000)
    profile: dict[str, Any] = Field(default_factory=dict)
    contract: dict[str, Any] | None = None
    source: Source
    rows: int = Field(ge=0, le=2**62)
    first_event: AwareDatetime | None = None
    last_event: AwareDatetime | None = None


class VersionRead(BaseModel):
    dataset: str
    number: int = Field(description="1 for the first; never reused.")
    parent: int | None
    digest: str = Field(description="Of files and schema together.")
    files: list[DataFile]
    data_schema: list[Column] = Field(serialization_alias="schema", validation_alias="schema")
    profile: dict[str, Any]
    contract: dict[str, Any] | None
    source: Source
    rows: int
    first_event: datetime | None
    last_event: datetime | None
    created_at: datetime


class QuarantineWrite(Body):
    artifact: Digest
    source: dict[str, Any] = Field(default_factory=dict)
    report: dict[str, Any]


class QuarantineRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: int
    artifact: str
    source: dict[str, Any]
    report: dict[str, Any]
    created_at: datetime
