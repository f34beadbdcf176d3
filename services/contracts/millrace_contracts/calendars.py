"""A schedule by the calendar: each Monday, or each 31st (the last day of a shorter month), in the loop's zone."""

import calendar
import re
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema, model_validator

from millrace_contracts import durations
from millrace_contracts.parts import DAYS, LONGEST, MOST, SCHEDULE, Int, Lasting, Part

Weekday = Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
WEEKDAYS: tuple[Weekday, ...] = (
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
)  # fmt: skip
WEEKLY: Final = f"each ({'|'.join(WEEKDAYS)})"
MONTHLY: Final = "day ([1-9]|[12][0-9]|3[01]) of each month"
WORDS: Final = f"^(?i)({WEEKLY}|{MONTHLY})$"
"""A calendar in one text, as API servers match it."""
NO_SCHEDULE: Final = (
    "is not a whole number of days like 28d, and no calendar like 'each Monday' or 'day 31 of each month'"
)
ONE_SCHEDULE: Final = "schedule and calendar both say when; write one of them"
SAID = ("on", True, "true")
"""How a document may write the day: `on`, which YAML 1.1 reads as true."""


class Calendar(Part):
    """Which days open a run: as soon as they begin, in event time."""

    every: Literal["week", "month"]
    weekday: Weekday | None = Field(default=None, description="For `every: week`.")
    day: Int | None = Field(
        default=None, ge=1, le=31, description="For `every: month`; in a shorter month its last day."
    )

    @model_validator(mode="before")
    @classmethod
    def _said(cls, given: Any) -> Any:
        """`on: Monday` and `on: 31` are taken for weekday and day."""
        keys = [key for key in SAID if isinstance(given, dict) and key in given]
        if len(keys) != 1:
            return given
        value = given[keys[0]]
        name = "weekday" if given.get("every") == "week" else "day"
        if name in given:
            raise ValueError(f"on and {name} say the same thing; write one of them")
        rest = {key: item for key, item in given.items() if key != keys[0]}
        return rest | {name: value.capitalize() if isinstance(value, str) else value}

    @model_validator(mode="after")
    def _fits(self) -> "Calendar":
        if self.every == "week" and (self.weekday is None or self.day is not None):
            raise ValueError("every: week needs a weekday, like Monday, and no day")
        if self.every == "month" and (self.day is None or self.weekday is not None):
            raise ValueError("every: month needs a day, from 1 to 31, and no weekday")
        return self

    @classmethod
    def spoken(cls, text: str) -> "Calendar | None":
        """The calendar that a text like `each Monday` or `day 31 of each month` says; None: it says none."""
        if weekly := re.fullmatch(WEEKLY, text, re.IGNORECASE):
            return cls.model_validate({"every": "week", "on": weekly[1]})
        if monthly := re.fullmatch(MONTHLY, text, re.IGNORECASE):
            return cls(every="month", day=int(monthly[1]))
        return None

    def latest(self, through: datetime, zone: str) -> datetime:
        """When the last such day that has begun by *through* began, in UTC."""
        today = durations.local(through, zone).date()
        return durations.begin(self._weekly(today) if self.every == "week" else self._monthly(today), zone)

    def _weekly(self, today: date) -> date:
        assert self.weekday is not None
        return today - timedelta(days=(today.weekday() - WEEKDAYS.index(self.weekday)) % 7)

    def _monthly(self, today: date) -> date:
        this = self._of_month(today)
        return this if this <= today else self._of_month(today.replace(day=1) - timedelta(days=1))

    def _of_month(self, month: date) -> date:
        assert self.day is not None
        return month.replace(day=min(self.day, calendar.monthrange(month.year, month.month)[1]))

    def words(self) -> str:
        """As a person says it."""
        return f"each {self.weekday}" if self.every == "week" else f"day {self.day} of each month"


def by_calendar(given: Any) -> Any:
    """A part of a document in which a schedule like `each Monday` or `{every: week, on: Monday}` is the calendar."""
    said = given.get("schedule") if isinstance(given, dict) else None
    meant = Calendar.spoken(said) if isinstance(said, str) else said
    if not isinstance(meant, (Calendar, dict)):
        return given
    if given.get("calendar") is not None:
        raise ValueError(ONE_SCHEDULE)
    rest = {key: value for key, value in given.items() if key != "schedule"}
    return rest | {"calendar": meant}


def _scheduled(text: str) -> str:
    """Whole days; a calendar is taken out before. Raises: ValueError in the words that every entrance uses."""
    try:
        durations.whole_days(text)
    except ValueError:
        raise ValueError(f"{text!r} {NO_SCHEDULE}") from None
    return Lasting(DAYS).check(text)


Schedule = Annotated[
    str,
    StringConstraints(max_length=24),
    AfterValidator(_scheduled),
    WithJsonSchema({"type": "string", "maxLength": 24, "format": SCHEDULE, MOST: LONGEST}),
]
"""What stands below `triggers.schedule`, once what says a calendar is taken out of it."""
