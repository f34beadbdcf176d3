"""A schedule by the calendar: each Monday, or each 31st (the last day of a shorter month), in the loop's zone."""

import calendar
import re
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

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
NO_MAPPING: Final = (
    "must be of type string, like 'each Monday' or 'day 31 of each month'; a mapping stands below calendar, like "
    "calendar: {every: week, weekday: Monday}"
)
NO_ON: Final = "on is no field here, and YAML 1.1 reads it as true; write weekday: Monday, or day: 31"
ON = ("on", True, "true")
"""How `on` comes out of a document."""


class Calendar(Part):
    """Which days open a run: as soon as they begin, in event time."""

    every: Literal["week", "month"]
    weekday: Weekday | None = Field(default=None, description="For `every: week`.")
    day: Int | None = Field(
        default=None, ge=1, le=31, description="For `every: month`; in a shorter month its last day."
    )

    @model_validator(mode="before")
    @classmethod
    def _no_on(cls, given: Any) -> Any:
        """Refused here too, as API servers refuse it, but in words."""
        if isinstance(given, dict) and any(key in given for key in ON):
            raise ValueError(NO_ON)
        return given

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
            return cls.model_validate({"every": "week", "weekday": weekly[1].capitalize()})
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


class Timed(Part):
    """A part with `schedule` and `calendar`, one of which may say when."""

    @model_validator(mode="before")
    @classmethod
    def _one_says_when(cls, given: Any) -> Any:
        """A schedule like `each Monday` is the calendar."""
        said = given.get("schedule") if isinstance(given, dict) else None
        if said is None:
            return given
        if given.get("calendar") is not None:
            raise ValueError(ONE_SCHEDULE)
        meant = Calendar.spoken(said) if isinstance(said, str) else None
        if meant is None:
            return given
        return {key: value for key, value in given.items() if key != "schedule"} | {"calendar": meant}


def text_alone(given: Any) -> Any:
    """What is no mapping. Raises: ValueError with the remedy."""
    if isinstance(given, dict):
        raise ValueError(NO_MAPPING)
    return given


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
    BeforeValidator(text_alone),
    WithJsonSchema({"type": "string", "maxLength": 24, "format": SCHEDULE, MOST: LONGEST}),
]
"""What stands below `triggers.schedule`, once what says a calendar is taken out of it."""
