"""Batch predictions that a loop declares, and each scoring that was opened for them."""

from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StringConstraints, WithJsonSchema

from millrace_contracts import durations
from millrace_contracts.bodies import Read
from millrace_contracts.calendars import Calendar, Timed, text_alone
from millrace_contracts.datasets import RowsOrigin
from millrace_contracts.deliveries import ArtifactSource
from millrace_contracts.names import Digest, Name, PlainText
from millrace_contracts.parts import LEAST, MOST, RHYTHM, Bool, Column, Lasting, Part, Strictly
from millrace_contracts.sinks import Sink
from millrace_contracts.sources import RowSource

MOST_RARELY, MOST_OFTEN = "366d", "1m"
NO_RHYTHM: Final = (
    "is no duration like 30m, 12h or 7d, and no calendar like 'each Monday' or 'day 31 of each month'"
)


def _rhythm(text: str) -> str:
    """A duration; a calendar is taken out before. Raises: ValueError in the words that every entrance uses."""
    try:
        durations.parse(text)
    except ValueError:
        raise ValueError(f"{text!r} {NO_RHYTHM}") from None
    return Lasting(most=MOST_RARELY, least=MOST_OFTEN).check(text)


Rhythm = Annotated[
    str,
    StringConstraints(max_length=24),
    AfterValidator(_rhythm),
    BeforeValidator(text_alone),
    WithJsonSchema(
        {"type": "string", "maxLength": 24, "format": RHYTHM, MOST: MOST_RARELY, LEAST: MOST_OFTEN}
    ),
]
"""How often, once what says a calendar is taken out of it."""
ScoringState = Literal["reading", "scoring", "succeeded", "failed"]


class BatchSpec(Timed):
    """Rows that the champion scores by itself."""

    source: RowSource = Field(description="What is scored.")
    sink: Sink = Field(description="Where the predictions go.")
    schedule: Rhythm | None = Field(
        default=None,
        description="How often, like 1h, or by the calendar, like 'each Monday'; left out: when asked to.",
    )
    calendar: Calendar | None = Field(
        default=None, description="On a day of each week or month instead, in the loop's time zone."
    )
    keep: list[Column] | None = Field(
        default=None,
        max_length=5000,
        description="Input columns that stand beside the answers; left out: all.",
    )
    log: Bool = Field(
        default=False,
        description="Log the answers as the endpoint's own: they are watched and can be labelled.",
    )

    def due(self, last: datetime | None, since: datetime, now: datetime, zone: str) -> datetime | None:
        """The newest time at which a scoring was due behind *last*; None while there is none.

        By a schedule the first is due at once, by a calendar on the first such day behind *since*, when it was
        declared. Of several that have passed only the newest counts: they are made up for once.
        """
        if self.calendar is not None:
            begun = self.calendar.latest(now, zone)
            return begun if begun > (last or since) else None
        if self.schedule is None:
            return None
        if last is None:
            return now.replace(microsecond=0)
        span = durations.parse(self.schedule)
        whole = not span % durations.DAY
        passed = durations.local(now, zone) - durations.local(last, zone) if whole else now - last
        return durations.after(last, passed // span * span, zone) if passed >= span else None

    def following(self, last: datetime | None, zone: str) -> datetime | None:
        """When the next scoring by the schedule is due at the earliest; None: when asked to, or not known yet."""
        if self.schedule is None or last is None:
            return None
        return durations.after(last, durations.parse(self.schedule), zone)

    def when(self) -> str:
        """When, in words."""
        if self.calendar is not None:
            return self.calendar.words()
        return f"every {self.schedule}" if self.schedule else "when asked to"


class Predict(Part):
    """What is predicted beside what is asked online."""

    batch: BatchSpec | None = Field(default=None, description="Rows that are scored by themselves.")


class ScoredBefore(BaseModel):
    """What was scored of a source, so that nothing is scored twice or left out."""

    source: str = Field(description="Which source: another query, table or place is another one.")
    digests: list[Digest] = Field(default=[], description="Of every piece.")
    last: RowsOrigin | None = Field(default=None, description="The newest piece.")
    window: Digest | None = Field(
        default=None, description="Artifact of the rows that its cursor or its look-back brings once more."
    )


class GatherSpec(Strictly):
    """Fetch the rows that a loop has yet to score."""

    loop: Name
    source: RowSource
    before: ScoredBefore | None = Field(default=None, description="What was scored; left out: nothing.")


class GatherResult(BaseModel):
    """Rows that are to be scored, kept by the registry."""

    files: list[ArtifactSource] = Field(
        description="In the order in which they are scored; none: nothing is new."
    )
    before: ScoredBefore | None = Field(
        description="What will have been scored then; null: all rows are scored each time."
    )
    more: bool = Field(default=False, description="There is more to fetch, at once.")
    notes: list[str] = Field(default=[], description="What there is to say beside them.")


class ScoringWrite(Strictly):
    """Score what is declared, now."""

    key: str = Field(
        min_length=1, max_length=80, pattern=PlainText, description="The same key again is the same scoring."
    )


class ScoringRead(Read):
    """One scoring of declared rows: why it was opened, what it wrote, and what it cost."""

    loop: str
    number: int = Field(description="1 for the loop's first; never used again.")
    state: ScoringState
    cause: Literal["schedule", "hand"]
    due_at: datetime | None = Field(
        description="When it was due by the schedule; null: a person asked for it."
    )
    version: int | None = Field(description="Which version answers.")
    source: str = Field(description="Where the rows come from, in words.")
    sink: str = Field(description="Where the answers go, in words.")
    rows: int
    answered: int = Field(description="Rows that have a prediction.")
    rejects: int = Field(description="Lines that could not be read.")
    repeated: int = Field(description="Rows that the table had already from this scoring.")
    written: list[str] = Field(description="Files, or the table.")
    seconds: float | None = Field(description="From the first row read to the last one written.")
    cpu_seconds: float | None = Field(description="Processor time of the job's own process meanwhile.")
    rows_per_second: float | None
    attempts: int = Field(description="Jobs that were begun for it, one after the other.")
    job: str | None = Field(description="The newest of them.")
    message: str = Field(description="What came of it, or what is in the way.")
    next_at: datetime | None = Field(description="When it is tried again, if it failed.")
    created_at: datetime
    ended_at: datetime | None


class BatchRead(Read):
    """How the declared batch predictions of a loop stand."""

    when: str = Field(description="When rows are scored, in words.")
    state: str = Field(description="waiting, reading, scoring, or failing.")
    due_at: datetime | None = Field(description="When the newest scoring by the schedule was due.")
    next_at: datetime | None = Field(description="When the next one is, where that is known.")
    scorings: int = Field(description="How many were opened.")
    rows: int = Field(description="Rows that all of them scored together.")
    failures: int = Field(description="Attempts in a row that failed.")
    message: str = Field(description="What the last one brought, or what is in the way.")
