"""Fairness: protected attributes that a loop declares, what is measured of their groups, and a gate over it.

Nothing here says that a model is fair. It says how far groups lie apart, how sure that is, and which are too small.
"""

from datetime import date
from itertools import pairwise
from typing import Literal

from pydantic import BaseModel, Field, model_validator

from millrace_contracts.bodies import Read
from millrace_contracts.names import TaskName
from millrace_contracts.parts import Column, Float, Int, Part

FairnessMetric = Literal[
    "selection_rate",
    "false_positive_rate",
    "false_negative_rate",
    "error_rate",
    "calibration",
    "loss",
    "mean_error",
]
_OF_CLASSES: tuple[FairnessMetric, ...] = (
    "selection_rate",
    "false_positive_rate",
    "false_negative_rate",
    "error_rate",
    "calibration",
    "loss",
)
FAIRNESS_METRICS: dict[TaskName, tuple[FairnessMetric, ...]] = {
    "regression": ("loss", "mean_error"),
    "binary": _OF_CLASSES,
    "multiclass": _OF_CLASSES,
}
"""What can be told of a task's groups; of many classes the first three and calibration need a favourable one."""
OF_FAVOURABLE: tuple[FairnessMetric, ...] = (
    "selection_rate",
    "false_positive_rate",
    "false_negative_rate",
    "calibration",
)
NO_CLASSES = "fairness.favourable needs a task with classes; a regression has none"
NO_GROUPS = "gates.fairness needs spec.fairness, which names the attributes whose groups are compared"
NO_FAVOURABLE = (
    "a gate on this metric needs fairness.favourable: with many classes nothing else says which is meant"
)
RISING = "edges have to rise"
TWICE = "fairness.attributes names a column twice"
TARGET = "the target cannot be a protected attribute"


class ProtectedAttribute(Part):
    """A column whose groups are compared; it need not be an input of the model."""

    column: Column = Field(description="The column of the data that says who is in which group.")
    reference: Column | None = Field(
        default=None, description="The group that others are compared with; left out: the largest."
    )
    edges: list[Float] | None = Field(
        default=None,
        min_length=1,
        max_length=20,
        description="Where a column of numbers is cut into groups, like [25, 65]; left out: each value is a group.",
    )

    @model_validator(mode="after")
    def _rising(self) -> "ProtectedAttribute":
        edges = self.edges or []
        if any(one >= two for one, two in pairwise(edges)):
            raise ValueError(RISING)
        return self


class FairnessSpec(Part):
    """What is compared between groups of people; it decides nothing, `gates.fairness` does."""

    attributes: list[ProtectedAttribute] = Field(min_length=1, max_length=10)
    favourable: Column | None = Field(
        default=None,
        description="The class, as text, that is good for whom it is given to; left out: the second of two.",
    )
    minimum_rows: Int = Field(
        default=100, ge=10, description="Rows below which a group is said to be too small, and is not judged."
    )

    @model_validator(mode="after")
    def _once(self) -> "FairnessSpec":
        names = [item.column for item in self.attributes]
        if len(set(names)) < len(names):
            raise ValueError(TWICE)
        return self

    def columns(self) -> list[str]:
        return [item.column for item in self.attributes]


class FairnessGate(Part):
    """How far each group may lie from its reference; decided by intervals, never by the point alone."""

    metric: FairnessMetric
    at_most: Float = Field(
        gt=0, description="Largest difference from the reference group, either way, in the metric's own unit."
    )


class GroupGap(Read):
    """A group less its reference; the error is that of the mean over blocks, in the unit of the metric."""

    difference: float
    error: float = Field(description="Standard error, clustered by block.")
    freedom: float = Field(description="Degrees of freedom of its t bounds.")
    lower: float = Field(description="95 % bounds of this one difference.")
    upper: float


class GroupMetric(Read):
    """One metric of one group."""

    metric: FairnessMetric
    rows: int = Field(
        description="Rows that the metric is about: of a false positive rate the negative ones."
    )
    value: float | None = Field(description="Null: no row says.")
    lower: float | None = Field(description="95 % bounds; null: too few blocks.")
    upper: float | None
    small: bool = Field(
        description="Whether the group, or its reference, has too few such rows to be judged."
    )
    gap: GroupGap | None = Field(default=None, description="Null for the reference, and where it is small.")


class GroupEvaluation(Read):
    """One group of one attribute."""

    attribute: str
    group: str
    reference: bool
    rows: int
    blocks: int = Field(description="Days, or other blocks, in which it has rows.")
    metrics: list[GroupMetric]


class FairnessEvaluation(BaseModel):
    """Every group that was looked at, and what could not be."""

    favourable: str | None = Field(description="The class that counts as selected; null: there is none.")
    minimum_rows: int
    groups: list[GroupEvaluation]
    left_out: list[str] = Field(default=[], description="What was not looked at, and why.")


class GroupSums(BaseModel):
    """What one closed day adds of one group: numerators and denominators by metric."""

    rows: int
    sums: dict[FairnessMetric, tuple[float, int]]


class FairnessDay(BaseModel):
    """One closed day's sums by attribute and group."""

    groups: dict[str, dict[str, GroupSums]] = {}
    left_out: list[str] = []


class FairnessWindow(Read):
    """Groups over the closed days of a span; each day is one block."""

    since: date | None = Field(description="First closed day of the span; null: none has closed.")
    until: date | None
    days: int = Field(description="Closed days with rows of some group.")
    fairness: FairnessEvaluation | None = Field(description="Null: the loop declares none.")


def comparable(task: TaskName, spec: FairnessSpec | None, gates: list[FairnessGate], target: str) -> None:
    """Raises: ValueError for attributes and gates that this *task* cannot have."""
    if spec is None:
        if gates:
            raise ValueError(NO_GROUPS)
        return
    if target in spec.columns():
        raise ValueError(TARGET)
    if task == "regression" and spec.favourable is not None:
        raise ValueError(NO_CLASSES)
    for gate in gates:
        if gate.metric not in FAIRNESS_METRICS[task]:
            known = ", ".join(FAIRNESS_METRICS[task])
            raise ValueError(
                f"the fairness gate on {gate.metric} cannot be judged: {task} models have {known}"
            )
        if task == "multiclass" and spec.favourable is None and gate.metric in OF_FAVOURABLE:
            raise ValueError(NO_FAVOURABLE)
