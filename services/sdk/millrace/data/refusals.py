"""A refusal of data: what is wrong, in words that say how to mend it."""

from typing import Literal

from pydantic import BaseModel, Field


class Check(BaseModel):
    """One promise of the contract, held against the data."""

    check: str = Field(description="What was looked at, like 'type' or 'range'.")
    column: str | None
    verdict: Literal["passed", "failed"]
    observed: str
    allowed: str
    rows: int = Field(description="Rows that break the promise.")
    examples: list[str] = Field(description="Up to five, with their row numbers where they have one.")
    mend: str


class Unreadable(Exception):
    """The data cannot be read as a table; *check* says why, in a form that a report can show."""

    def __init__(
        self,
        check: str,
        observed: str,
        mend: str,
        *,
        allowed: str = "",
        column: str | None = None,
        rows: int = 0,
        examples: list[str] | None = None,
    ) -> None:
        super().__init__(observed)
        self.check = Check(
            check=check,
            column=column,
            verdict="failed",
            observed=observed,
            allowed=allowed,
            rows=rows,
            examples=(examples or [])[:5],
            mend=mend,
        )


def words(names: list[str], most: int = 5) -> str:
    """Names in quotes, shortened when there are many."""
    shown = ", ".join(f"'{name}'" for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
