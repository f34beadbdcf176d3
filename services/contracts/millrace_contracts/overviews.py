"""Many loops at a glance: what a page or a program that looks at a thousand of them asks each service once."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from millrace_contracts.bodies import Read
from millrace_contracts.loops import LoopOwner
from millrace_contracts.status import Phase

Health = Literal["blocked", "alarm", "working", "waiting", "paused", "good"]
"""From the one that wants a person most: something is in the way, or a person is waited for; a monitor found something;
a run goes on; there is no
champion yet; a person paused it; nothing is to be done."""
HEALTHS: tuple[Health, ...] = ("blocked", "alarm", "working", "waiting", "paused", "good")
LoopSort = Literal["health", "name", "champion", "run", "changed"]
MOST_NAMES = 200
Names = Annotated[
    str,
    StringConstraints(max_length=64 * MOST_NAMES, pattern=r"^[a-z0-9-]{1,63}(,[a-z0-9-]{1,63}){0,199}$"),
]
"""Up to 200 names with commas between them."""


class RunGlance(Read):
    """The newest run of a loop, in short."""

    number: int
    state: str
    step: str | None = Field(description="The step it is at, or was at when it ended.")
    cause: str = Field(description="What opened it.")
    opened_at: datetime | None = Field(description="Event time of the trigger.")
    created_at: datetime | None = Field(
        default=None, description="When it was opened, on the clock; null: an earlier version does not say."
    )
    ended_at: datetime | None


class LoopGlance(Read):
    """A loop in one line."""

    name: str
    health: Health
    phase: Phase
    state: str = Field(description="active, paused or deleting.")
    task: str
    champion: int | None = Field(description="Model version in production.")
    champion_since: datetime | None = Field(description="In event time.")
    candidate: int | None = Field(description="The version that is being rolled out.")
    weight: float | None = Field(description="The candidate's share of the answers, in percent.")
    in_the_way: str = Field(description="What it waits for, in a sentence; empty: nothing.")
    run: RunGlance | None
    owner: LoopOwner | None = Field(description="The cluster's resource that declares it, if one does.")
    settled_through: datetime | None
    updated_at: datetime


class LoopsOverview(Read):
    """One page of a project's loops, and how many there are of each health."""

    items: list[LoopGlance]
    total: int = Field(description="Loops that fit the search and the health that was asked for.")
    page: int = Field(description="From 1.")
    pages: int
    counts: dict[Health, int] = Field(description="All loops that fit the search, by health.")


class DayPoint(Read):
    """One closed day of an endpoint, in short."""

    day: date
    rows: int = Field(description="Answered rows.")
    labelled: int
    loss: float | None = Field(description="The champion's mean loss; null without labels.")
    baseline: float | None = Field(description="What the detector takes for normal; null: not known yet.")
    champion: int | None
    level: float | None = Field(
        default=None,
        description="How far the evidence of a grown loss is, as a share of what calls for action.",
    )


class EndpointGlance(Read):
    """How an endpoint does, in one line."""

    endpoint: str
    losses: list[float | None] = Field(
        description="The champion's mean loss on the last closed days, oldest first; null without labels."
    )
    rows: int = Field(description="Answered rows of the last seven of these days.")
    loss: float | None = Field(description="Mean loss over the labelled rows of the last seven days.")
    baseline: float | None
    alarms: int = Field(description="Alarms that are open or acknowledged.")
    logged: int = Field(description="Rows of answers so far, of closed days and of open ones.")


class DecisionGlance(Read):
    """A decision in one line; its evidence stands where the decision does."""

    id: str
    loop: str
    kind: str
    outcome: str
    event_time: datetime | None
    recorded_at: datetime
