"""Durations as people write them in a loop: `30s`, `45m`, `12h`, `14d`, `2w`."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

FORM = re.compile(r"([0-9]{1,6})(s|m|h|d|w)")
DAY = timedelta(days=1)
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def parse(text: str) -> timedelta:
    """The duration. Raises: ValueError that says how one is written."""
    match = FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration; write it like 30m, 12h or 14d")
    return timedelta(seconds=int(match[1]) * SECONDS[match[2]])


def whole_days(text: str) -> int:
    """The duration in whole days, at least 1. Raises: ValueError if it is not a number of days."""
    seconds = parse(text).total_seconds()
    if seconds % 86_400 or seconds < 86_400:
        raise ValueError(f"{text!r} is not a whole number of days; write it like 28d")
    return int(seconds // 86_400)


def words(span: timedelta) -> str:
    """The duration as it is said: `7 days`, `1 hour`; in the largest unit that is whole."""
    seconds = round(span.total_seconds())
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds and seconds % length == 0:
            return f"{seconds // length} {unit}" + "s" * (seconds != length)
    return "0 seconds"


def lasted(span: timedelta, since: datetime, until: datetime, zone: str) -> bool:
    """Whether *until* is *span* after *since*: whole days by the clocks of *zone*, where a day may have 23 hours."""
    if span % DAY:
        return until - since >= span
    return local(until, zone) - local(since, zone) >= span


def after(moment: datetime, span: timedelta, zone: str) -> datetime:
    """The moment *span* later, in UTC; whole days by the clocks of *zone*."""
    if span % DAY:
        return moment + span
    return (local(moment, zone) + span).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def local(moment: datetime, zone: str) -> datetime:
    """What the clocks of *zone* show, without offset; a day begins at 00:00 even where they jump over midnight."""
    shown = moment.astimezone(ZoneInfo(zone))
    midnight = datetime.combine(shown.date(), time())
    return midnight if moment == begin(shown.date(), zone) else shown.replace(tzinfo=None)


def begin(day: date, zone: str) -> datetime:
    """When a day of *zone* begins, in UTC."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def iso(moment: datetime | None) -> str | None:
    """The moment as the platform writes it: UTC, with a Z."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
