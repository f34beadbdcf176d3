"""The job kind `compress`: what it is asked, and which forms of a candidate it made, measured and kept."""

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from millrace_contracts.contenders import Contender
from millrace_contracts.learning import Configuration, LearningSpec
from millrace_contracts.models import Golden
from millrace_contracts.names import ColumnName, Digest
from millrace_contracts.release import Files
from millrace_contracts.traffic import ClosedDays, RequestSizes, Rows
from millrace_contracts.variants import ModelVariants, Wishes

BATCHES: list[int] = [1, 8]
"""Rows in a call where nothing tells more of a loop's traffic: one client's row, and what Triton joins under load."""


class CompressPlan(BaseModel):
    """What of a `compress` job is known when a run is opened."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    targets: Wishes = ["auto"]
    distil: bool = Field(
        default=False, description="Whether one small model is taught the answers of an ensemble."
    )
    batches: list[Rows] = Field(
        default=BATCHES, min_length=1, max_length=8, description="At each of them a variant has to be faster."
    )
    days: ClosedDays | None = Field(
        default=None,
        description="Whose requests say with how many rows a call is measured; null: no champion has answered any.",
    )
    margin: float = Field(
        default=0.02, ge=0, le=10, description="Loss that a variant may lose, as a share, on all rows."
    )
    tolerance: float = Field(default=0.05, ge=0, le=10, description="The same within one slice.")
    minimum_blocks: int = Field(default=14, ge=2, le=3650)
    slices: list[ColumnName] = []
    minimum_rows: int = Field(default=500, ge=10, description="Of a slice that is judged.")
    seed: int = Field(
        default=0, ge=0, lt=2**31, description="Of the calibration rows, and of training's folds."
    )
    folds: int | None = Field(default=None, ge=2, le=50)


class CompressSpec(LearningSpec, CompressPlan):
    """Make the forms of a trained candidate that its targets run fastest, and keep those that are as good."""

    candidate: Contender
    golden: Golden | None = Field(
        default=None, description="Rows that each form is asked; its answers go with it."
    )
    traffic: RequestSizes | None = Field(
        default=None, description="Whose requests `batches` are of; null: of none, they are the usual ones."
    )
    configuration: Configuration | None = Field(
        default=None, description="What it is; the answers of an ensemble can be taught to one small model."
    )
    trained_from: AwareDatetime | None = Field(default=None, description="Its training window begins here.")


class CalibrationRows(BaseModel):
    """Which rows set the scales of INT8: drawn from the training window alone."""

    rows: int
    seed: int
    digest: Digest = Field(
        description="Of the drawn rows' digests, in order: the same rows have the same one."
    )


class CompressResult(BaseModel):
    """The forms of a candidate, kept or not, each with its numbers."""

    model_config = ConfigDict(extra="allow")

    variants: ModelVariants
    files: Files | None = Field(
        default=None, description="Files of the forms that go into the release; null: there are none."
    )
    calibration: CalibrationRows | None = None
    notes: list[str] = Field(default=[], description="What was not tried, and why.")
    report: Digest | None = Field(default=None, description="Digest of the page for people.")
