"""Where a loop stands, in the words that `kubectl`, REST and the command line share."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from millrace_contracts.serving import Replicas

Phase = Literal[
    "Pending", "Validating", "Training", "Gating", "AwaitingApproval", "Shadow", "Canary", "Serving", "Rejected",
    "Suspended", "Failed",
]  # fmt: skip
ConditionType = Literal[
    "Ready", "Progressing", "DataValid", "Trained", "GatesPassed", "RolledOut", "DriftDetected", "Stalled",
    "OptionsIgnored", "SourceReady", "Scored", "Approved", "Notified", "Scaled",
    "RunWaits",
]  # fmt: skip


class Shown(BaseModel):
    """A part of the status: camelCase outside."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Condition(Shown):
    """One thing that is so, is not so, or is not known yet; the message is for people."""

    type: ConditionType
    status: Literal["True", "False", "Unknown"]
    reason: str = Field(description="Why, in one CamelCase word.")
    message: str = Field(default="", description="Why, in a sentence.")
    observed_generation: int | None = Field(
        default=None, description="The generation of the spec that this is about."
    )
    last_transition_time: str | None = Field(default=None, description="Since when the status is this.")


class Member(Shown):
    """A model version that answers, or is on its way to."""

    version: int | None = Field(default=None, description="Its number in the registry.")
    digest: str | None = Field(default=None, description="Digest of its release unit.")
    weight: float | None = Field(default=None, description="Its share of the answers, in percent.")
    run: int | None = Field(default=None, description="The run that made it.")
    since: str | None = Field(default=None, description="Event time since which it stands there.")
    replicas: Replicas | None = Field(
        default=None, description="How many pods it has and should have; null: its load does not decide that."
    )


class RunStatus(Shown):
    """The newest run."""

    number: int
    state: str
    step: str | None = Field(default=None, description="The step it is at, or was at when it ended.")
    cause: str | None = Field(default=None, description="What opened it.")
    message: str | None = None


class Gate(Shown):
    """One gate's verdict on the newest candidate."""

    name: str
    verdict: str = Field(description="passed, failed or inconclusive.")
    reason: str | None = None
    value: float | None = None
    ci: list[float] | None = Field(default=None, description="Bounds of the value, where they are known.")


class LoopStatus(Shown):
    """What an operator writes below a ModelLoop's `status`."""

    observed_generation: int | None = Field(default=None, description="The spec that was read last.")
    project: str | None = Field(default=None, description="The project that its namespace stands for.")
    phase: Phase | None = Field(default=None, description="The sum of it, in one word.")
    champion: Member | None = None
    candidate: Member | None = None
    run: RunStatus | None = None
    gates: list[Gate] | None = None
    conditions: list[Condition] | None = None
