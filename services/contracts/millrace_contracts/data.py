"""A data contract: what every version of a dataset promises, written by a person or inferred from good data."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from millrace_contracts.names import ColumnName as ColumnName
from millrace_contracts.names import Digest as Digest
from millrace_contracts.names import Name as Name
from millrace_contracts.parts import Bool, Float, Int, unsaid
from millrace_contracts.parts import Strictly as Strict
from millrace_contracts.shapes import Shape
from millrace_contracts.tables import Dialect

ColumnType = Literal["number", "integer", "boolean", "string", "timestamp", "tensor"]
Share = Annotated[Float, Field(ge=0, le=1)]


class ColumnContract(Strict):
    """What one column promises."""

    name: ColumnName
    type: ColumnType = Field(description="number, integer, boolean, string, timestamp or tensor.")
    shape: Shape | None = Field(
        default=None,
        exclude_if=unsaid,
        description="Of each cell of a tensor: [28, 28] for an image of 28 lines of 28 numbers.",
    )
    required: Bool = Field(default=True, description="Whether the column must be there at all.")
    minimum: Float | None = Field(default=None, description="Least value of a number.")
    maximum: Float | None = Field(default=None, description="Greatest value of a number.")
    outside_at_most: Share = Field(
        default=0.0,
        description="Share of rows outside minimum and maximum that is tolerated; they are left out.",
    )
    missing_at_most: Share = Field(default=1.0, description="Share of rows that may lack a value.")
    allowed: list[str] | None = Field(
        default=None, max_length=10_000, description="The values of a string column; null: any."
    )
    unknown_at_most: Share = Field(
        default=0.0, description="Share of rows with a value not in `allowed` that is tolerated and kept."
    )
    unique: Bool = Field(default=False, description="Whether no value may come twice in the dataset.")
    guessed: Bool = Field(
        default=False,
        description="Inferred from a sample and confirmed by nobody: what goes a little beyond it is taken and noted.",
    )
    trusted: Bool = Field(
        default=False,
        description="The leakage screen leaves it alone: its value is known when a prediction is asked for.",
    )

    @model_validator(mode="after")
    def _sensible(self) -> "ColumnContract":
        limits = (self.minimum, self.maximum)
        if limits != (None, None) and self.type not in ("number", "integer"):
            raise ValueError(f"'{self.name}': minimum and maximum are for numbers, not for {self.type}")
        if None not in limits and self.minimum > self.maximum:  # type: ignore[operator]
            raise ValueError(f"'{self.name}': minimum is greater than maximum")
        if (self.shape is not None) != (self.type == "tensor"):
            raise ValueError(f"'{self.name}': a tensor, and nothing else, has a shape")
        if self.allowed is not None and self.type != "string":
            raise ValueError(f"'{self.name}': allowed is for strings, not for {self.type}")
        return self


class RowsContract(Strict):
    """How many rows there must be."""

    minimum: Int = Field(default=50, ge=1, description="Rows a dataset version must have in all.")


class DataContract(Strict):
    """What a delivery of data must fulfil before anything is trained on it."""

    columns: list[ColumnContract] = Field(min_length=1, max_length=5000)
    rows: RowsContract = RowsContract()
    duplicates_at_most: Share = Field(
        default=1.0, description="Share of rows that may repeat another row of the same delivery."
    )
    rejects_at_most: Share = Field(
        default=0.01, description="Share of lines that may be unreadable; they are kept and counted."
    )
    dialect: Dialect | None = Field(
        default=None, description="How text files are written; what is left out is found in each file."
    )
    key: list[ColumnName] = Field(
        default=[],
        max_length=20,
        description="Columns that name a row: the same key again corrects the row. None: the whole row is its key.",
    )
    event_time: ColumnName | None = Field(default=None, description="Column that says when a row happened.")
    target: ColumnName | None = Field(default=None, description="Column that is to be predicted.")

    @model_validator(mode="after")
    def _consistent(self) -> "DataContract":
        names = [column.name for column in self.columns]
        twice = (
            sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
        )
        if twice:
            raise ValueError(f"columns are named twice: {', '.join(twice)}")
        roles = [
            ("event_time", self.event_time),
            ("target", self.target),
            *(("key", name) for name in self.key),
        ]
        for role, name in roles:
            if name is not None and name not in names:
                raise ValueError(f"{role} '{name}' is not among the columns")
            if name is not None and self.column(name).type == "tensor":
                raise ValueError(f"{role} '{name}' cannot be a tensor")
        return self

    def column(self, name: str) -> ColumnContract:
        """The promise about *name* (KeyError if there is none)."""
        return {column.name: column for column in self.columns}[name]
