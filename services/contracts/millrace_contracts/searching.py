"""A search for two things at once, loss and latency: what it is asked, and the front of points that it found.

Latency is measured, so a front is evidence of one machine and in no digest of a decision.
"""

import re
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from millrace_contracts.fixed import Fixed
from millrace_contracts.names import Family
from millrace_contracts.parts import Int, Part
from millrace_contracts.variants import Latency, Milliseconds, NodeKind

Objective = Literal["loss", "latency"]
UNDER = r"^([1-9][0-9]{0,3}(\.[0-9]{1,3})?|0\.0{0,2}[1-9][0-9]{0,2})(us|ms|s)$"
IN_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}
UNSIZED: frozenset[Family] = frozenset({"linear"})
"""Families whose size is no choice: as many weights as there are features, whatever the settings."""
SIZED: frozenset[Family] = frozenset(get_args(Family)) - UNSIZED
LOSS_IS_SOUGHT = "a model is searched for by its loss: write [loss], or [loss, latency]"
LATENCY_IS_NOT_SOUGHT = "latency says how fast a model has to be: write objectives: [loss, latency]"
NO_SIZE = "the size of a linear model is no choice: name a family beside it, or leave latency out"
NO_SEARCH = "latency is an objective of the search; code of one's own is not searched for"
MOST_POINTS = 200


class LatencySpec(Part):
    under: Annotated[str, StringConstraints(max_length=10, pattern=UNDER)] | None = Field(
        default=None,
        description="Longest time that one call may take, like 2ms; the best model under it is taken. Left out: the "
        "fastest that is as good as the best.",
    )
    rows: Int = Field(default=1, ge=1, le=4096, description="Rows in one call.")

    def under_ms(self) -> float | None:
        """The longest time in milliseconds."""
        if self.under is None:
            return None
        unit = re.sub(r"[0-9.]", "", self.under)
        return float(self.under.removesuffix(unit)) * IN_MS[unit]


class LatencyAim(BaseModel):
    """What a search with two objectives is told of the second one.

    `margin` is the gate's own: a model is as good as another if it would pass there.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    under_ms: float | None = Field(default=None, gt=0, le=10_000_000)
    rows: int = Field(default=1, ge=1, le=4096)
    margin: float = Field(default=0.02, ge=0, le=10)


class PointLatency(Latency):
    """How long one call takes, with bounds."""

    lower: Milliseconds = Field(description="95 % bounds of p10 over the rounds.")
    upper: Milliseconds


class FrontPoint(Fixed):
    """One trial of the search: how good it is on rows it was not fitted on, and how fast its graph is."""

    id: str = Field(max_length=200)
    family: str = Field(max_length=50)
    params: dict[str, int | float] = Field(max_length=50)
    loss: Annotated[float, Field(allow_inf_nan=False)]
    size: int = Field(ge=0, description="Bytes of its graph.")
    latencies: list[PointLatency] = Field(min_length=1, max_length=20)
    on_front: bool = Field(description="Whether no other trial is both better and faster.")

    def at(self, rows: int) -> PointLatency:
        """With so many rows in a call. Raises: KeyError if that was not measured."""
        found = next((item for item in self.latencies if item.batch == rows), None)
        if found is None:
            raise KeyError(rows)
        return found


class SearchFront(Fixed):
    """Every model that a search could have taken, which one it took, and why."""

    rows: int = Field(ge=1, le=4096, description="Rows in the calls whose latency is compared.")
    under_ms: Milliseconds | None = Field(default=None, description="The latency that was asked for, if any.")
    margin: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    trials: int = Field(ge=1, description="Trials that were measured.")
    points: list[FrontPoint] = Field(
        min_length=1, max_length=MOST_POINTS, description="The front, fastest first; then other trials."
    )
    chosen: str = Field(max_length=200, description="Id of the point that was taken.")
    best: str = Field(max_length=200, description="Id of the point with the least loss.")
    reason: str = Field(min_length=1, max_length=2000, description="Why that point, in plain words.")
    notes: list[str] = Field(default=[], max_length=20)
    node: NodeKind = Field(description="Where all was measured.")
    exclusive: bool = Field(description="Whether no other measurement ran on the machine meanwhile.")
    load: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        default=None, description="Load of the machine over the last minute when the first was measured."
    )
    final: list[PointLatency] = Field(
        default=[],
        max_length=20,
        description="The graph that the version has, fitted on all rows, measured on the same machine.",
    )

    @model_validator(mode="after")
    def _whole(self) -> "SearchFront":
        ids = {point.id for point in self.points}
        if {self.chosen, self.best} - ids:
            raise ValueError("the point that was taken, and the best one, are among the points")
        for point in self.points:
            if self.rows not in {item.batch for item in point.latencies}:
                raise ValueError(f"{point.id} was not measured with {self.rows} rows in a call")
        return self

    def point(self, id: str) -> FrontPoint:
        """The point of that id."""
        return next(point for point in self.points if point.id == id)
