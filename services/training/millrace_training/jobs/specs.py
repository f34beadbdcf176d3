"""Refuses a job at once whose specification its kind could not read."""

import importlib
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from millrace.contract import ColumnName
from millrace_core.errors import BadInput, FieldError
from millrace_core.names import Name
from millrace_training.kinds import KINDS
from millrace_training.rows.schemas import Task, Timezone, Version


class Trained(BaseModel):
    """What training and evaluation share; each reads more fields of its own."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    dataset: Name
    dataset_version: Version
    task: Task
    target: ColumnName
    event_time: ColumnName | None = None
    timezone: Timezone = "UTC"
    cut: AwareDatetime | None = None
    holdout_days: int | None = Field(default=None, ge=1, le=3650)


class TrainSpec(Trained):
    """Search for a model, or fit known configurations again."""

    exclude: list[ColumnName] = []
    windows: list[str] = ["all"]
    folds: int = Field(default=5, ge=2, le=50)
    search: Literal["full", "refit"] = "full"
    trials: int = Field(default=12, ge=0, le=100_000)
    configurations: list[dict[str, Any]] | None = None
    seed: int = Field(default=0, ge=0, lt=2**31)
    executor: Literal["inline", "pool", "ray"] = "pool"


class EvaluateSpec(Trained):
    """Compare a candidate with the champion on the same rows."""

    candidate: dict[str, Any]
    champion: dict[str, Any] | None = None
    slices: list[ColumnName] = []


def check(kind: str, spec: dict[str, Any]) -> None:
    """Raises BadInput with every mistake in *spec*."""
    module, _, name = KINDS[kind].spec.partition(":")
    schema: type[BaseModel] = getattr(importlib.import_module(module), name)
    try:
        schema.model_validate(spec)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)[:20]
        errors = [FieldError(".".join(("spec", *map(str, item["loc"]))), item["msg"]) for item in found]
        raise BadInput(f"{errors[0].where}: {errors[0].what}", errors) from error
