"""Labels: the truth about rows that were predicted, and what became of those that were sent."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from millrace_contracts.instants import Instant
from millrace_contracts.names import RequestId
from millrace_contracts.parts import Strictly, nothing_in

LabelValue = bool | int | float | Annotated[str, StringConstraints(min_length=1, max_length=10_000)]
"""The truth as the data has it: a number, or a class."""
MOST_REFUSALS = 20
"""Refused labels that one answer tells of."""
MOST_NEWCOMERS = 20
"""Classes that no version knows yet of which one answer tells."""


class LabelWrite(Strictly):
    """The truth about one row."""

    request_id: RequestId = Field(description="As it came back with the answer.")
    index: int = Field(default=0, ge=0, le=2**31 - 1, description="The row's place in its request.")
    value: LabelValue = Field(description="The number, or the class as the training data has it.")
    at: Instant = Field(
        description="When it became known; a later one corrects an earlier one, and of equals the last to come."
    )


class LabelsWrite(Strictly):
    """Labels, and how far they are complete."""

    labels: list[LabelWrite] = Field(default=[], max_length=100_000)
    complete_through: Instant | None = Field(
        default=None,
        description="Every event before this instant has arrived and is labelled as far as it ever will be.",
    )


class LabelRefusal(BaseModel):
    """A label that is no number or names no class; it was not stored."""

    place: int = Field(description="Its place among the labels that were sent, from 0.")
    value: str = Field(description="What it said, at most 100 characters of it.")
    reason: str


class NewClass(BaseModel):
    """A class that the version in production does not know, and how many labels name it."""

    value: str = Field(description="The class as text.")
    labels: int


class LabelsRead(BaseModel):
    """What became of them."""

    new: int = Field(description="Rows that had no label before.")
    corrected: int = Field(
        description="Labels that say otherwise than the one before, and became known or came later."
    )
    repeated: int = Field(default=0, description="Labels that say again what is known.")
    contradicted: int = Field(
        default=0,
        description="Labels that say otherwise than the one that holds, which is later or in a later line.",
    )
    unchanged: int = Field(description="Repeated and contradicted labels.")
    matched: int = Field(
        default=0,
        description="Labels, without the refused, of a row that is among the predictions kept so far.",
    )
    unmatched: int = Field(
        default=0, description="... of a row that is not; kept all the same, since it may be logged later."
    )
    refused: int = Field(default=0, description="Labels that are no number, or name no class; not stored.")
    refusals: list[LabelRefusal] = Field(default=[], description="The first 20 of those.")
    unknown: int = Field(
        default=0,
        description="Labels, among the stored ones, of classes that the version in production does not know.",
    )
    new_classes: list[NewClass] = Field(
        default=[], exclude_if=nothing_in, description="The 20 commonest of those classes."
    )
    labelled: int = Field(description="Rows with a label, of all time.")


def together(answers: Sequence[LabelsRead], places: Sequence[int]) -> LabelsRead:
    """One answer for labels that were sent in parts.

    Args:
        answers: in order, at least one.
        places: for each part the place of its first label among all.
    """
    refusals = [
        refusal.model_copy(update={"place": first + refusal.place})
        for first, answer in zip(places, answers, strict=True)
        for refusal in answer.refusals
    ]
    return LabelsRead(
        new=sum(answer.new for answer in answers),
        corrected=sum(answer.corrected for answer in answers),
        repeated=sum(answer.repeated for answer in answers),
        contradicted=sum(answer.contradicted for answer in answers),
        unchanged=sum(answer.unchanged for answer in answers),
        matched=sum(answer.matched for answer in answers),
        unmatched=sum(answer.unmatched for answer in answers),
        refused=sum(answer.refused for answer in answers),
        refusals=refusals[:MOST_REFUSALS],
        unknown=sum(answer.unknown for answer in answers),
        new_classes=commonest(_added(answers)),
        labelled=answers[-1].labelled,
    )


def commonest(counts: Mapping[str, int]) -> list[NewClass]:
    """At most MOST_NEWCOMERS of these classes, the commonest first, those alike by name."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [NewClass(value=value, labels=count) for value, count in ordered[:MOST_NEWCOMERS]]


def _added(answers: Sequence[LabelsRead]) -> Counter[str]:
    counts = Counter[str]()
    for answer in answers:
        for item in answer.new_classes:
            counts[item.value] += item.labels
    return counts
