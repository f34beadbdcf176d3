"""How long a reader may wait for an answer to change: the same for loops, runs and backtests."""

from typing import Annotated

from fastapi import Query

Wait = Annotated[float, Query(ge=0, le=60, description="Seconds to wait for it.")]
