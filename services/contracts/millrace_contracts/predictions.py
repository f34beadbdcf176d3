"""Predictions for people and low traffic: rows by column in, numbers and named classes out."""

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from millrace_contracts.explanations import RowExplanation
from millrace_contracts.instants import Clock
from millrace_contracts.parts import Strictly
from millrace_contracts.shapes import Nested

CellValue = bool | int | float | Annotated[str, StringConstraints(max_length=10_000)] | Nested | None
"""A value of a column; of a tensor nested lists of numbers, which are looked at by the signature."""
MOST_WARNINGS = 20
"""Warnings that one answer tells of."""
ColumnText = Annotated[str, StringConstraints(max_length=200)]


class PredictionRequest(Strictly):
    """Rows to be predicted."""

    rows: list[dict[ColumnText, CellValue]] = Field(
        min_length=1,
        max_length=100_000,
        description="One object per row, by column; null is a missing value, a tensor is nested lists. More than the "
        "server takes in one request (1024) are answered 413 with that limit.",
    )
    key: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,256}$")] | None = Field(
        default=None, description="Sticky key: the same key always meets the same revision."
    )
    event_time: Clock | None = Field(
        default=None,
        description="When the event happens; now if absent. Without an offset, in the time zone of the endpoint.",
    )
    warn: bool = Field(
        default=False,
        description="Whether to be told of values that training never saw; they are answered all the same.",
    )


class PredictionWarning(BaseModel):
    """A value that the version in production never saw in training: an unseen word, or a number beyond its range."""

    where: str = Field(description="Like rows[3].district.")
    value: str = Field(description="At most 100 characters of it.")
    what: str


class PredictionAnswer(BaseModel):
    """What the gateway answered."""

    request_id: str = Field(description="A row is (request id, index in the batch); labels refer to it.")
    revision: str
    version: int | None
    predictions: list[float | None] = Field(
        description="One per row: the number, or the probability of the second of two classes, or of the class "
        "that is named; null: not a finite number."
    )
    classes: list[str | None] | None = Field(
        default=None, description="One per row: the class that is predicted; null for numbers."
    )
    probabilities: list[dict[str, float] | None] | None = Field(
        default=None, description="One per row: the probability of each class, by its text."
    )
    needs_review: list[bool] | None = Field(
        default=None,
        description="One per row: whether its class is less probable than the loop's review.below, or there is no "
        "answer; null where the loop says nothing of the kind.",
    )
    withheld: int = Field(
        default=0,
        description="Rows whose answer is left out (null), as the loop's review.withhold says; they need review.",
    )
    explanations: list[RowExplanation | None] | None = Field(
        default=None,
        description="With ?explain=true one per row: what each input contributes, which adds up to the answer; null "
        "for a row whose answer is withheld.",
    )
    not_explained: str | None = Field(
        default=None, description="Why there are no explanations though they were asked for."
    )
    unseen: int | None = Field(
        default=None, description="Values that training never saw; null where nobody asked to be warned."
    )
    warnings: list[PredictionWarning] | None = Field(default=None, description="The first 20 of those.")
