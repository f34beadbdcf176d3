"""Rows that were predicted elsewhere, or are to be scored when their day closes."""

from typing import Annotated

from pydantic import BaseModel, Field

from millrace_contracts.instants import Instant
from millrace_contracts.names import RequestId, RevisionName
from millrace_contracts.parts import Strictly
from millrace_contracts.shapes import Nested
from millrace_contracts.signature import MOST_CLASSES

FeatureValue = bool | int | float | Annotated[str, Field(max_length=10_000)] | Nested | None

PredictedValue = float | Annotated[list[float], Field(max_length=MOST_CLASSES)] | dict[str, float]
"""An answer: a number, or probabilities of classes."""


class LoggedRow(Strictly):
    """One row that was predicted, or is to be scored when its day closes."""

    request_id: RequestId
    index: int = Field(default=0, ge=0, le=2**31 - 1)
    event_time: Instant
    features: dict[str, FeatureValue] = Field(
        description="By data column or tensor name; null or left out: missing."
    )
    prediction: PredictedValue | None = Field(
        default=None,
        description="A number; of many classes a probability for each, as a list in the order of the signature's "
        "classes or as an object by class. Null: scored in batch with the champion's graph.",
    )
    revision: RevisionName | None = None


class LoggedRows(Strictly):
    """Many of them."""

    rows: list[LoggedRow] = Field(max_length=100_000)


class LoggedRowsRead(BaseModel):
    """What is durable now; repeats are noticed and not stored again."""

    rows: int
