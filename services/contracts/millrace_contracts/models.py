"""Models, their immutable versions, the aliases that move between them, and where versions come from."""

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, model_validator

from millrace_contracts.bodies import Body, Document, Read
from millrace_contracts.names import Digest, Name, TaskName
from millrace_contracts.release import Files
from millrace_contracts.searching import SearchFront
from millrace_contracts.signature import Signature
from millrace_contracts.variants import ModelVariants

GOLDEN_ROWS = 256
Cell = float | int | bool | str | list[float | None] | None
"""A value of a column; of a tensor its numbers, one behind the other."""
Answer = float | str | list[float]
"""What an output says of one row: a number, a class, or a probability for each class."""
Number = Annotated[int, Field(ge=1, le=2**31 - 1)]


Moment = Annotated[datetime, PlainSerializer(datetime.isoformat, when_used="json")]
"""An instant as decisions write it."""


class Golden(BaseModel):
    """Rows and what the trained pipeline answered for them; null is a missing value."""

    model_config = ConfigDict(extra="forbid")

    inputs: dict[str, list[Cell]]
    outputs: dict[str, list[Answer]]

    @model_validator(mode="after")
    def _same_length(self) -> "Golden":
        lengths = {len(rows) for rows in self.inputs.values()} | {len(rows) for rows in self.outputs.values()}
        if len(lengths) != 1 or not 1 <= max(lengths) <= GOLDEN_ROWS or not self.outputs or not self.inputs:
            raise ValueError(f"golden rows need inputs and outputs of one length between 1 and {GOLDEN_ROWS}")
        return self


class ModelWrite(Body):
    """A model as asked for."""

    description: str = Field(default="", max_length=2000)
    guarded: bool | None = Field(
        default=None,
        description="Whether nothing but its loop may move the champion, as people have to approve; null: as it is. "
        "The controller alone says so.",
    )


class ModelRead(Read):
    """A model's name and what stands behind it."""

    name: str
    description: str
    latest: int = Field(description="Number of the newest version; 0 before the first.")
    created_at: datetime


class Lineage(BaseModel):
    """What the version was made from, and which loop run made it."""

    model_config = ConfigDict(extra="allow")
    dataset: Name | None = None
    dataset_version: int | None = Field(default=None, ge=1, le=2**31 - 1)
    run: str | None = Field(default=None, max_length=36, description="Id of the training run here.")
    loop: Name | None = None
    loop_run: int | None = Field(default=None, ge=1, le=2**31 - 1)
    code: Digest | None = Field(
        default=None, description="The packed code that trained it, if it is a user's own."
    )
    trained_from: Moment | None = None
    trained_through: Moment | None = Field(default=None, description="It has seen no event from here on.")
    holdout_from: Moment | None = None
    holdout_through: Moment | None = None


class ModelVersionWrite(Body):
    """A release unit to be registered."""

    key: str = Field(
        min_length=1, max_length=200, description="Natural key: the same key is the same version."
    )
    files: Files
    signature: Signature
    task: TaskName
    target: str = Field(min_length=1, max_length=200)
    metrics: Document = Field(default_factory=dict)
    baseline: Digest | None = Field(default=None, description="The baseline profile, also among the files.")
    lineage: Lineage = Field(default_factory=Lineage)
    environment: Document = Field(default_factory=dict)
    golden: Document = Field(default_factory=dict, description="A few inputs and their exact outputs.")
    variants: ModelVariants = Field(
        default=[], description="The forms of its graph with what was measured; none: the base form alone."
    )
    front: SearchFront | None = Field(
        default=None,
        description="What its search found of loss and latency; null: it looked at the loss alone.",
    )

    @model_validator(mode="after")
    def _variants_are_files(self) -> "ModelVersionWrite":
        kept = {(file.variant, file.name, file.digest) for file in self.files.files if file.role == "model"}
        told = {
            (item.file_variant, item.name, item.digest) for item in self.variants if item.state != "refused"
        }
        if told - kept:
            missing = ", ".join(sorted(variant for variant, _, _ in told - kept))
            raise ValueError(f"variants without their file of the role model: {missing}")
        return self


class ModelVersionRead(Read):
    """An immutable release unit."""

    model: str
    number: int = Field(description="1 for the first; never reused.")
    key: str
    digest: str = Field(description="Of the whole release unit.")
    files: Files
    signature: Signature
    task: TaskName
    target: str
    metrics: Document
    baseline: str | None
    lineage: Lineage
    environment: Document
    golden: Document
    variants: ModelVariants = Field(
        default=[], description="The forms of its graph, if it has more than one."
    )
    front: SearchFront | None = Field(
        default=None, description="What its search found of loss and latency, if it looked at both."
    )
    created_at: datetime


class AliasWrite(Body):
    """Where an alias shall point, if it points where the caller believes."""

    version: Number | None = Field(description="Where it shall point; null: nowhere.")
    expected: Number | None = Field(description="Where the caller believes it points now; else 409.")
    event_time: AwareDatetime | None = Field(default=None, description="When the move holds in event time.")
    decision: str | None = Field(default=None, max_length=36, description="Id of the decision behind it.")
    reason: str = Field(default="", max_length=2000)


class AliasRead(Read):
    """Where an alias points."""

    name: str
    version: int | None


class AliasMoveRead(Read):
    """One move of an alias."""

    name: str
    number: int
    version: int | None
    previous: int | None
    event_time: datetime | None
    decision: str | None
    reason: str
    actor: str
    recorded_at: datetime
