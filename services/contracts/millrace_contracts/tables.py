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
    """How a file is written; what is None is found in the file. Only `date_order` and `sheet` may stay None."""

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
