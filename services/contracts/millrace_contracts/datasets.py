"""Datasets, their immutable versions, and deliveries that were refused."""

import hashlib
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from millrace_contracts.bodies import Body, Document, Read
from millrace_contracts.data import ColumnType
from millrace_contracts.deliveries import ArtifactSource
from millrace_contracts.names import ColumnName, DataFormat, Digest
from millrace_contracts.parts import unsaid
from millrace_contracts.shapes import Shape


class DatasetWrite(Body):
    """A dataset as asked for."""

    description: str = Field(default="", max_length=2000)


class DatasetRead(Read):
    """A dataset."""

    name: str
    description: str
    latest: int = Field(description="Number of the newest version; 0 before the first.")
    created_at: datetime


class DataFile(BaseModel):
    """One Parquet file of a version."""

    model_config = ConfigDict(extra="forbid")
    digest: Digest = Field(description="Digest of a stored Parquet file.")
    rows: int = Field(ge=0)
    size: int = Field(ge=0, description="Bytes.")


class SchemaColumn(BaseModel):
    """One column of a version's schema."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=200)
    type: ColumnType
    nullable: bool = True
    shape: Shape | None = Field(default=None, exclude_if=unsaid, description="Of each cell of a tensor.")


class IndexPart(BaseModel):
    """Rows of an index that came one after the other."""

    model_config = ConfigDict(extra="forbid")
    digest: Digest = Field(
        description="Of a stored Parquet file with 64 bits for each row, its key and so on."
    )
    rows: int = Field(ge=0)
    first: AwareDatetime | None = Field(
        default=None, description="Their first event time; null: not known, so they may meet any row."
    )
    last: AwareDatetime | None = None


class RowIndex(BaseModel):
    """What a version's rows are in a few bytes each: a delivery is compared with these, not with the rows."""

    model_config = ConfigDict(extra="forbid")
    columns: list[ColumnName] = Field(max_length=5000, description="What tells a row from others.")
    key: list[ColumnName] = Field(default=[], max_length=5000)
    unique: list[ColumnName] = Field(default=[], max_length=5000)
    parts: list[IndexPart] = Field(max_length=10_000, description="Oldest first.")


class RowsOrigin(BaseModel):
    """Where the new rows came from; its digest makes an ingest idempotent."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["file", "rows", "feedback", "source"]
    name: str = Field(default="", max_length=500)
    digest: Digest
    source: str | None = Field(
        default=None,
        max_length=64,
        description="Which source of which loop, as a digest of what declares it.",
    )
    cursor: str | None = Field(
        default=None, max_length=1000, description="How far that source has been read with this delivery."
    )
    format: DataFormat | None = Field(default=None, description="Of a file, as it came.")
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None

    @classmethod
    def of_artifact(cls, source: ArtifactSource) -> "RowsOrigin":
        """Of an uploaded file; one that names its delivery may come again with the same bytes, and counts again."""
        digest = source.digest
        if source.delivery is not None:
            named = f"{source.delivery} {source.digest}".encode()
            digest = f"sha256:{hashlib.sha256(named).hexdigest()}"
        return cls(kind=source.origin, name=source.name, format=source.format, digest=digest)


class DatasetVersionWrite(Body):
    """A version to be added."""

    parent: int | None = Field(
        default=None, ge=1, le=2**31 - 1, description="The version it extends; null: the first."
    )
    files: list[DataFile] = Field(
        min_length=1, max_length=10_000, description="All files, the parent's included."
    )
    data_schema: list[SchemaColumn] = Field(alias="schema", min_length=1, max_length=5000)
    profile: Document = Field(
        default_factory=dict, description="Of its rows, or of an ancestor's: `rows` says of how many."
    )
    index: RowIndex | None = Field(default=None, description="null: it has none, and is read as a whole.")
    contract: Document | None = None
    declared: Document | None = Field(
        default=None, description="The contract as a person declared it; `contract` is what it has grown to."
    )
    source: RowsOrigin
    rows: int = Field(ge=0, le=2**62)
    first_event: AwareDatetime | None = None
    last_event: AwareDatetime | None = None


class DatasetVersionRead(Read):
    """An immutable snapshot of named data."""

    dataset: str
    number: int = Field(description="1 for the first; never reused.")
    parent: int | None
    digest: str = Field(description="Of files and schema together.")
    files: list[DataFile]
    data_schema: list[SchemaColumn] = Field(serialization_alias="schema", validation_alias="schema")
    profile: Document = Field(description="Of its rows, or of an ancestor's: `rows` says of how many.")
    index: RowIndex | None = None
    contract: Document | None
    declared: Document | None = None
    source: RowsOrigin
    rows: int
    first_event: datetime | None
    last_event: datetime | None
    created_at: datetime


QuarantineState = Literal["waiting", "accepted", "dropped"]


class QuarantineWrite(Body):
    """A refused delivery to be kept."""

    artifact: Digest
    source: Document = Field(default_factory=dict)
    report: Document


class QuarantineRead(Read):
    """A refused delivery, kept with the report that says why."""

    id: int
    dataset: str
    artifact: str
    source: Document
    report: Document
    state: QuarantineState = Field(description="waiting: for a person to take it after all, or to drop it.")
    settled_by: str = Field(description="Who took or dropped it; empty while it waits.")
    created_at: datetime


class QuarantineStanding(Read):
    """A dataset of which refused deliveries wait; each of the numbers changes with what waits, or takes its place."""

    project: str
    dataset: str
    waiting: int = Field(description="How many wait.")
    newest: int = Field(description="Number of the newest entry that waits.")
    latest: int = Field(
        description="The dataset's newest version: a good file may have come after a refused one."
    )


class QuarantineVerdict(Body):
    """What a person decides about a refused delivery."""

    state: Literal["accepted", "dropped"]
    reason: str = Field(default="", max_length=500, description="In the person's words.")
    changes: list[Annotated[str, Field(max_length=500)]] = Field(
        default=[], max_length=5000, description="How the contract was changed so that it takes the delivery."
    )
    dataset_version: int | None = Field(default=None, ge=1, description="The version that holds it now.")
