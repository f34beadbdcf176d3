"""Lineage: which data made a model, and what was decided about it."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from millrace_contracts.bodies import Document
from millrace_contracts.datasets import RowsOrigin
from millrace_contracts.decisions import DecisionRead
from millrace_contracts.models import Lineage


class RunOfModel(BaseModel):
    """The training run that made a version."""

    id: str
    params: Document
    metrics: Document


class DataOfModel(BaseModel):
    """A dataset version that went into a model, with its raw source."""

    dataset: str
    version: int
    digest: str
    rows: int
    source: RowsOrigin


class TimeAsChampion(BaseModel):
    """When a version became champion, and why."""

    model_config = ConfigDict(populate_by_name=True)

    from_: datetime = Field(alias="from")
    recorded_at: datetime | None = Field(
        default=None, description="On the clock; null: an earlier version does not say."
    )
    reason: str


class LineageRead(BaseModel):
    """Everything that led to a model version and what was decided about it."""

    model: str
    version: int
    digest: str
    lineage: Lineage
    run: RunOfModel | None
    data: list[DataOfModel] = Field(description="The dataset version and all before it, newest first.")
    decisions: list[DecisionRead]
    champion: list[TimeAsChampion]
