"""Lines of a report on data that wants to be trained on: what passed, what should be known, what forbids it."""

from millrace_contracts.rows import Check


def passed(check: str, column: str | None, observed: str, allowed: str) -> Check:
    """A promise that is kept."""
    return Check.passed(check, observed, allowed, column=column)


def noted(check: str, column: str | None, observed: str, allowed: str, mend: str, rows: int = 0) -> Check:
    """What keeps nothing from being trained, and should be known."""
    return Check.noted(check, observed, allowed, mend, column=column, rows=rows)


def failed(check: str, column: str | None, observed: str, allowed: str, mend: str, rows: int = 0) -> Check:
    """What forbids training, and what to do."""
    return Check.failed(check, observed, allowed, mend, column=column, rows=rows)
