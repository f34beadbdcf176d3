"""Batch predictions: which rows are scored with which version, where the answers go, and what it cost."""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, Field

from millrace_contracts.data import Share
from millrace_contracts.deliveries import ArtifactSource, FileTitle
from millrace_contracts.names import (
    ColumnName,
    Digest,
    Name,
    RevisionName,
    ShortText,
    VersionNumber,
    WrittenFormat,
)
from millrace_contracts.parts import Strictly, Zone
from millrace_contracts.release import BASE, Variant, is_base
from millrace_contracts.sinks import Sink
from millrace_contracts.tables import Dialect, Rejects

MOST_FILES = 1000
MOST_EXAMPLES = 5


class LogTo(Strictly):
    """Log the answers as an endpoint's own, so that they are watched, and labels find them."""

    endpoint: Name
    revision: RevisionName = Field(description="The endpoint's revision of the version that answers.")
    event_time: ColumnName | None = Field(
        default=None,
        description="The column that says when a row happened; rows without a time are not logged.",
    )
    at: AwareDatetime | None = Field(
        default=None, description="When all rows happened, where no column says it."
    )


class ScoreSpec(Strictly):
    """Predict every row of some files with one version, as its endpoint would."""

    model: Name
    version: VersionNumber
    files: list[ArtifactSource] = Field(
        min_length=1, max_length=MOST_FILES, description="Scored in this order."
    )
    output: WrittenFormat = Field(default="csv", description="What is written: one file for each that came.")
    together: bool = Field(
        default=False, description="Write one file of all; their columns must be the same."
    )
    keep: list[ColumnName] | None = Field(
        default=None, max_length=5000, description="Input columns that stand beside the answers; null: all."
    )
    timezone: Zone = Field(default="UTC", description="Zone of times that have none, as the loop has it.")
    dialect: Dialect | None = Field(default=None, description="What is known of how cells are written.")
    rejects_at_most: Share = Field(
        default=0.01, description="Share of lines that may be unreadable; they are kept and counted."
    )
    sink: Sink | None = Field(
        default=None, description="Where the answers go; left out: files of the registry."
    )
    called: FileTitle | None = Field(
        default=None, description="How files of answers are called in a sink, without their ending."
    )
    at: AwareDatetime | None = Field(
        default=None, description="Stands beside every answer as scored_at; left out: no such column."
    )
    variant: Variant = Field(
        default=BASE,
        exclude_if=is_base,
        description="Which form of the version answers: the one that serves.",
    )
    log: LogTo | None = Field(
        default=None, description="Log the answers too; left out: they are only written."
    )
    executor: Literal["inline", "pool", "ray"] = Field(
        default="inline", description="Where parts are scored: one after the other, or side by side."
    )


class ScoredFile(BaseModel):
    """A file of answers, kept by the registry."""

    name: FileTitle
    digest: Digest
    rows: int
    size: int = Field(description="Bytes.")


class Unanswered(BaseModel):
    """Cells of one column that are no value of the model's input; their rows have no prediction."""

    column: str
    rows: int
    examples: list[str] = Field(
        max_length=MOST_EXAMPLES, description="As `row 17: 'abc'`; rows count from 1."
    )


class ScoreCost(BaseModel):
    """What an attempt that ended well took; parts that an earlier one had finished cost nothing again."""

    seconds: float = Field(description="From the first row read to the last one written.")
    cpu_seconds: float = Field(description="Processor time of the job's own process meanwhile.")
    rows_per_second: float = Field(description="Rows scored by this attempt, a second.")
    parts: int = Field(description="Pieces that are finished one by one: row groups, or several small ones.")
    resumed: int = Field(description="Of these, finished by an earlier attempt.")


class ScoreResult(BaseModel):
    """What was written and what it cost."""

    model: Name
    version: VersionNumber
    digest: Digest = Field(description="Of the graph, the same that its endpoint loads.")
    rows: int
    answered: int = Field(description="Rows that have a prediction.")
    unanswered: list[Unanswered]
    files: list[ScoredFile] = Field(description="Kept by the registry; none where they went to a sink.")
    written: list[str] = Field(default=[], description="What was written in the sink: files, or the table.")
    rejects: Rejects = Field(default=Rejects(), description="Lines that could not be read.")
    rejected: ScoredFile | None = Field(
        default=None, description="The kept ones of them as a CSV file of the registry, if there are any."
    )
    repeated: int = Field(default=0, description="Rows that the table had already from this batch.")
    columns: list[ShortText] = Field(
        description="The columns of the answers, as they are called in the files."
    )
    cost: ScoreCost
