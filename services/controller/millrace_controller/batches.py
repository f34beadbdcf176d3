"""How a loop's declared scorings stand: kept with the loop, beside the record of each of them."""

import hashlib
from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from millrace_contracts.batches import BatchRead, BatchSpec
from millrace_contracts.loop import Spec
from millrace_contracts.status import Condition


class Standing(BaseModel):
    """What was scored by itself, and what is next.

    declared: digest of the batch as it was declared. since: when that was. due: the newest due time for which a scoring
    was opened. number: of the newest scoring. more: there was more to fetch, at once. failures: in a row. stuck: what
    the job waits for that will not pass by itself. rows: that all scorings brought together.
    """

    declared: str
    since: datetime
    due: datetime | None = None
    number: int = 0
    state: Literal["waiting", "reading", "scoring", "failing"] = "waiting"
    more: bool = False
    failures: int = 0
    stuck: str = ""
    rows: int = 0
    message: str = ""
    next_at: datetime | None = None


def declared(spec: Spec) -> BatchSpec | None:
    """What the platform scores by itself, if anything."""
    return None if spec.predict is None else spec.predict.batch


def digest(batch: BatchSpec) -> str:
    """Of what is declared: when it changes, the schedule begins anew."""
    return hashlib.sha256(batch.model_dump_json(by_alias=True).encode()).hexdigest()[:32]


def begun(batch: BatchSpec, before: Standing | None, now: datetime) -> Standing:
    """How a batch stands that is declared *now*; numbers go on from the one *before*."""
    number, rows = (0, 0) if before is None else (before.number, before.rows)
    return Standing(declared=digest(batch), since=now, number=number, rows=rows)


def shown(batch: BatchSpec, standing: Standing | None, zone: str) -> BatchRead:
    """As people see it."""
    if standing is None:
        return BatchRead(
            when=batch.when(),
            state="waiting",
            due_at=None,
            next_at=None,
            scorings=0,
            rows=0,
            failures=0,
            message="Nothing has been scored yet.",
        )
    return BatchRead(
        when=batch.when(),
        state=standing.state,
        due_at=standing.due,
        next_at=standing.next_at or batch.following(standing.due, zone),
        scorings=standing.number,
        rows=standing.rows,
        failures=standing.failures,
        message=standing.message,
    )


def condition(standing: Standing, champion: int | None) -> Condition:
    """The same as a condition."""
    if standing.stuck:
        return Condition(type="Scored", status="False", reason=standing.stuck, message=standing.message)
    if standing.failures:
        words = f"{standing.failures} attempts in a row have failed: {standing.message}"
        return Condition(type="Scored", status="False", reason="Failing", message=words)
    if not standing.message:
        return Condition(type="Scored", status="Unknown", reason="NotScored" if champion else "NoChampion")
    return Condition(type="Scored", status="True", reason="Scored", message=standing.message)
