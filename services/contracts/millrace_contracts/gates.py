"""The gates between a candidate and production, as a loop declares them."""

from typing import Literal

from pydantic import Field, model_validator

from millrace_contracts.names import BlockUnit, TaskName
from millrace_contracts.parts import Column, Float, Int, Part

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


class Gates(Part):
    champion: ChampionGate = ChampionGate()
    absolute: list[AbsoluteGate] = Field(default=[], max_length=20)
    slices: SliceGate = SliceGate()

    def fit(self, task: TaskName) -> None:
        """Raises: ValueError if a gate asks for a metric that models of this *task* do not have."""
        strange = [gate.metric for gate in self.absolute if gate.metric not in METRICS[task]]
        if strange:
            raise ValueError(
                f"the gate on {strange[0]} cannot be judged: {task} models have {', '.join(METRICS[task])}"
            )
