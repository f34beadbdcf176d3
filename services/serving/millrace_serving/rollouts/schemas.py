"""JSON of rollouts."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

from millrace_core.names import Digest, Name
from millrace_serving.rollouts.states import State

Number = Annotated[int, Field(ge=0, le=2**31 - 1)]
Tensor = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]
Value = float | int | bool | str | None
GOLDEN_ROWS = 256


class Input(BaseModel):
    """One input of a graph: a column."""

    model_config = ConfigDict(extra="forbid")

    name: Tensor
    datatype: Literal["FP32", "INT64", "BYTES"]
    column: Tensor
    kind: Literal["number", "category", "timestamp", "boolean"]


class Output(BaseModel):
    """One output of a graph."""

    model_config = ConfigDict(extra="forbid")

    name: Tensor
    datatype: Literal["FP32"]


class Signature(BaseModel):
    """Inputs and outputs of a graph; every tensor has the shape (rows, 1)."""

    model_config = ConfigDict(extra="allow")

    inputs: list[Input] = Field(min_length=1, max_length=2000)
    outputs: list[Output] = Field(min_length=1, max_length=16)

    @model_validator(mode="after")
    def _unique(self) -> "Signature":
        for items in (self.inputs, self.outputs):
            if len({item.name for item in items}) != len(items):
                raise ValueError("two tensors have the same name")
        return self


class Golden(BaseModel):
    """Rows and what the trained pipeline answered for them; null is a missing value."""

    model_config = ConfigDict(extra="forbid")

    inputs: dict[str, list[Value]]
    outputs: dict[str, list[float]]

    @model_validator(mode="after")
    def _same_length(self) -> "Golden":
        lengths = {len(rows) for rows in self.inputs.values()} | {len(rows) for rows in self.outputs.values()}
        if len(lengths) != 1 or not 1 <= max(lengths) <= GOLDEN_ROWS or not self.outputs or not self.inputs:
            raise ValueError(f"golden rows need inputs and outputs of one length between 1 and {GOLDEN_ROWS}")
        return self


class Mirror(BaseModel):
    """Copy requests to the candidate; its answers are logged and thrown away."""

    model_config = ConfigDict(extra="forbid")

    percent: float = Field(gt=0, le=100)
    seconds: float = Field(ge=0, le=1e9, description="Duration in event time.")


class Canary(BaseModel):
    """Send a share of the sticky keys to the candidate."""

    model_config = ConfigDict(extra="forbid")

    percent: float = Field(gt=0, le=100)
    seconds: float = Field(ge=0, le=1e9, description="Duration in event time.")


class Plan(BaseModel):
    """Mirror, then canary steps with growing shares, then everything."""

    model_config = ConfigDict(extra="forbid")

    mirror: Mirror | None = None
    canary: list[Canary] = Field(default_factory=list, max_length=20)

    @model_validator(mode="after")
    def _growing(self) -> "Plan":
        shares = [step.percent for step in self.canary]
        if shares != sorted(set(shares)):
            raise ValueError("the canary's percentages must grow from step to step")
        return self


Text = Annotated[str, StringConstraints(min_length=1, max_length=253)]
Label = Annotated[str, StringConstraints(max_length=63)]
Quantity = Annotated[str, StringConstraints(pattern=r"^[0-9.]+([eE]?[+-]?[0-9]+|[numkKMGTPE]i?)?$")]


class Resources(BaseModel):
    """What a pod asks for and may use, as Kubernetes writes it."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    requests: dict[Text, Quantity] = Field(default_factory=dict, max_length=20)
    limits: dict[Text, Quantity] = Field(default_factory=dict, max_length=20)


class Placement(BaseModel):
    """Where the pods of a revision run, added to what the installation says; a laptop has no pods and ignores it."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)

    node_selector: dict[Text, Label] = Field(default_factory=dict, max_length=20)
    tolerations: list[dict[Text, Label | int]] = Field(default_factory=list, max_length=20)
    resources: Resources = Field(default_factory=Resources)
    runtime_class_name: Text | None = None
    image_pull_secrets: list[Text] = Field(default_factory=list, max_length=20)


class RolloutWrite(BaseModel):
    """A candidate and the plan to bring it into production."""

    model_config = ConfigDict(extra="forbid")

    key: Annotated[str, StringConstraints(min_length=1, max_length=150, pattern=r"^[^\x00]+$")]
    model: Name
    version: Annotated[int, Field(ge=1, le=2**31 - 1)]
    signature: Signature
    files: dict[Annotated[str, StringConstraints(max_length=200)], Digest] = Field(max_length=50)
    golden: Golden
    plan: Plan = Field(default_factory=Plan)
    event_time: AwareDatetime | None = None
    loop: Name | Literal[""] = ""
    run: Number | None = None
    cause: Annotated[str, StringConstraints(max_length=36)] | None = None
    placement: Placement | None = None

    @model_validator(mode="after")
    def _complete(self) -> "RolloutWrite":
        if "model.onnx" not in self.files:
            raise ValueError("files must name model.onnx")
        lacking = [
            item.column
            for item in self.signature.inputs
            if item.name not in self.golden.inputs and item.column not in self.golden.inputs
        ]
        if lacking:
            raise ValueError(f"the golden rows lack {', '.join(lacking[:5])}")
        return self


class RolloutRead(BaseModel):
    """How far a rollout has come."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    endpoint: str
    revision: int
    version: int
    previous: int | None = Field(description="The stable revision when it began.")
    state: State
    step: int = Field(description="Index of the present step in the plan, mirror first.")
    plan: dict[str, Any]
    event_time: datetime | None = Field(description="Event time at which it began.")
    step_since: datetime | None = Field(description="Event time at which the present step began.")
    reason: str
    evidence: list[dict[str, Any]] = Field(description="What was known at each step.")
    decision: str | None = Field(description="Id of the decision that moved it last.")


class Abort(BaseModel):
    """Why a rollout is ended."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"^[^\x00]+$")]
