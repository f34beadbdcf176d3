"""The typed inputs and outputs of a model: after training, the only thing that says what a value means."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from millrace_contracts.names import ClassValue, TaskName, TensorName
from millrace_contracts.parts import Zone, unsaid
from millrace_contracts.shapes import Shape
from millrace_contracts.tables import DateOrder, MissingMark

MOST_INPUTS = 5000
MOST_OUTPUTS = 16
MOST_CLASSES = 1000
ColumnKind = Literal["number", "category", "timestamp", "boolean", "tensor"]


def _one_kind(classes: list[ClassValue]) -> list[ClassValue]:
    kinds = {
        "text" if isinstance(item, str) else "boolean" if isinstance(item, bool) else "number"
        for item in classes
    }
    if len(kinds) > 1:
        raise ValueError(f"classes are of one kind, these are {' and '.join(sorted(kinds))}")
    if len(set(classes)) < len(classes):
        raise ValueError("a class is named twice")
    return classes


Classes = Annotated[list[ClassValue], Field(max_length=MOST_CLASSES), AfterValidator(_one_kind)]
"""Classes as the training data has them: all texts, all numbers or all booleans, each once."""


class Input(BaseModel):
    """One input tensor, of shape (rows, 1), or (rows, *shape), and the data column behind it."""

    model_config = ConfigDict(extra="ignore")

    name: TensorName
    datatype: Literal["FP32", "FP64", "INT64", "BYTES"] = Field(
        description="FP64 where FP32 would lose the differences between the numbers of the column."
    )
    column: TensorName
    kind: ColumnKind
    shape: Shape | None = Field(
        default=None, exclude_if=unsaid, description="Of one row's value, for the kind tensor; left out: [1]."
    )

    @model_validator(mode="after")
    def _shaped(self) -> "Input":
        if (self.kind == "tensor") != (self.shape is not None) or (self.shape and self.datatype != "FP32"):
            raise ValueError(f"the input {self.name!r}: a tensor, and nothing else, has a shape, and is FP32")
        return self

    @property
    def dims(self) -> list[int]:
        """The shape of one row's value."""
        return self.shape or [1]


class Output(BaseModel):
    """One output tensor, of shape (rows, width): numbers, or the class as text."""

    model_config = ConfigDict(extra="ignore")

    name: TensorName
    datatype: Literal["FP32", "INT64", "BYTES"]
    width: int | None = Field(
        default=None, ge=1, le=MOST_CLASSES, exclude_if=unsaid, description="Values a row; left out: 1."
    )

    def values(self) -> int:
        """Values a row."""
        return self.width or 1


class Signature(BaseModel):
    """What goes in, what comes out, and what the classes of an answer are, in the order of its probabilities."""

    model_config = ConfigDict(extra="ignore")

    inputs: list[Input] = Field(min_length=1, max_length=MOST_INPUTS)
    outputs: list[Output] = Field(min_length=1, max_length=MOST_OUTPUTS)
    task: TaskName | None = Field(default=None, exclude_if=unsaid)
    target: TensorName | None = Field(default=None, exclude_if=unsaid)
    classes: Annotated[Classes, Field(min_length=2)] | None = Field(
        default=None, exclude_if=unsaid, description="Of two classes the negative one, then the positive one."
    )
    timezone: Zone | None = Field(
        default=None, exclude_if=unsaid, description="Zone of clock times without an offset; left out: UTC."
    )
    missing: list[MissingMark] | None = Field(
        default=None,
        max_length=100,
        exclude_if=unsaid,
        description="What a category says that has no value, besides the empty text.",
    )
    date_order: DateOrder | None = Field(
        default=None,
        exclude_if=unsaid,
        description="Which number of 03/04/2024 is the day; left out: no such dates.",
    )

    @model_validator(mode="after")
    def _unique(self) -> "Signature":
        for tensors in (self.inputs, self.outputs):
            if len({tensor.name for tensor in tensors}) != len(tensors):
                raise ValueError("two tensors have the same name")
        return self

    def word(self, text: str) -> str:
        """A category as models know it: without white space around it, and empty where it says that there is none."""
        trimmed = text.strip()
        return "" if self.missing and trimmed in self.missing else trimmed

    def output(self, name: str) -> Output | None:
        """The output of that name, if there is one."""
        return next((output for output in self.outputs if output.name == name), None)
