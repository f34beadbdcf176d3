"""JSON of logged models."""

from typing import Annotated, Literal

from pydantic import Field

from millrace_registry.mlflow.answers import KeyValue, Pair, Sent, Told
from millrace_registry.mlflow.runs.schemas import MetricTold, ParamValue

Status = Literal["LOGGED_MODEL_PENDING", "LOGGED_MODEL_READY", "LOGGED_MODEL_UPLOAD_FAILED"]
STATUS_CODES = {1: "LOGGED_MODEL_PENDING", 2: "LOGGED_MODEL_READY", 3: "LOGGED_MODEL_UPLOAD_FAILED"}


class LoggedNew(Sent):
    """A logged model as asked for."""

    experiment_id: str = Field(default="0", max_length=64)
    name: str = Field(default="", max_length=500)
    model_type: str = Field(default="", max_length=500)
    source_run_id: str = Field(default="", max_length=36)
    params: list[ParamValue] = Field(default=[], max_length=1000)
    tags: list[KeyValue] = Field(default=[], max_length=1000)


class LoggedEnd(Sent):
    """Whether its files arrived."""

    status: Status | Literal[1, 2, 3]

    @property
    def name(self) -> str:
        return self.status if isinstance(self.status, str) else STATUS_CODES[self.status]


class LoggedTags(Sent):
    """Tags to set."""

    tags: list[KeyValue] = Field(default=[], max_length=1000)


class LoggedParams(Sent):
    """Parameters to add."""

    params: list[ParamValue] = Field(default=[], max_length=1000)


class LoggedDataset(Sent):
    """Only metrics on this data are looked at."""

    dataset_name: str = Field(min_length=1, max_length=500)
    dataset_digest: str = Field(default="", max_length=36)


class LoggedOrder(Sent):
    """One sort key."""

    field_name: str = Field(min_length=1, max_length=300)
    ascending: bool = True
    dataset_name: str = ""
    dataset_digest: str = ""


class LoggedSearch(Sent):
    """A search for logged models."""

    experiment_ids: list[str] = Field(default=[], max_length=1000)
    filter: str = ""
    datasets: list[LoggedDataset] = Field(default=[], max_length=100)
    max_results: int = Field(default=50, ge=1, le=1000)
    order_by: list[LoggedOrder] = Field(default=[], max_length=20)
    page_token: str = Field(default="", max_length=512)


class LoggedFolder(Sent):
    """Which folder of its files."""

    artifact_directory_path: str = ""


class LoggedAsked(Sent):
    """Whether a deleted one is meant too."""

    allow_deleted: bool = False


class LoggedInfo(Told):
    """A logged model's head."""

    model_id: str
    experiment_id: str
    name: str
    creation_timestamp_ms: int
    last_updated_timestamp_ms: int
    artifact_uri: str
    status: str
    model_type: str
    source_run_id: str
    tags: Annotated[list[Pair] | None, Field()] = None


class LoggedData(Told):
    """What was said and measured of it."""

    params: list[Pair] | None = None
    metrics: list[MetricTold] | None = None


class LoggedTold(Told):
    """A logged model."""

    info: LoggedInfo
    data: LoggedData


class LoggedAnswer(Told):
    """One logged model."""

    model: LoggedTold


class LoggedFound(Told):
    """A page of logged models."""

    models: list[LoggedTold] | None = None
    next_page_token: str | None = None
