"""What came of sending one message once."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST = 86_400.0
"""Seconds that another side may ask to wait, at most."""
LATER = (408, 425, 429)
"""Answers of the 4xx that another time may be different."""
WORDS = 300


@dataclass(frozen=True)
class Outcome:
    """Whether it arrived, and what the other side answered.

    again: whether another try may go better. after: seconds that the other side asks to wait, if it does.
    """

    delivered: bool
    answer: str
    again: bool = True
    after: float | None = None


def answered(status: int, words: str, retry_after: str, now: datetime) -> Outcome:
    """What an HTTP answer means: 2xx is there, most of 4xx never will be, anything else may be another time."""
    said = f"{status} {_plain(words)}".strip()
    if 200 <= status < 300:
        return Outcome(True, said)
    again = status in LATER or not 400 <= status < 500
    return Outcome(False, said, again, asked(retry_after, now) if again else None)


def asked(retry_after: str, now: datetime) -> float | None:
    """Seconds to wait, of the header Retry-After (RFC 9110 §10.2.3): a number of seconds, or a date."""
    if retry_after.strip().isdigit():
        return min(float(retry_after), LONGEST)
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max((at - now).total_seconds(), 0.0), LONGEST)


def _plain(words: str) -> str:
    """The first of it, on one line."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in words).split())[:WORDS]
