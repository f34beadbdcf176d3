"""The gates between a candidate and production, as a loop declares them."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from millrace_contracts.fairness import FairnessGate
from millrace_contracts.names import BlockUnit, TaskName
from millrace_contracts.parts import Column, Float, Int, Lasting, Part, Written, unsaid

Metric = Literal["rmse", "mae", "log_loss", "auc", "accuracy", "brier", "macro_f1"]
METRICS: dict[TaskName, tuple[Metric, ...]] = {
    "regression": ("rmse", "mae"),
    "binary": ("log_loss", "auc", "accuracy", "brier"),
    "multiclass": ("log_loss", "auc", "accuracy", "macro_f1"),
}
"""What can be asked of a task's models; the tasks compute more."""


class ChampionGate(Part):
    margin: Float = Field(default=0.02, ge=0, le=10, description="Loss the candidate may lose, as a share.")
    minimum_days: Int = Field(
        default=14,
        ge=2,
        le=3650,
        description="Days with rows, or other blocks, below which nothing is decided; never fewer than 3.",
    )
    block: BlockUnit | None = Field(
        default=None,
        description="What is one sample: the day, week or month in which rows happened; left out: a day.",
    )


class AbsoluteGate(Part):
    metric: Metric
    at_most: Float | None = None
    at_least: Float | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> "AbsoluteGate":
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError(f"the gate on {self.metric} needs either atMost or atLeast")
        return self


class SliceGate(Part):
    columns: list[Column] = Field(default=[], max_length=20)
    tolerance: Float = Field(default=0.05, ge=0, le=10, description="Loss a slice may lose, as a share.")
    minimum_rows: Int = Field(default=500, ge=10)


APPROVER = "approver"
"""In `by`: everybody who has that role."""
MORE_THAN_NAMED = "of asks for more people than by names"
NAMED_TWICE = "by names somebody twice"
Within = Annotated[Written, Lasting(least="1m", most="366d")]
Who = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"^[^\x00-\x1f]+$")]


class ApprovalGate(Part):
    by: list[Who] = Field(
        default=[APPROVER],
        min_length=1,
        max_length=20,
        description="approver: whoever has that role; or people and service accounts by name, who need it too.",
    )
    of: Int = Field(default=1, ge=1, le=20, description="How many of them have to approve.")
    within: Within = Field(
        default="7d", description="Time on the clock in which they may; afterwards the candidate is rejected."
    )

    @model_validator(mode="after")
    def _can_be_met(self) -> "ApprovalGate":
        if len({name.casefold() for name in self.by}) < len(self.by):
            raise ValueError(NAMED_TWICE)
        if APPROVER not in self.by and self.of > len(self.by):
            raise ValueError(MORE_THAN_NAMED)
        return self


GatePolicy = Literal["strict", "balanced"]
NO_WAY_BACK = (
    "gates.policy balanced needs data.eventTime and switchBack: else a wrong promotion is not undone"
)
Lasts = Annotated[Written, Lasting(least="1d", most="3650d")]


class GatePrices(Part):
    """What each error costs: its difference in loss, for so long."""

    wrong_promotion: Lasts = Field(description="Event time until a wrong promotion is undone.")
    kept_model: Lasts = Field(
        description="Event time for which a model stays that should have been replaced."
    )

    def lasting(self) -> tuple[str, str]:
        """Of a wrong promotion, and of a model that is kept wrongly."""
        return self.wrong_promotion, self.kept_model


class Gates(Part):
    policy: GatePolicy | None = Field(
        default=None,
        exclude_if=unsaid,
        description="strict: proof that it is no worse; balanced: also what costs less to promote than to keep, by the "
        "expected loss of both errors. Left out: balanced where a wrong promotion is undone by itself, else strict.",
    )
    prices: GatePrices | None = Field(
        default=None,
        exclude_if=unsaid,
        description="Of both errors, for the balanced policy; left out: measured from the loop's own history.",
    )
    champion: ChampionGate = ChampionGate()
    absolute: list[AbsoluteGate] = Field(default=[], max_length=20)
    slices: SliceGate = SliceGate()
    fairness: list[FairnessGate] | None = Field(
        default=None,
        max_length=10,
        exclude_if=unsaid,
        description="How far groups of spec.fairness may lie apart; left out: they are told, and decide nothing.",
    )
    approval: ApprovalGate | None = Field(
        default=None,
        description="People who have to approve a candidate that passed; left out: nobody has to.",
    )

    def fit(self, task: TaskName) -> None:
        """Raises: ValueError if a gate asks for a metric that models of this *task* do not have."""
        strange = [gate.metric for gate in self.absolute if gate.metric not in METRICS[task]]
        if strange:
            raise ValueError(
                f"the gate on {strange[0]} cannot be judged: {task} models have {', '.join(METRICS[task])}"
            )
