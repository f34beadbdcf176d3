"""JSON of experiments."""

from typing import Annotated, Literal

from pydantic import Field

from millrace_registry.mlflow.answers import KeyValue, Most, Pair, Sent, Told

ExperimentName = Annotated[str, Field(min_length=1, max_length=500)]
View = Literal["ACTIVE_ONLY", "DELETED_ONLY", "ALL"]


class ExperimentNew(Sent):
    """An experiment as asked for; where its files lie is not the client's to say."""

    name: ExperimentName
    artifact_location: str = ""
    tags: list[KeyValue] = Field(default=[], max_length=1000)


class ExperimentAsked(Sent):
    """Which experiment."""

    experiment_id: str = Field(min_length=1, max_length=64)


class ExperimentNamed(Sent):
    """Which experiment, by name."""

    experiment_name: ExperimentName


class ExperimentRenamed(ExperimentAsked):
    """Another name."""

    new_name: ExperimentName | None = None


class ExperimentTag(ExperimentAsked):
    """A tag of an experiment."""

    key: Annotated[str, Field(min_length=1, max_length=250)]
    value: str = Field(default="", max_length=20_000)


class ExperimentTagGone(ExperimentAsked):
    """Which tag is removed."""

    key: Annotated[str, Field(min_length=1, max_length=250)]


class ExperimentSearch(Sent):
    """A search for experiments."""

    max_results: Most = 1000
    page_token: str = Field(default="", max_length=512)
    filter: str = ""
    order_by: list[str] = Field(default=[], max_length=20)
    view_type: View = "ACTIVE_ONLY"


class ExperimentMade(Told):
    """The id of a new experiment."""

    experiment_id: str


class ExperimentTold(Told):
    """An experiment."""

    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: str
    last_update_time: int
    creation_time: int
    tags: list[Pair] | None = None
    workspace: str


class ExperimentAnswer(Told):
    """One experiment."""

    experiment: ExperimentTold


class ExperimentsFound(Told):
    """A page of experiments."""

    experiments: list[ExperimentTold] | None = None
    next_page_token: str | None = None
