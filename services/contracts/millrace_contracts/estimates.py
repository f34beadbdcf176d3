"""Performance before labels come, as it is told: by day and by window, with what was measured beside it."""

from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from millrace_contracts.closings import Sparse


class EstimatedMetric(Sparse):
    """One metric; bounds hold what would be measured in 95 of 100 spans, and are left out where they are not known."""

    value: float
    lower: float | None = None
    upper: float | None = None
    sampling: float | None = Field(default=None, description="Standard error by the chance of the rows.")
    estimator: float | None = Field(default=None, description="Standard error of the estimator itself.")
    measured: float | None = Field(default=None, description="Over the rows that have a label.")


class EstimatedSpan(BaseModel):
    """A day, or several days of one version in a row."""

    since: date
    until: date = Field(description="The last day.")
    version: int
    rows: int = Field(description="Answered by that version.")
    labelled: int
    settled: bool = Field(
        description="Whether all its days have closed; until then rows and labels may come."
    )
    metrics: dict[str, EstimatedMetric] = Field(description="`loss` and the task's own.")
    adjusted: float | None = Field(
        description="Loss of all rows from those with a label, weighed; null: no need, or it cannot be claimed."
    )
    refused: str | None = Field(description="Why the labels say nothing of all rows, if so.")


class EstimatorStanding(BaseModel):
    """How wrong the estimate was on this loop's own settled days, under the version that answers."""

    days: int
    needed: int = Field(description="Days from which its error is known.")
    known: bool
    trusted: bool = Field(description="Whether an alarm may rest on it.")
    bias: float | None = Field(description="Mean of measured less estimated loss.")
    distance: float | None = Field(description="Mean absolute difference.")
    held: float | None = Field(description="Share of days whose 95 % band held what was measured.")
    widen: float = Field(description="By how much bands are wider than the reference said.")


class LabelsStanding(BaseModel):
    """Whether the rows with a label are a random sample of the answered ones, over the last settled days."""

    random: bool | None = Field(description="null: too few days to tell.")
    share: float | None = Field(description="Of the answered rows that have a label.")
    days: int = Field(description="Compared; days on which nearly every row has a label need no comparison.")
    column: str | None = Field(description="Where they differ most.")
    difference: float | None = Field(description="In standard deviations, labelled less unlabelled.")


class Estimates(BaseModel):
    """What is estimated of an endpoint, and how far that can be believed."""

    version: int | None = Field(description="The version that the standing is of.")
    method: str | None = Field(description="`confidence` for classes, `loss model` for numbers.")
    why_not: str | None = Field(description="Why nothing is estimated, if so.")
    alarm: bool = Field(description="Whether an alarm was asked for.")
    estimator: EstimatorStanding
    labels: LabelsStanding
    days: list[EstimatedSpan]
    windows: list[EstimatedSpan] = Field(description="Consecutive days of one version together.")
    words: list[str] = Field(description="The same in plain words, and what no estimate can see.")

    def between(self, since: date | None, until: date | None) -> "Estimates":
        """Only spans with since <= first day < until; what is said of all days stays."""
        kept = {
            name: [
                span
                for span in spans
                if (since is None or span.since >= since) and (until is None or span.since < until)
            ]
            for name, spans in (("days", self.days), ("windows", self.windows))
        }
        return self.model_copy(update=kept)


class StoredEstimate(BaseModel):
    """What is kept of a day: figures of the rows that the champion's revision answered.

    Attributes:
        why: why nothing is estimated; then nothing else is said.
        metrics, variance: expected of all rows; the variance is that of one row's loss about what is expected of it.
        expected, spread: the same two of the labelled rows' loss. measured: their metrics as they really were.
        drawn: labels were drawn for people, with known chances. differences: labelled rows against the others.
        adjusted, error, refused: the loss of all rows from the labelled ones, or why it cannot be claimed.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    why: str | None = None
    method: str | None = None
    rows: int = 0
    labelled: int = 0
    metrics: dict[str, float] = {}
    variance: float = 0.0
    expected: float | None = None
    spread: float = 0.0
    measured: dict[str, float] = {}
    drawn: bool = False
    differences: dict[str, float] = {}
    adjusted: float | None = None
    error: float | None = None
    refused: str | None = None
