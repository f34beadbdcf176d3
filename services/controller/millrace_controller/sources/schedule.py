"""When a source is looked at next: by the clock, as rows come from outside; what is decided of them stays event time.

Pure functions of what was declared and what came of the last look.
"""

import hashlib
from datetime import datetime, timedelta

from millrace_contracts import durations
from millrace_contracts.jobs import JobRead, JobState
from millrace_contracts.pulls import PullResult
from millrace_contracts.sources import Source
from millrace_controller.polls import Poll

FIRST, LONGEST = timedelta(seconds=30), timedelta(hours=1)
"""Time after the first look that failed, and the most there is after many of them."""
TOLD = 1000


def declared(source: Source) -> str:
    """A digest of the source: when it changes, it is looked at at once."""
    return hashlib.sha256(source.model_dump_json(by_alias=True).encode()).hexdigest()[:32]


def pause(failures: int) -> timedelta:
    """Time after so many failures in a row."""
    return min(FIRST * 2 ** min(failures - 1, 20), LONGEST)


def due(poll: Poll | None, source: Source, now: datetime) -> bool:
    """Whether the next look is to begin."""
    if poll is None or poll.declared != declared(source):
        return poll is None or poll.key is None
    return poll.key is None and poll.next_at is not None and now >= poll.next_at


def begun(poll: Poll | None, source: Source, place: str) -> Poll:
    """The next look is intended; *place*: project, loop and generation, so that no key is used twice."""
    before = poll or Poll(declared="")
    number, same = before.number + 1, before.declared == declared(source)
    fresh = {} if same else {"failures": 0, "message": "", "looked_at": None}
    key = f"{place}/source/{number}"
    return before.model_copy(
        update={
            "declared": declared(source),
            "number": number,
            "key": key,
            "job": None,
            "next_at": None,
            **fresh,
        }
    )


def going(poll: Poll, job: JobRead) -> Poll:
    """A look that is not over; what keeps it from beginning, and will not pass by itself, is told."""
    waits = job.waiting
    if waits is None:
        return poll.model_copy(
            update={"job": job.id, "stuck": "", "message": "" if poll.stuck else poll.message}
        )
    return poll.model_copy(update={"job": job.id, "stuck": waits.reason, "message": waits.message[:TOLD]})


def ended(poll: Poll, source: Source, job: JobRead, now: datetime) -> Poll:
    """What a job that is over says of the source."""
    if job.state != JobState.SUCCEEDED:
        detail = job.error.detail if job.error is not None else f"The look was {job.state}."
        return failed(poll, source, detail, now)
    result = PullResult.model_validate(job.result)
    every = None if source.every is None else now + durations.parse(source.every)
    return poll.model_copy(
        update={
            "key": None,
            "next_at": now if result.more else every,
            "looked_at": now,
            "failures": 0,
            "stuck": "",
            "message": result.reason[:TOLD],
            "new_rows": poll.new_rows + result.new_rows,
            "refused": poll.refused + result.refused,
        }
    )


def failed(poll: Poll, source: Source, why: str, now: datetime) -> Poll:
    """A look that failed is tried again, later each time, but not later than is declared."""
    failures = poll.failures + 1
    wait = pause(failures)
    if source.every is not None:
        wait = min(wait, max(durations.parse(source.every), FIRST))
    return poll.model_copy(
        update={
            "key": None,
            "failures": failures,
            "stuck": "",
            "message": why[:TOLD],
            "next_at": now + wait,
        }
    )
