"""JSON of what runs read and made."""

from typing import Annotated

from pydantic import Field

from millrace_registry.mlflow.answers import Int64, Pair, Sent, Told
from millrace_registry.mlflow.runs.schemas import RunAsked


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
