"""What the tests' jobs are asked, and what comes of them."""

from typing import Any

from pydantic import BaseModel, ConfigDict, RootModel


class Spec(BaseModel):
    model_config = ConfigDict(extra="allow")

    do: str


class Result(RootModel[dict[str, Any]]):
    """Whatever the job says."""
