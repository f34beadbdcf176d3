"""How a loop's source is looked at: kept with the loop, so that one look is one job whatever is killed when."""

from datetime import datetime

from pydantic import BaseModel

from millrace_contracts.loop import Spec
from millrace_contracts.pulls import SourceRead
from millrace_contracts.sources import Source
from millrace_contracts.status import Condition


class Poll(BaseModel):
    """The last look at a source, and the next.

    declared: digest of the source as it was declared. number: of the look. key: of its job while that goes on.
    failures: in a row. stuck: in one word what keeps the look that goes on from beginning; *message* says more.
    new_rows: that all looks brought together. refused: deliveries, likewise.
    """

    declared: str
    number: int = 0
    key: str | None = None
    job: str | None = None
    next_at: datetime | None = None
    looked_at: datetime | None = None
    failures: int = 0
    stuck: str = ""
    message: str = ""
    new_rows: int = 0
    refused: int = 0


def polled(spec: Spec) -> Source | None:
    """The source that the platform reads by itself, if there is one."""
    source = spec.data.source
    return None if source is None or source.polled() is None else source


def shown(loop: str, source: Source, poll: Poll | None) -> SourceRead:
    """As people see it."""
    known = poll or Poll(declared="", message="It has not been looked at yet.")
    state = "reading" if known.key is not None else "failing" if known.failures else "waiting"
    return SourceRead(
        loop=loop,
        kind=source.kind(),
        state=state,
        every=source.every,
        **known.model_dump(
            include={"next_at", "looked_at", "failures", "message", "job", "new_rows", "refused"}
        ),
    )


def condition(poll: Poll) -> Condition:
    """The same as a condition."""
    if poll.stuck:
        return Condition(type="SourceReady", status="False", reason=poll.stuck, message=poll.message)
    if poll.failures:
        words = f"{poll.failures} looks in a row have failed: {poll.message}"
        return Condition(type="SourceReady", status="False", reason="Failing", message=words)
    if poll.looked_at is None:
        return Condition(type="SourceReady", status="Unknown", reason="Reading")
    return Condition(type="SourceReady", status="True", reason="Read", message=poll.message)
