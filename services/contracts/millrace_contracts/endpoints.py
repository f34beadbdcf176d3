"""Endpoints: a stable inference URL each, the revisions behind it, and the gateway that divides its traffic."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from millrace_contracts.bodies import Read
from millrace_contracts.names import Digest, LoopRunNumber, Mode, Name, VersionNumber
from millrace_contracts.parts import Strictly, Zone
from millrace_contracts.release import BASE
from millrace_contracts.reviews import ReviewSpec
from millrace_contracts.rollouts import Cause, Key, RolloutRead
from millrace_contracts.serving import Replicas, ServingSpec
from millrace_contracts.variants import Latency, TargetName, variant_of
from millrace_contracts.waiting import Waiting

Reason = Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00]*$")]


class RevisionState(StrEnum):
    """Where a revision stands."""

    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"
    RETIRED = "retired"


class EndpointWrite(Strictly):
    """What an endpoint should be."""

    model: Name = Field(description="The model whose versions it serves; it cannot be changed.")
    mode: Mode = Field(default="live", description="`backtest`: no traffic, only the states of its rollouts.")
    timezone: Zone = Field(default="UTC", description="IANA name; it cuts the days.")
    guarded: bool | None = Field(
        default=None,
        description="Whether nothing but its loop may roll out, as people have to approve; null: as it is. "
        "The controller alone says so.",
    )
    review: ReviewSpec | None = Field(
        default=None, description="Which answers of :predict are flagged, and withheld; null: none."
    )
    serving: ServingSpec | None = Field(
        default=None, description="How many pods answer, and when they are given up; null: as it is."
    )


FormReason = Literal["OnlyForm", "Fastest", "NotFaster", "NeverMeasured", "FellBack"]
"""Why a revision serves the form that it serves."""


class ServedForm(Read):
    """Which form of its version a revision serves, and why that one."""

    target: TargetName
    nodes: list[str] = Field(description="Kinds of node it was chosen for; none: not known.")
    reason: FormReason
    message: str = Field(description="Why, in a sentence.")
    wants: list[TargetName] = Field(description="Forms that were never measured on this kind of node.")
    latency: list[Latency] = Field(
        default=[], description="What serving measured itself of this form on this kind of node."
    )


class RevisionPods(Read):
    """In whose pods a revision sits, in a cluster."""

    kind: Literal["own", "shared", "unloaded"] = Field(
        description="own: pods of its own; shared: the pod of its project for versions without traffic; unloaded: in "
        "none, it is loaded when somebody goes back to it."
    )
    names: list[str] = Field(description="The pods that answer for it now.")
    replicas: Replicas | None = Field(default=None, description="null: its load does not decide how many.")
    why: str = Field(
        default="", description="Why it is in pods of its own though it could share; empty otherwise."
    )


class RevisionRead(Read):
    """One loaded model version."""

    number: int
    name: str = Field(description="Name on the wire: `<endpoint>--r<number>`; never reused.")
    version: int = Field(description="The model version.")
    digest: Digest = Field(description="Digest of the ONNX graph that it serves.")
    form: ServedForm | None = Field(default=None, description="null: of a serving that knew one form alone.")
    state: RevisionState
    reason: str = Field(description="Why it failed; empty otherwise.")
    waiting: Waiting | None = Field(description="What its pods wait for, if they do not answer.")
    weight: int = Field(description="Its share of the traffic, of 10,000.")
    pods: RevisionPods | None = Field(default=None, description="null: it has none, as on a laptop.")


class EndpointRead(Read):
    """An endpoint, its revisions, and the rollout in flight or the last one."""

    project: str
    name: str
    model: str
    mode: str
    timezone: str
    url: str | None = Field(description="Open Inference Protocol URL at the gateway; null for a backtest.")
    packed: bool = Field(
        default=False, description="Whether every loaded revision takes packed tensors (`millrace.oip.pack`)."
    )
    revisions: list[RevisionRead]
    stable: int | None = Field(description="Number of the revision that is champion.")
    stable_version: int | None = Field(description="Model version of that revision.")
    event_time: datetime | None = Field(description="Event time to which it was last advanced.")
    created_at: datetime | None = Field(
        default=None, description="When it was made, on the clock; null: an earlier version does not say."
    )
    rollout: RolloutRead | None

    def revision_of(self, version: int) -> str | None:
        """Name of the revision of a model version, the newest or the one with the traffic; None if it has none."""
        revision = self.of_version(version)
        return None if revision is None else revision.name

    def variant_of(self, version: int) -> str:
        """The form in which a job answers as that revision does; base for what onnxruntime on a CPU does not run."""
        revision = self.of_version(version)
        target = None if revision is None or revision.form is None else revision.form.target
        return variant_of(target) if target is not None and target.startswith("ort-cpu") else BASE

    def of_version(self, version: int) -> RevisionRead | None:
        """The revision of a model version: the one with the traffic, or the newest; None if it has none."""
        mine = [item for item in self.revisions if item.version == version]
        return next((item for item in mine if item.number == self.stable), mine[-1] if mine else None)


class Advance(Strictly):
    """Bring the endpoint to an event time."""

    event_time: AwareDatetime


class EndpointRollback(Strictly):
    """Send all traffic to a revision that is loaded."""

    version: VersionNumber | None = Field(
        default=None, description="Model version to go back to; null: the one before."
    )
    reason: Reason
    event_time: AwareDatetime | None = None
    cause: Cause | None = None
    loop: Name | Literal[""] = ""
    run: LoopRunNumber | None = None
    key: Key


class Retain(Strictly):
    """Which model versions stay loaded besides those that serve."""

    versions: list[VersionNumber] = Field(max_length=1000)


class GatewayRead(BaseModel):
    """The gateway; counts are totals over all its lives, written and dropped are prediction log records."""

    inference_url: str
    gateways: int = Field(description="Gateways that take requests now.")
    requests: int = Field(description="Requests answered to clients, errors included.")
    failed: int = Field(description="Of these, answered with 5xx.")
    logs_written: int
    logs_dropped: int
    mirrored: int = Field(description="Copies that reached a candidate.")
    mirrors_shed: int = Field(description="Copies left out because too many were under way.")
    shadow_logs_written: int
    shadow_logs_dropped: int
    log_errors: int = Field(description="Requests whose bodies could not be logged.")
    refused_configurations: int
    triton_restarts: int
    envoy_restarts: int
    accepted: bool = Field(description="Whether the gateway runs exactly what serving published.")
    problem: str | None = Field(
        description="What is wrong with gateways or revisions now; null if nothing is."
    )
