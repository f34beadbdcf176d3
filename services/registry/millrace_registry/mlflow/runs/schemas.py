"""JSON of runs."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from millrace_registry.mlflow.answers import Instant, Int64, Key, KeyValue, Number, Pair, Sent, Told

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
    max_results: int = Field(default=1000, ge=1, le=50_000)
    order_by: list[str] = Field(default=[], max_length=20)
    page_token: str = Field(default="", max_length=512)


class MlflowModelLogged(RunAsked):
    """A model of MLflow's older clients: the text of its MLmodel."""

    mlmodel_json: str = Field(alias="model_json", min_length=2)


class DatasetSent(Sent):
    """Data as a client tells it."""

    name: str = Field(min_length=1, max_length=500)
    digest: str = Field(min_length=1, max_length=36)
    source_type: str = Field(min_length=1, max_length=100)
    source: str = Field(min_length=1, max_length=65_535)
    schema_: str | None = Field(default=None, alias="schema", max_length=1_048_575)
    profile: str | None = Field(default=None, max_length=4_000_000)


class InputTag(Sent):
    """A tag of an input; `mlflow.data.context` is what the data was for."""

    key: Annotated[str, Field(min_length=1, max_length=255)]
    value: str = Field(default="", max_length=500)


class DatasetInput(Sent):
    """Data that a run read."""

    tags: list[InputTag] = Field(default=[], max_length=100)
    dataset: DatasetSent


class ModelInput(Sent):
    """A logged model that a run read."""

    model_id: str = Field(min_length=1, max_length=36)


class ModelOutput(ModelInput):
    """A logged model that a run made."""

    step: Int64 = 0


class InputsOf(RunAsked):
    """What a run read."""

    datasets: list[DatasetInput] = Field(default=[], max_length=1000)
    models: list[ModelInput] = Field(default=[], max_length=1000)


class OutputsOf(RunAsked):
    """What a run made."""

    models: list[ModelOutput] = Field(default=[], max_length=1000)


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


class DatasetTold(Told):
    """Data as it is shown."""

    name: str
    digest: str
    source_type: str
    source: str
    schema_: str | None = Field(default=None, serialization_alias="schema")
    profile: str | None = None


class DatasetInputTold(Told):
    """Data that a run read, as it is shown."""

    tags: list[Pair] | None = None
    dataset: DatasetTold


class ModelInputTold(Told):
    """A logged model that a run read."""

    model_id: str


class ModelOutputTold(Told):
    """A logged model that a run made."""

    model_id: str
    step: int


class RunInputs(Told):
    """What a run read."""

    dataset_inputs: list[DatasetInputTold] | None = None
    model_inputs: list[ModelInputTold] | None = None


class RunOutputs(Told):
    """What a run made."""

    model_outputs: list[ModelOutputTold] | None = None


class RunTold(Told):
    """A run."""

    info: RunInfo
    data: RunData
    inputs: RunInputs
    outputs: RunOutputs | None


class RunAnswer(Told):
    """One run."""

    run: RunTold


class RunInfoAnswer(Told):
    """One run's head."""

    run_info: RunInfo


class RunsFound(Told):
    """A page of runs."""

    runs: list[RunTold] | None = None
    next_page_token: str | None = None


class MetricsFound(Told):
    """Values of a metric in the order of time."""

    metrics: list[MetricTold] | None = None
    next_page_token: str | None = None


class DatasetSummary(Told):
    """Data that runs of an experiment read."""

    experiment_id: str
    name: str
    digest: str
    context: str | None = None


class DatasetsFound(Told):
    """Data that runs read."""

    dataset_summaries: list[DatasetSummary] | None = None


class DatasetSearch(Sent):
    """Data of which experiments."""

    experiment_ids: list[str] = Field(default=[], max_length=1000)
