"""The specification of the tests' jobs."""

from pydantic import BaseModel, ConfigDict


class Spec(BaseModel):
    model_config = ConfigDict(extra="allow")

    do: str
