"""People's looks become labels, through the door by which all labels come: the one that became known last holds."""

from datetime import datetime

from millrace_contracts.labels import LabelValue
from millrace_contracts.reviews import ReviewLabel
from millrace_core.database import AsyncSession, utcnow
from millrace_core.errors import BadInput, FieldError
from millrace_core.names import shortened
from millrace_core.rights import Actor
from millrace_monitoring.ingest.answers import Answers
from millrace_monitoring.labels import queries as labels
from millrace_monitoring.labels.queries import Truth
from millrace_monitoring.reviews import queries
from millrace_monitoring.reviews.agreeing import settle
from millrace_monitoring.tables import Monitor, Review, Vote
from millrace_stats.tasks import Refusal

LONGEST = 200
"""Characters of the names of those who gave a label."""


async def label(
    session: AsyncSession, monitor: Monitor, entry: Review, said: ReviewLabel, actor: Actor
) -> None:
    """Record what somebody says an entry is. Raises: BadInput for what is no label here."""
    kind = _kind(monitor)
    number = kind.task.parse(said.value, kind.classes)
    if isinstance(number, Refusal):
        raise BadInput(
            f"{str(said.value)[:80]!r} {number.words}.",
            [FieldError("body.value", number.words, _choices(kind))],
        )
    value = kind.task.decode(number, kind.classes)
    await _say(session, monitor, entry, actor, value, said.note, said.at)


async def skip(session: AsyncSession, monitor: Monitor, entry: Review, note: str, actor: Actor) -> None:
    """Record that somebody cannot tell."""
    await _say(session, monitor, entry, actor, None, note, None)


def _kind(monitor: Monitor) -> Answers:
    return Answers.of(monitor.declared.task, monitor.declared.signature)


def _choices(kind: Answers) -> str:
    return (
        f"say one of {', '.join(kind.task.names(kind.classes))[:200]}"
        if kind.task.classifies
        else "say a number"
    )


def needed(monitor: Monitor) -> int:
    """How many people have to look at an entry, as it is declared now."""
    review = monitor.declared.review
    return 1 if review is None else review.labellers


async def _say(
    session: AsyncSession,
    monitor: Monitor,
    entry: Review,
    actor: Actor,
    value: LabelValue | None,
    note: str,
    at: datetime | None,
) -> None:
    now = utcnow()
    await queries.vote(
        session,
        Vote(
            review=entry.number, author=actor.person, project=monitor.project, endpoint=monitor.endpoint,
            value=value, note=note, at=now,
        ),
    )  # fmt: skip
    said = (await queries.votes(session, [entry.number]))[entry.number]
    kind = _kind(monitor)
    numbers = {vote.author: _number(kind, vote.value) for vote in said if vote.value is not None}
    known = {author: number for author, number in numbers.items() if number is not None}
    skips = sum(vote.value is None for vote in said)
    outcome = settle(list(known.values()), skips, needed(monitor), kind.task.classifies)
    told = None if outcome.label is None else kind.task.decode(outcome.label, kind.classes)
    await queries.settle(session, entry, outcome.state, told)
    if outcome.label is None:
        return
    people = [name for name, number in known.items() if number == outcome.label] or list(known)
    by = shortened(", ".join(people), LONGEST)
    truth = Truth(entry.request_id, entry.index, outcome.label, at or now, by, now, reviewed=True)
    stored = await labels.put(session, monitor.project, monitor.endpoint, [truth])
    monitor.labelled += stored.new


def _number(kind: Answers, value: LabelValue) -> float | None:
    """A vote as a number; None for a class that there is no more."""
    number = kind.task.parse(value, kind.classes)
    return None if isinstance(number, Refusal) else number
