"""What was found out and does not change: the numbers that a release unit or a measurement tells."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=2**62)]


class Fixed(BaseModel):
    """What was found out; what a newer version tells besides is let go, so that an older one can read it."""

    model_config = ConfigDict(extra="ignore", frozen=True)
