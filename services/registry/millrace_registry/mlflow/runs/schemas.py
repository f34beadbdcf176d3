"""JSON of runs."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from millrace_registry.mlflow.answers import Instant, Int64, Key, KeyValue, Most, Number, Pair, Sent, Told

Status = Literal["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]
View = Literal["ACTIVE_ONLY", "DELETED_ONLY", "ALL"]
MAX_METRICS, MAX_TEXTS = 1000, 100
LONGEST = 100_000
"""Signs of a parameter or a tag, kept whole; MLflow's own server cuts at 6,000 and 8,000."""
RunId = Annotated[str, Field(min_length=1, max_length=256)]


class RunNew(Sent):
    """A run that begins."""

    experiment_id: str = Field(default="0", max_length=64)
    user_id: str = Field(default="", max_length=256)
    run_name: str = Field(default="", max_length=250)
    start_time: Instant | None = None
    tags: list[KeyValue] = Field(default=[], max_length=1000)


class RunAsked(Sent):
    """Which run; older clients call it run_uuid."""

    run_id: str = Field(default="", max_length=256)
    run_uuid: str = Field(default="", max_length=256)

    @model_validator(mode="after")
    def _said(self) -> "RunAsked":
        if not self.id:
            raise ValueError("Missing value for required parameter 'run_id'.")
        return self

    @property
    def id(self) -> str:
        return self.run_id or self.run_uuid


class RunChange(RunAsked):
    """What became of a run."""

    status: Status | None = None
    end_time: Instant | None = None
    run_name: str | None = Field(default=None, max_length=250)


class MetricSent(Sent):
    """One measured value."""

    key: Key
    value: Number
    timestamp: Instant = 0
    step: Int64 = 0
    model_id: str = Field(default="", max_length=36)
    dataset_name: str = Field(default="", max_length=500)
    dataset_digest: str = Field(default="", max_length=36)


class MetricOf(RunAsked, MetricSent):
    """One measured value of a run."""

    timestamp: Instant


class ParamValue(Sent):
    """A parameter."""

    key: Key
    value: str = Field(default="", max_length=LONGEST)


class ParamOf(RunAsked, ParamValue):
    """A parameter of a run."""


class TagValue(Sent):
    """A tag."""

    key: Key
    value: str = Field(default="", max_length=LONGEST)


class TagOf(RunAsked, TagValue):
    """A tag of a run."""


class TagGone(RunAsked):
    """Which tag is removed."""

    key: Key


class Batch(RunAsked):
    """Much at once."""

    metrics: list[MetricSent] = Field(default=[], max_length=MAX_METRICS)
    params: list[ParamValue] = Field(default=[], max_length=MAX_TEXTS)
    tags: list[TagValue] = Field(default=[], max_length=MAX_TEXTS)


class History(RunAsked):
    """Whose values of which metric."""

    metric_key: Key
    max_results: int | None = Field(default=None, ge=1, le=25_000)
    page_token: str = Field(default="", max_length=512)


class RunSearch(Sent):
    """A search for runs."""

    experiment_ids: list[str] = Field(default=[], max_length=10_000)
    filter: str = ""
    run_view_type: View = "ACTIVE_ONLY"
    max_results: Most = 1000
    order_by: list[str] = Field(default=[], max_length=20)
    page_token: str = Field(default="", max_length=512)


class MlflowModelLogged(RunAsked):
    """A model of MLflow's older clients: the text of its MLmodel."""

    mlmodel_json: str = Field(alias="model_json", min_length=2)


class RunInfo(Told):
    """A run's head."""

    run_uuid: str
    experiment_id: str
    run_name: str
    user_id: str
    status: str
    start_time: int
    end_time: int | None = None
    artifact_uri: str
    lifecycle_stage: str
    run_id: str


class MetricTold(Told):
    """A value as it is shown."""

    key: str
    value: float
    timestamp: int
    step: int
    dataset_name: str | None = None
    dataset_digest: str | None = None
    model_id: str | None = None
    run_id: str | None = None


class RunData(Told):
    """What a run logged."""

    metrics: list[MetricTold] | None = None
    params: list[Pair] | None = None
    tags: list[Pair] | None = None
