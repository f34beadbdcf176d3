"""JSON of endpoints and their revisions."""

from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from millrace_core.names import Digest, Name
from millrace_serving.rollouts.schemas import RolloutRead
from millrace_serving.rollouts.states import Loaded


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        raise ValueError(f"{name!r} is not a time zone of the IANA database") from error
    return name


TimeZone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_zone)]
Reason = Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00]*$")]


class EndpointWrite(BaseModel):
    """What an endpoint should be."""

    model_config = ConfigDict(extra="forbid")

    model: Name = Field(description="The model whose versions it serves; it cannot be changed.")
    mode: Literal["live", "backtest"] = Field(
        default="live", description="`backtest`: no traffic, only the states of its rollouts."
    )
    timezone: TimeZone = Field(default="UTC", description="IANA name; it cuts the days.")


class WaitingRead(BaseModel):
    """What keeps a revision's pods from answering."""

    reason: str = Field(
        description="In one CamelCase word, like Unschedulable, ImagePullBackOff, OutOfMemory."
    )
    message: str = Field(description="In a sentence.")


class RevisionRead(BaseModel):
    """One loaded model version."""

    number: int
    name: str = Field(description="Name on the wire: `<endpoint>--r<number>`; never reused.")
    version: int = Field(description="The model version.")
    digest: Digest = Field(description="Digest of the ONNX graph.")
    state: Loaded
    reason: str = Field(description="Why it failed; empty otherwise.")
    waiting: WaitingRead | None = Field(description="What its pods wait for, if they do not answer.")
    weight: int = Field(description="Its share of the traffic, of 10,000.")


class EndpointRead(BaseModel):
    """An endpoint, its revisions, and the rollout in flight or the last one."""

    project: str
    name: str
    model: str
    mode: str
    timezone: str
    url: str | None = Field(description="Open Inference Protocol URL at the gateway; null for a backtest.")
    revisions: list[RevisionRead]
    stable: int | None = Field(description="Number of the revision that is champion.")
    stable_version: int | None = Field(description="Model version of that revision.")
    event_time: datetime | None = Field(description="Event time to which it was last advanced.")
    rollout: RolloutRead | None


class Advance(BaseModel):
    """Bring the endpoint to an event time."""

    model_config = ConfigDict(extra="forbid")

    event_time: AwareDatetime


class Rollback(BaseModel):
    """Send all traffic to a revision that is loaded."""

    model_config = ConfigDict(extra="forbid")

    version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = Field(
        default=None, description="Model version to go back to; null: the one before."
    )
    reason: Reason
    event_time: AwareDatetime | None = None
    cause: Annotated[str, StringConstraints(max_length=36)] | None = None
    loop: Name | Literal[""] = ""
    run: int | None = Field(default=None, ge=0, le=2**31 - 1)
    key: Annotated[str, StringConstraints(min_length=1, max_length=150, pattern=r"^[^\x00]+$")]


class Retain(BaseModel):
    """Which model versions stay loaded besides those that serve."""

    model_config = ConfigDict(extra="forbid")

    versions: list[Annotated[int, Field(ge=1, le=2**31 - 1)]] = Field(max_length=1000)


def body_of(item: BaseModel) -> dict[str, Any]:
    """The request as plain JSON, for comparing it with an earlier one under the same key."""
    return item.model_dump(mode="json")
