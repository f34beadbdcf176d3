"""Lines of a report on data that wants to be trained on: what passed, what should be known, what forbids it."""

from millrace_contracts.rows import Check


def passed(check: str, column: str | None, observed: str, allowed: str) -> Check:
    """A promise that is kept."""
    return Check(
        check=check,
        column=column,
        verdict="passed",
        observed=observed,
        allowed=allowed,
        rows=0,
        examples=[],
        mend="",
    )


def noted(check: str, column: str | None, observed: str, allowed: str, mend: str, rows: int = 0) -> Check:
    """What keeps nothing from being trained, and should be known."""
    return Check(
        check=check,
        column=column,
        verdict="noted",
        observed=observed,
        allowed=allowed,
        rows=rows,
        examples=[],
        mend=mend,
    )


def failed(check: str, column: str | None, observed: str, allowed: str, mend: str, rows: int = 0) -> Check:
    """What forbids training, and what to do."""
    return noted(check, column, observed, allowed, mend, rows).model_copy(update={"verdict": "failed"})
