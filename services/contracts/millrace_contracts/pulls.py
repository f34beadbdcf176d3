"""A look at a source: what a job is asked to fetch, and what came of it."""

from datetime import datetime

from pydantic import BaseModel, Field

from millrace_contracts.bodies import Read
from millrace_contracts.data import DataContract
from millrace_contracts.names import ColumnName, DataFormat, Digest, Name
from millrace_contracts.parts import Strictly, Zone
from millrace_contracts.rows import FailedCheck
from millrace_contracts.sources import Source
from millrace_contracts.tables import Dialect


class PullSpec(Strictly):
    """Fetch what a source has and the dataset has not; each delivery is held to the contract."""

    dataset: Name
    loop: Name
    source: Source
    contract: DataContract | None = None
    target: ColumnName | None = None
    event_time: ColumnName | None = None
    timezone: Zone = "UTC"
    dialect: Dialect | None = Field(
        default=None, description="How files of it are written, where that is said."
    )


class Pulled(BaseModel):
    """One delivery of a pull."""

    name: str = Field(description="Where in the source it came from.")
    accepted: bool
    new_rows: int = 0
    dataset_version: int | None = None
    quarantine: int | None = Field(default=None, description="Where it is kept, if it was refused.")
    reason: str
    failed: list[FailedCheck] = []


class PullResult(BaseModel):
    """What came of a look at a source; the version and its rows are those of the dataset afterwards."""

    dataset_version: int | None = Field(default=None, description="null: the dataset has none yet.")
    rows: int = Field(default=0, description="Rows of the version.")
    new_rows: int = 0
    known_rows: int = Field(default=0, description="Rows that were read and are in the dataset already.")
    deliveries: list[Pulled] = Field(default=[], description="Those of this look, oldest first; 100 at most.")
    refused: int = Field(default=0, description="Deliveries that were refused and kept in quarantine.")
    last_event: datetime | None = None
    more: bool = Field(default=False, description="There is more to fetch, at once.")
    reason: str


class SourceRead(Read):
    """How a loop's source stands."""

    loop: str
    kind: str = Field(description="sql, bucket or http.")
    state: str = Field(description="waiting, reading, or failing.")
    every: str | None = Field(description="How often it is looked at; null: once, and when asked to.")
    next_at: datetime | None = Field(description="When it is looked at next; null: when asked to.")
    looked_at: datetime | None = Field(description="When it was last looked at to the end.")
    failures: int = Field(description="Looks in a row that failed.")
    message: str = Field(description="What the last look brought, or what is in the way.")
    job: str | None = Field(description="The job of the last look.")
    new_rows: int = Field(description="Rows that it brought altogether.")
    refused: int = Field(description="Deliveries of it that are kept in quarantine.")


class LookSpec(Strictly):
    """Read the first rows of a source; nothing is kept unless a sample is asked for."""

    source: Source
    rows: int = Field(default=5, ge=1, le=100)
    sample_rows: int = Field(
        default=0, ge=0, le=100_000, description="Rows that are kept as an artifact, to draft a loop from."
    )


class SourceColumn(BaseModel):
    """A column as a source hands it out."""

    name: str
    type: str


class KeptSample(BaseModel):
    """Rows of a source that were kept: the first file as it is, or the first rows of a query as Parquet."""

    digest: Digest
    format: DataFormat
    name: str


class LookResult(BaseModel):
    """What a source hands out, as text."""

    columns: list[SourceColumn]
    rows: list[list[str | None]]
    notes: list[str] = Field(description="What there is to say beside them.")
    sample: KeptSample | None = Field(default=None, description="What was kept, if that was asked for.")
