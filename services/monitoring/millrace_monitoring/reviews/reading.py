"""Entries and their queue as they are told."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from millrace_contracts.reviews import (
    Agreement,
    ReviewCount,
    ReviewerCount,
    ReviewRead,
    ReviewSummary,
    ReviewVote,
)
from millrace_core.database import AsyncSession
from millrace_monitoring.ingest.answers import Answers
from millrace_monitoring.reviews import queries
from millrace_monitoring.reviews.labelling import needed
from millrace_monitoring.reviews.queries import Look
from millrace_monitoring.tables import Monitor, Review, Vote
from millrace_stats import agreement

COPIED = (
    "number", "request_id", "index", "event_time", "answered_at", "revision", "reason", "state", "confidence",
    "usefulness", "answer", "features", "label",
)  # fmt: skip


async def read(session: AsyncSession, monitor: Monitor, entries: Sequence[Review]) -> list[ReviewRead]:
    """Entries with what people said of them."""
    votes = await queries.votes(session, [entry.number for entry in entries])
    return [_one(monitor, entry, votes[entry.number]) for entry in entries]


def _one(monitor: Monitor, entry: Review, votes: Sequence[Vote]) -> ReviewRead:
    kind = Answers.of(monitor.declared.task, monitor.declared.signature)
    closed = monitor.closed_through
    return ReviewRead(
        **{name: getattr(entry, name) for name in COPIED},
        probability=entry.chance.any(),
        choices=kind.task.names(kind.classes) if kind.task.classifies else [],
        votes=[ReviewVote.model_validate(vote) for vote in votes],
        needed=needed(monitor),
        late=closed is not None and entry.event_time < closed,
    )


async def summary(session: AsyncSession, monitor: Monitor) -> ReviewSummary:
    """How the queue stands, what each person did, and how far they agree."""
    counts = await queries.counts(session, monitor)
    looks = await queries.looks(session, monitor)
    labelled, skipped = Counter[str](), Counter[str]()
    for vote in looks:
        (skipped if vote.value is None else labelled)[vote.author] += 1
    return ReviewSummary(
        counts=[ReviewCount(reason=why, state=state, entries=count) for why, state, count in counts],
        people=[
            ReviewerCount(author=name, labelled=labelled[name], skipped=skipped[name])
            for name in sorted(labelled | skipped)
        ],
        agreement=_agreement(looks, monitor.declared.task == "regression"),
        late=await queries.missed(session, monitor),
    )


def _agreement(looks: Sequence[Look], numbers: bool) -> Agreement:
    told = [vote for vote in looks if vote.value is not None]
    each = [list(votes) for _, votes in groupby(told, lambda vote: vote.review)]
    pairs = [votes for votes in each if len(votes) > 1]
    said = [[vote.value for vote in votes] for votes in pairs]
    people = {vote.author for votes in pairs for vote in votes}
    kappa = None
    if len(people) == 2 and not numbers:  # votes of one entry come by author
        kappa = agreement.cohen([values[0] for values in said], [values[1] for values in said])
    return Agreement(
        entries=len(pairs),
        same=agreement.same(said),
        alpha=agreement.alpha(said, "interval" if numbers else "nominal"),
        kappa=kappa,
    )
