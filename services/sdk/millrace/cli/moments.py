"""Instants as a person writes them."""

from datetime import UTC, datetime, timedelta

from millrace.cli.command import fail

UNITS = {"h": "hours", "d": "days", "w": "weeks"}
UNTIL = "30d, 12h, 4w, or a time like 2027-01-31T00:00:00Z."


def instant(text: str) -> datetime:
    """An ISO 8601 time; without an offset it is UTC. Exits with what to write instead."""
    moment = local(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def local(text: str) -> datetime:
    """An ISO 8601 time or day, as it is written: without an offset it is in the loop's zone, which the service knows.

    Exits with what to write instead.
    """
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return fail(
            f"{text!r} is no time", "Write it like 2026-05-04T12:00:00Z, or 2026-05-04 in the loop's zone."
        )


def ahead(text: str) -> datetime:
    """A time, or one so long from now. Exits with what to write instead."""
    number, unit = text[:-1], UNITS.get(text[-1:])
    if unit and number.isascii() and number.isdigit() and len(number) < 6:
        return datetime.now(UTC) + timedelta(**{unit: int(number)})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        fail(f"{text!r} is no time", f"Write it like {UNTIL}")
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
