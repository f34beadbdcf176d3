"""How a file of rows is written, and which of its lines could not be taken."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from millrace_contracts.parts import Int, Strictly

Sign = Annotated[str, StringConstraints(min_length=1, max_length=1)]
Encoding = Literal["utf-8", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "windows-1252"]
DateOrder = Literal["ymd", "dmy", "mdy"]
MissingMark = Annotated[str, StringConstraints(max_length=100)]
KEPT = 100
"""Rejects that are kept with their text; all are counted."""


class Dialect(Strictly):
    """How a file is written; what is None is found in the file."""

    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=4)] | None = Field(
        default=None, description="What stands between two cells."
    )
    quote: Annotated[str, StringConstraints(max_length=1)] | None = Field(
        default=None, description="What stands around a cell that holds a delimiter; empty: nothing does."
    )
    escape: Annotated[str, StringConstraints(max_length=1)] | None = Field(
        default=None,
        description="What stands before a quote inside quotes; the quote itself, or a backslash.",
    )
    encoding: Encoding | None = Field(default=None, description="How letters are written as bytes.")
    header_line: Int | None = Field(
        default=None, ge=0, le=10_000, description="Line of the column names, from 1; 0: there is none."
    )
    comment: Annotated[str, StringConstraints(max_length=1)] | None = Field(
        default=None, description="Lines that begin with it are left out; empty: none are."
    )
    decimal: Literal[".", ","] | None = Field(default=None, description="What stands before the fraction.")
    thousands: Literal["", ",", ".", " ", "'", "_"] | None = Field(
        default=None, description="What stands between groups of three digits; empty: nothing does."
    )
    missing: list[MissingMark] | None = Field(
        default=None, max_length=100, description="What a cell says that has no value."
    )
    date_order: DateOrder | None = Field(
        default=None, description="Which number of 03/04/2024 is the day; None: such dates are no dates."
    )
    sheet: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = Field(
        default=None, description="Sheet of a workbook; None: its first."
    )

    def over(self, other: "Dialect | None") -> "Dialect":
        """This, with what it leaves open as *other* says."""
        said = self.model_dump(exclude_none=True)
        return Dialect.model_validate({} if other is None else other.model_dump()).model_copy(update=said)

    @property
    def of_values(self) -> "Dialect":
        """What it says of values alone; how lines are split is left open."""
        return Dialect.model_validate(
            self.model_dump(include={"decimal", "thousands", "missing", "date_order", "sheet"})
        )

    @property
    def words(self) -> str:
        """What is worth knowing of it, in one line."""
        named = {"\t": "tab", " ": "space"}
        parts = [f"delimiter {named.get(self.delimiter, self.delimiter)}"] if self.delimiter else []
        parts += [f"quote {self.quote}"] if self.quote not in (None, '"', "") else []
        parts += [f"escape {self.escape}"] if self.escape not in (None, "", self.quote) else []
        parts += [self.encoding] if self.encoding else []
        if self.header_line is not None:
            parts.append(f"header in line {self.header_line}" if self.header_line else "no header")
        parts += [f"comments behind {self.comment}"] if self.comment else []
        parts += [f"decimal {self.decimal}"] if self.decimal == "," else []
        parts += [f"thousands {named.get(self.thousands, self.thousands)}"] if self.thousands else []
        parts += [f"dates {self.date_order}"] if self.date_order else []
        parts += [f"sheet {self.sheet}"] if self.sheet else []
        return ", ".join(parts)


class Reject(BaseModel):
    """A line or row that could not be taken."""

    line: int = Field(ge=0, description="Line of the file at which it begins, from 1; 0: not known.")
    text: str = Field(max_length=2000, description="As it stands there, cut when long.")
    reason: str
    file: str = Field(default="", description="Which file, where there are several.")


class Rejects(BaseModel):
    """All that could not be taken of a file: counted in full, kept up to a number."""

    count: int = Field(default=0, ge=0)
    kept: list[Reject] = Field(default=[], max_length=KEPT)

    def share(self, rows: int) -> float:
        """Of all lines, where *rows* could be taken."""
        return self.count / max(self.count + rows, 1)
