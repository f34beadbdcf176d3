"""Days that add up until there are rows enough: what is kept of them, and what it says so far."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date

from pydantic import BaseModel, ConfigDict

from millrace_monitoring.detectors.day import Facts, JudgedDay
from millrace_stats.profiles import Profile


class DaysTogether(BaseModel):
    """Days with rows before today, with the counts that no profile holds. *labelled*: of the answered rows."""

    model_config = ConfigDict(frozen=True)

    days: tuple[date, ...] = ()
    answered: int = 0
    labelled: int = 0
    records: int = 0
    repeated: int = 0
    faults: dict[str, int] = {}

    @property
    def share(self) -> float:
        """Of the answered rows that have a label."""
        return self.labelled / max(self.answered, 1)

    def plus(self, facts: Facts, day: date | None) -> "DaysTogether":
        """With one more day; *day* is None if nobody was answered on it, so that it has no profile."""
        return DaysTogether(
            days=self.days if day is None else (*self.days, day),
            answered=self.answered + facts.answered,
            labelled=self.labelled + round(facts.share * facts.answered),
            records=self.records + facts.records,
            repeated=self.repeated + facts.repeated,
            faults=dict(Counter(self.faults) + Counter(facts.faults)),
        )


class ColumnDays(BaseModel):
    """Which of the days before count for each column: its own block, as one column's fault says nothing of another.

    days: all of them that had rows, in order.
    since: the first day of each column's block; that of a column which is not named begins today.
    """

    model_config = ConfigDict(frozen=True)

    days: tuple[date, ...] = ()
    since: dict[str, date] = {}

    def plus(self, day: date, since: Mapping[str, date]) -> "ColumnDays":
        """With one more day, for the blocks that go on, without the days that none of them needs."""
        first = min(since.values(), default=None)
        days = () if first is None else tuple(one for one in (*self.days, day) if one >= first)
        return ColumnDays(days=days, since=dict(since))


def blocks(day: JudgedDay, starts: set[date]) -> dict[date, Profile]:
    """The rows from each start to today, which must have some; days that were counted in other slots are left out."""
    assert day.profile is not None, "a day without rows ends no block"
    together, made, dates = day.profile, dict[date, Profile](), sorted(day.gathered)
    for start in sorted(starts, reverse=True):
        while dates and dates[-1] >= start:
            before = day.gathered[dates.pop()]
            together = before + together if before.spec == together.spec else together
        made[start] = together
    return made


def runs(days: Sequence[Profile], rows: int) -> list[Profile]:
    """Consecutive profiles added up until each has so many *rows*; what is left over at the end belongs to none."""
    made, open_one = list[Profile](), None
    for day in days:
        open_one = day if open_one is None else open_one + day
        if open_one.rows >= rows:
            made.append(open_one)
            open_one = None
    return made
