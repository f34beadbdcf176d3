"""SQL of how channels do: the database counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_monitoring.notices.queries import MOST_DUE, REMEMBERED
from millrace_monitoring.notices.tables import Message


@dataclass(frozen=True)
class Load:
    """How a channel does with the messages of one loop."""

    waiting: int = 0
    tried: int = 0
    undelivered: int = 0
    answer: str = ""


async def loads(
    session: AsyncSession, now: datetime, project: str | None = None
) -> dict[tuple[str, str, str], Load]:
    """How the channels do that have something under way, or gave something up; by project, loop and channel.

    The database counts: however many messages wait, a row for each channel comes back, and its last answer.
    """
    waits = Message.state == "waiting"
    tried = waits & (Message.attempts > 0)
    recent = (Message.state == "given-up") & (Message.done_at > now - REMEMBERED)
    answered = (tried | recent) & Message.answer.is_not(None)
    place = (Message.project, Message.loop, Message.channel)
    counts = [func.count(case((which, 1))) for which in (waits, tried, recent)]
    last = func.max(case((answered, Message.number)))
    grouped = select(*place, *counts, last).where(waits | recent).group_by(*place)
    if project is not None:
        grouped = grouped.where(Message.project == project)
    rows = (await session.execute(grouped)).all()
    newest = [row[-1] for row in rows if row[-1] is not None]
    answers = await _answers(session, newest)
    return {(row[0], row[1], row[2]): Load(*row[3:6], answers.get(row[6], "")) for row in rows}


async def _answers(session: AsyncSession, numbers: Sequence[int]) -> dict[int, str]:
    kept: dict[int, str] = {}
    for begin in range(0, len(numbers), MOST_DUE):
        some = Message.number.in_(numbers[begin : begin + MOST_DUE])
        rows = await session.execute(select(Message.number, Message.answer).where(some))
        kept |= {number: answer or "" for number, answer in rows}
    return kept
