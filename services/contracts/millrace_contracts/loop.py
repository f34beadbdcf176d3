"""The ModelLoop: what a user declares and Millrace keeps true; one schema for YAML, REST and Kubernetes.

Names are camelCase in YAML. Unknown fields are refused: nothing that is written here is silently ignored.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, model_validator

from millrace_contracts import durations
from millrace_contracts.batches import Predict
from millrace_contracts.calendars import Calendar, Schedule, Timed
from millrace_contracts.data import DataContract
from millrace_contracts.fairness import FairnessSpec, comparable
from millrace_contracts.gates import NO_WAY_BACK, GatePolicy, Gates
from millrace_contracts.names import LoopName, Name, TaskName
from millrace_contracts.notices import Notify, undeliverable
from millrace_contracts.parts import (
    DAYS,
    Bool,
    Column,
    Days,
    Duration,
    Float,
    Int,
    Lasting,
    Part,
    Written,
    Zone,
    unsaid,
)
from millrace_contracts.placement import Placement
from millrace_contracts.reviews import NO_CONFIDENCE, ReviewSpec
from millrace_contracts.rollout_spec import RolloutSpec
from millrace_contracts.serving import ServingSpec
from millrace_contracts.sources import Source
from millrace_contracts.training import TrainingSpec
from millrace_contracts.workers import TWICE_GPUS, TWICE_WORKERS

TAKEN_IN = "taken in"
"""Context in which a document is read that is declared already."""
NO_WEIGHT = "the weight can be neither the target nor the event time"
LabelDelay = Annotated[Written, Lasting(most="366d")]
DriftWindow = Annotated[Written, Lasting(DAYS, most="60d")]


class Metadata(Part):
    name: LoopName = Field(description="Name of the loop, its model and its endpoint.")
    project: Name = Field(default="default", description="The project (tenant) it belongs to.")
    namespace: Name | None = Field(default=None, description="What Kubernetes calls the project.")
    labels: dict[str, str] | None = Field(default=None, max_length=100)
    annotations: dict[str, str] | None = Field(default=None, max_length=100)

    @model_validator(mode="after")
    def _one_project(self) -> "Metadata":
        if self.namespace is not None and "project" not in self.model_fields_set:
            self.project = self.namespace
        if self.namespace not in (None, self.project):
            raise ValueError(
                f"namespace is {self.namespace!r}, project is {self.project!r}; write one of them"
            )
        return self


class Data(Part):
    dataset: Name = Field(description="Name of the dataset; made when it is new.")
    source: Source | None = Field(
        default=None,
        description="Where rows come from by themselves; a path is pushed when the loop is applied.",
    )
    event_time: Column | None = Field(
        default=None, description="Column with the time at which a row happened."
    )
    timezone: Zone = Field(default="UTC", description="Time zone in which days begin and end.")
    label_delay: LabelDelay = Field(default="0s", description="Event time after which a label is expected.")
    exclude: list[Column] = Field(default=[], max_length=5000, description="Columns that no model may use.")
    keep_personal: list[Column] | None = Field(
        default=None,
        max_length=100,
        description="Columns with personal data that models may use all the same; others are left out and named.",
    )
    protected: list[Column] | None = Field(
        default=None,
        max_length=20,
        description="Columns that no model may use, like sex; columns that stand in for them are named.",
    )
    weight: Column | None = Field(
        default=None,
        description="Column that says how much a row counts in training; no model input, 1 if null.",
    )
    feedback: Bool = Field(
        default=True, description="Whether labelled production rows join the training data."
    )
    contract: DataContract | None = Field(
        default=None, description="What data must fulfil; inferred when left out."
    )

    @model_validator(mode="after")
    def _other_weight(self) -> "Data":
        if self.weight is not None and self.weight == self.event_time:
            raise ValueError(NO_WEIGHT)
        return self


class Performance(Part):
    false_alarms_per_year: Float = Field(default=0.01, gt=0, le=1)


class Drift(Part):
    psi: Float = Field(default=0.1, gt=0, le=10, description="Least population stability index of an alarm.")
    window: DriftWindow = Field(default="14d", description="Days compared with the training data.")


class Retention(Part):
    logs: Days = Field(default="90d", description="Prediction rows kept, in event time.")
    archived: Int = Field(default=5, ge=0, le=20, description="Archived versions kept loaded and scored.")


class EstimateSpec(Part):
    enabled: Bool = Field(
        default=True, description="Whether performance is estimated for days whose labels have not come."
    )
    alarm: Bool = Field(
        default=False,
        description="Whether a risen estimate is an alarm, once 28 days with labels have shown its error; no run.",
    )


class MonitoringSpec(Part):
    performance: Performance = Performance()
    drift: Drift = Drift()
    retention: Retention = Retention()
    slices: list[Column] = Field(default=[], max_length=20)
    estimate: EstimateSpec | None = Field(
        default=None,
        exclude_if=unsaid,
        description="Performance before labels come; left out: estimated where possible, and never an alarm.",
    )


class NewData(Part):
    rows: Int = Field(default=1000, ge=1, description="New rows in the dataset that open a run.")


class Triggers(Timed):
    schedule: Schedule | None = Field(
        default=None,
        description="A run every so many event days, like 28d; or each Monday, or day 31 of each month.",
    )
    calendar: Calendar | None = Field(
        default=None, description="A run on a day of each week or month, in the loop's time zone."
    )
    alarms: list[Literal["performance", "drift", "quality"]] = Field(
        default=["performance"],
        description="Alarms that open a run. Drift alone says little while labels arrive.",
    )
    new_data: NewData | None = Field(default=None, description="Pushed rows that open a run.")


class SwitchBackSpec(Part):
    enabled: Bool = True
    candidates: Int = Field(default=5, ge=0, le=20, description="Archived versions that may come back.")
    margin: Float = Field(
        default=0.02, ge=0, le=1, description="Least gain, as a share of the champion's loss."
    )
    minimum_days: Int = Field(default=7, ge=1, le=365)
    rest: Duration = Field(default="14d", description="Event time without retraining after a switch.")


class Spec(Part):
    task: TaskName = Field(description="What kind of answer the model gives.")
    target: Column = Field(description="The column to predict.")
    data: Data
    training: TrainingSpec = TrainingSpec()
    gates: Gates = Gates()
    rollout: RolloutSpec = RolloutSpec()
    monitoring: MonitoringSpec = MonitoringSpec()
    triggers: Triggers = Triggers()
    predict: Predict | None = Field(
        default=None, description="What is predicted beside what is asked online."
    )
    review: ReviewSpec | None = Field(
        default=None, description="Predictions that people look at and label; left out: none."
    )
    cooldown: Duration = Field(
        default="14d", description="Event time between the openings of two triggered runs."
    )
    switch_back: SwitchBackSpec = SwitchBackSpec()
    fairness: FairnessSpec | None = Field(
        default=None,
        exclude_if=unsaid,
        description="Protected attributes whose groups are compared in each evaluation and day; left out: none.",
    )
    notify: Notify | None = Field(default=None, description="Who is told of it, by which channels.")
    placement: Placement | None = Field(
        default=None, description="Where in a cluster its pods run; a laptop says that it cannot honour it."
    )
    serving: ServingSpec | None = Field(
        default=None, description="How many pods answer, and when they are given up; a laptop has none."
    )
    suspend: Bool = Field(
        default=False, description="Open no more runs and do not go back by itself; what serves goes on."
    )

    @model_validator(mode="after")
    def _consistent(self) -> "Spec":
        if self.data.event_time == self.target:
            raise ValueError("the target cannot be the event time")
        if self.target in self.data.exclude:
            raise ValueError("the target cannot be excluded")
        if self.data.weight == self.target:
            raise ValueError(NO_WEIGHT)
        if self.target in (self.data.protected or []):
            raise ValueError("the target cannot be protected")
        if self.data.event_time is None and any(window != "all" for window in self.training.windows):
            raise ValueError("windows in days need data.eventTime")
        if self.data.event_time is None and self.triggers.calendar is not None:
            raise ValueError("triggers.calendar needs data.eventTime")
        self._one_says_how_many()
        self.gates.fit(self.task)
        comparable(self.task, self.fairness, self.gates.fairness or [], self.target)
        if self.gates.policy == "balanced" and not self.comes_back():
            raise ValueError(NO_WAY_BACK)
        if self.review is not None and self.review.below is not None and self.task == "regression":
            raise ValueError(NO_CONFIDENCE)
        contract = self.data.contract
        if contract is not None and self.target not in [column.name for column in contract.columns]:
            raise ValueError(f"the contract has no column {self.target!r}, which is the target")
        return self

    def comes_back(self) -> bool:
        """Whether the loop goes back by itself to an archived version that has become the better one."""
        kept = min(self.switch_back.candidates, self.monitoring.retention.archived)
        return self.data.event_time is not None and self.switch_back.enabled and kept > 0

    def gate_policy(self) -> GatePolicy:
        """How much proof a candidate needs: what is declared, else as much as its way back allows."""
        return self.gates.policy or ("balanced" if self.comes_back() else "strict")

    def _one_says_how_many(self) -> None:
        """Raises: ValueError where placement speaks of trials, and there are workers."""
        if self.training.workers is None or self.placement is None:
            return
        if self.placement.workers is not None:
            raise ValueError(TWICE_WORKERS)
        if self.placement.gpus:
            raise ValueError(TWICE_GPUS)

    def holdout_days(self) -> int | None:
        """Days kept out of training; None for data without event time."""
        return durations.whole_days(self.training.holdout) if self.data.event_time else None

    def cooled_down(self, since: datetime, until: datetime) -> bool:
        """Whether the declared cool-down has passed, and what labels need to arrive."""
        spans = (durations.parse(self.cooldown), durations.parse(self.data.label_delay))
        return all(durations.lasted(span, since, until, self.data.timezone) for span in spans)

    def cools_until(self, since: datetime) -> datetime:
        """When the cool-down that began at *since* is over, in UTC."""
        spans = (durations.parse(self.cooldown), durations.parse(self.data.label_delay))
        return max(durations.after(since, span, self.data.timezone) for span in spans)


class ModelLoop(Part):
    """A whole document."""

    api_version: Literal["millrace.dev/v1alpha1"]
    kind: Literal["ModelLoop"]
    metadata: Metadata
    spec: Spec

    @classmethod
    def stored(cls, document: Any) -> "ModelLoop":
        """A document that was taken in, by this version or an earlier one. Raises: ValidationError."""
        return cls.model_validate(document, context=TAKEN_IN)

    @model_validator(mode="after")
    def _mail_can_go(self, info: ValidationInfo) -> "ModelLoop":
        nowhere = undeliverable([] if self.spec.notify is None else self.spec.notify.channels)
        if nowhere and info.context != TAKEN_IN:
            raise ValueError(f"spec.notify: no mail can go to {nowhere[0]}")
        return self

    def document(self) -> dict[str, Any]:
        """As YAML and REST show it; a loop that is not suspended does not say so."""
        found = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        if not self.spec.suspend:
            del found["spec"]["suspend"]
        return found


def mistakes(error: ValidationError) -> list[str]:
    """Each mistake in a document as `spec.training.holdout: what is wrong`."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [f"{'.'.join(str(part) for part in item['loc']) or 'document'}: {item['msg']}" for item in found]
