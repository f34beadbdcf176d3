"""Reviews: predictions that people look at and label: which are chosen, with which chance, and what people said."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints, model_validator

from millrace_contracts.bodies import Document, Read
from millrace_contracts.instants import Instant
from millrace_contracts.labels import LabelValue
from millrace_contracts.logged import FeatureValue
from millrace_contracts.names import PlainText
from millrace_contracts.parts import Bool, Float, Int, Part, Strictly

ReviewReason = Literal["sampled", "low", "useful"]
"""Why an entry is in the queue: drawn by chance, of low confidence, or most useful to learn from."""
ReviewState = Literal["open", "disputed", "labelled", "unresolved", "skipped"]
"""Disputed: people disagree, and another one has to look. Unresolved: they still did."""
SHARE = r"^(100|[0-9]{1,2}(\.[0-9]{1,4})?)%$"
Share = Annotated[str, StringConstraints(max_length=8, pattern=SHARE)]
MOST_LABELLERS = 9
NOTHING_CHOSEN = "review chooses nothing: write at least one of below, sample and uncertain"
NOTHING_WITHHELD = "review.withhold goes with review.below, which says what is withheld"
NO_CONFIDENCE = "review.below needs a task with classes; a regression has no confidence"


class ReviewSpec(Part):
    below: Float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Answers whose class is less probable than this are looked at, and flagged as needs_review.",
    )
    sample: Share | None = Field(
        default=None,
        description="Share of all answers, drawn by chance, like 1%: what makes the measured quality unbiased.",
    )
    uncertain: Bool = Field(
        default=False,
        description="Whether answers that teach most are looked at: near a tie, or unlike training.",
    )
    labellers: Int = Field(
        default=1, ge=1, le=MOST_LABELLERS, description="How many people have to look at each entry."
    )
    withhold: Bool = Field(
        default=False, description="Whether :predict leaves out answers that are less probable than below."
    )

    @model_validator(mode="after")
    def _chooses(self) -> "ReviewSpec":
        if self.below is None and self.sample is None and not self.uncertain:
            raise ValueError(NOTHING_CHOSEN)
        if self.withhold and self.below is None:
            raise ValueError(NOTHING_WITHHELD)
        return self

    def rate(self) -> float:
        """The share that is drawn by chance, from 0 to 1."""
        return 0.0 if self.sample is None else float(self.sample[:-1]) / 100


class Chance(BaseModel):
    """The chances with which a row was chosen, one for each reason; the draws are independent."""

    sampled: float
    low: float = Field(description="0 or 1.")
    useful: float

    def any(self) -> float:
        """That it was chosen for any reason."""
        return 1 - (1 - self.sampled) * (1 - self.low) * (1 - self.useful)

    def by_first_reason(self) -> dict[ReviewReason, float]:
        """That it was chosen, and for this reason first."""
        rest = 1 - self.sampled
        return {
            "sampled": self.sampled,
            "low": rest * self.low,
            "useful": rest * (1 - self.low) * self.useful,
        }


class ReviewVote(Read):
    """What one person said of an entry."""

    author: str
    value: LabelValue | None = Field(description="The label; null where they skipped it.")
    note: str
    at: datetime = Field(description="When they said it, on the clock.")


class ReviewRead(Read):
    """One prediction in the queue."""

    number: int = Field(description="Its number, by which it is labelled.")
    request_id: str
    index: int
    event_time: datetime
    answered_at: datetime | None = Field(
        default=None,
        description="When it was answered, on the clock; null: an earlier version did not keep it.",
    )
    revision: str
    reason: ReviewReason
    state: ReviewState
    probability: float = Field(description="The chance that this row had of being chosen, for any reason.")
    confidence: float | None = Field(description="Probability of the answered class; null for a regression.")
    usefulness: float = Field(description="0 to 1: how near to a tie, or how much of it training never saw.")
    answer: Document = Field(description="What was answered: a number, or probabilities by class.")
    features: dict[str, FeatureValue] = Field(description="The row by data column; null is missing.")
    choices: list[str] = Field(description="The classes that a label may name; none for a regression.")
    votes: list[ReviewVote] = Field(description="What people said so far, the first one first.")
    needed: int = Field(description="How many have to look at it.")
    label: LabelValue | None = Field(description="What came of it, once people agree.")
    late: bool = Field(description="Whether its day has closed: a label is kept then, and judges nothing.")


class ReviewNext(BaseModel):
    """What to look at next."""

    entry: ReviewRead | None = Field(description="null: nothing is left for this person.")
    left: int = Field(description="Entries that still need somebody, this one included.")


class ReviewLabel(Strictly):
    """One person's label."""

    value: LabelValue = Field(description="The number, or the class as the training data has it.")
    at: Instant | None = Field(
        default=None, description="When it became known, like a label's; left out: now."
    )
    note: str = Field(default="", max_length=500, pattern=PlainText)


class ReviewSkip(Strictly):
    """One person cannot tell."""

    note: str = Field(default="", max_length=500, pattern=PlainText, description="Why; it is kept.")


class ReviewCount(BaseModel):
    """Entries of one reason in one state."""

    reason: ReviewReason
    state: ReviewState
    entries: int


class ReviewerCount(BaseModel):
    """What one person did."""

    author: str
    labelled: int
    skipped: int


class Agreement(BaseModel):
    """How far people agree on entries that two of them looked at; null where that cannot be told."""

    entries: int = Field(description="Entries with two looks or more.")
    same: float | None = Field(description="Share of pairs of looks that say the same.")
    alpha: float | None = Field(description="Krippendorff's alpha: 1 is agreement, 0 what chance gives.")
    kappa: float | None = Field(description="Cohen's kappa, where exactly two people looked; else null.")


class ReviewSummary(BaseModel):
    """How a queue stands."""

    counts: list[ReviewCount]
    people: list[ReviewerCount]
    agreement: Agreement
    late: int = Field(description="Entries that nobody labelled before their day closed.")


class ReviewedDay(BaseModel):
    """What people's labels say of one closed day; part of what its quality is."""

    chosen: int = Field(description="Rows of the day that were in the queue.")
    labelled: int = Field(description="Of these, labelled by people, and by nothing else.")
    naive: float | None = Field(
        description="Mean loss of those rows as they are, which is no quality of the day."
    )
    weighted: float | None = Field(
        description="Mean loss of the rows that nothing else labelled, by inverse probability weights."
    )
    error: float | None = Field(description="Its standard error; null for a single row.")
