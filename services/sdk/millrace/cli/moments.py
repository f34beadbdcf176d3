"""Instants as a person writes them."""

from datetime import UTC, datetime

from millrace.cli.command import fail


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
