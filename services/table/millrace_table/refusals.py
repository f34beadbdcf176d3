"""A refusal of data: what is wrong, in words that say how to mend it."""

from millrace_contracts.rows import Check


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
        self.check = Check.failed(
            check, observed, allowed, mend, column=column, rows=rows, examples=examples or []
        )


def words(names: list[str], most: int = 5) -> str:
    """Names in quotes, shortened when there are many."""
    shown = ", ".join(f"'{name}'" for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
