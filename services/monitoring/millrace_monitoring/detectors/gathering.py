"""Days that add up until there are rows enough: what is kept of them, and what it says so far."""

from collections import Counter
from collections.abc import Sequence
from datetime import date

from pydantic import BaseModel, ConfigDict

from millrace_contracts.closings import Gathered
from millrace_monitoring.detectors.day import Facts
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

    def told(self, wanted: int) -> Gathered | None:
        """How far it is; None for a block that has begun nothing."""
        return Gathered(rows=self.answered, wanted=wanted, since=self.days[0]) if self.days else None


def runs(days: Sequence[Profile], rows: int) -> list[Profile]:
    """Consecutive profiles added up until each has so many *rows*; what is left over at the end belongs to none."""
    made, open_one = list[Profile](), None
    for day in days:
        open_one = day if open_one is None else open_one + day
        if open_one.rows >= rows:
            made.append(open_one)
            open_one = None
    return made
