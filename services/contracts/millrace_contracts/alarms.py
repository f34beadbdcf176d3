"""Alarms: what a monitor found, and what somebody else holds to stand."""

from datetime import date
from typing import Literal, get_args

from pydantic import AwareDatetime, Field, model_validator

from millrace_contracts.bodies import Document, Read
from millrace_contracts.names import LoopName, PlainText
from millrace_contracts.parts import Strictly

AlarmKind = Literal["performance", "drift", "quality", "quarantine", "blocked", "estimate"]
HeldKind = Literal["quarantine", "blocked"]
"""Kinds that no closed day finds: somebody says which of them stand."""
AlarmState = Literal["open", "acknowledged", "closed"]


class AlarmRead(Read):
    """A finding that calls for action."""

    id: str
    endpoint: str
    kind: AlarmKind
    cause: str = Field(description="What exactly, like 'quality:nulls:origin'; at most one is open for each.")
    state: AlarmState
    opened_day: date = Field(
        description="The day, in the loop's time zone, whose closing opened it; of the kinds quarantine and blocked, "
        "which no closed day finds, the day on the clock, UTC."
    )
    last_day: date = Field(description="The last day on which it was found; of those kinds as opened_day.")
    closed_day: date | None
    count: int = Field(description="On how many days it was found.")
    reason: str
    evidence: Document
    acknowledged_by: str | None
    silenced_until: AwareDatetime | None = Field(
        default=None,
        description="People are not told of it before then; null: they are. Loops act all the same.",
    )
    silenced_by: str | None = None
    silence_reason: str | None = None
    opened_at: AwareDatetime | None = Field(
        default=None,
        description="When it was opened, on the clock; null: an earlier version did not keep it.",
    )
    acknowledged_at: AwareDatetime | None = Field(
        default=None, description="When somebody said that they saw it, on the clock."
    )
    closed_at: AwareDatetime | None = Field(
        default=None, description="When it was found to be over, on the clock."
    )

    @property
    def event_day(self) -> date | None:
        """The event day that opened it; None: no closed day did, and only the clock says since when."""
        return None if self.kind in get_args(HeldKind) else self.opened_day

    @property
    def last_event_day(self) -> date | None:
        """The last event day on which it was found; None as for `event_day`."""
        return None if self.event_day is None else self.last_day

    @property
    def event_days(self) -> int | None:
        """On how many event days it was found; None as for `event_day`."""
        return None if self.event_day is None else self.count


SILENCE_DAYS = 90
"""The longest silence."""


class SilenceWrite(Strictly):
    """Tell people nothing of an alarm for a while; it opens runs and is recorded as every other."""

    until: AwareDatetime = Field(description="When people are told again; at most 90 days from now.")
    reason: str = Field(min_length=1, max_length=500, pattern=PlainText, description="Why; it is recorded.")


class FindingWrite(Strictly):
    """Something that calls for action; *cause* names it for as long as it lasts."""

    cause: str = Field(min_length=1, max_length=300)
    reason: str = Field(min_length=1, max_length=2000)
    evidence: Document = Field(default_factory=dict)


class StandingWrite(Strictly):
    """All findings of one kind that stand now: others of the kind are over."""

    loop: LoopName
    kind: HeldKind
    at: AwareDatetime = Field(description="When that was seen.")
    findings: list[FindingWrite] = Field(max_length=100, description="Each cause once, like 'quarantine:3'.")

    @model_validator(mode="after")
    def _causes(self) -> "StandingWrite":
        causes = [item.cause for item in self.findings]
        foreign = [cause for cause in causes if not cause.startswith(f"{self.kind}:")]
        if foreign:
            raise ValueError(f"a cause of this kind begins with '{self.kind}:'; {foreign[0]!r} does not")
        if len(set(causes)) < len(causes):
            twice = next(cause for cause in causes if causes.count(cause) > 1)
            raise ValueError(f"{twice!r} is found twice; say each cause once")
        return self
