"""People's looks become labels, through the door by which all labels come: the one that became known last holds."""

from collections.abc import Sequence
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
from millrace_monitoring.labels.reading import MANY, Newcomer, Reader, Said
from millrace_monitoring.newcomers import queries as newcomers
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
    kind, reader = _kind(monitor), Reader.of(monitor)
    (read,) = reader.read([said.value])
    if isinstance(read, Newcomer) and not await _numbers(session, monitor, [read]):
        read = MANY
    if isinstance(read, Refusal):
        raise BadInput(
            f"{str(said.value)[:80]!r} {read.words}.",
            [FieldError("body.value", read.words, _choices(kind))],
        )
    value = read.name if isinstance(read, Newcomer) else kind.task.decode(read, kind.classes)
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
    known = await _known(session, monitor, said)
    skips = sum(vote.value is None for vote in said)
    outcome = settle(list(known.values()), skips, needed(monitor), kind.task.classifies)
    told = None if outcome.label is None else await _told(session, monitor, kind, outcome.label)
    await queries.settle(session, entry, outcome.state, told)
    if outcome.label is None:
        return
    people = [name for name, number in known.items() if number == outcome.label] or list(known)
    by = shortened(", ".join(people), LONGEST)
    truth = Truth(entry.request_id, entry.index, outcome.label, at or now, by, now, reviewed=True)
    stored = await labels.put(session, monitor.project, monitor.endpoint, [truth])
    monitor.labelled += stored.new


async def _known(session: AsyncSession, monitor: Monitor, said: Sequence[Vote]) -> dict[str, float]:
    """Votes as numbers, by author; a new class below zero. Left out: skips, and what is no class any more."""
    votes = [(vote.author, vote.value) for vote in said if vote.value is not None]
    read = Reader.of(monitor).read(value for _, value in votes)
    numbers = await _numbers(session, monitor, read)
    known = dict[str, float]()
    for (author, _), one in zip(votes, read, strict=True):
        if isinstance(one, float):
            known[author] = one
        elif isinstance(one, Newcomer) and one.name in numbers:
            known[author] = -float(numbers[one.name])
    return known


async def _numbers(session: AsyncSession, monitor: Monitor, read: Sequence[Said]) -> dict[str, int]:
    names = {one.name for one in read if isinstance(one, Newcomer)}
    return await newcomers.numbered(session, monitor.project, monitor.endpoint, names)


async def _told(session: AsyncSession, monitor: Monitor, kind: Answers, number: float) -> LabelValue:
    """A label as it is shown."""
    names = await newcomers.names_of(session, monitor.project, monitor.endpoint, {number})
    return names[number] if number in names else kind.task.decode(number, kind.classes)
