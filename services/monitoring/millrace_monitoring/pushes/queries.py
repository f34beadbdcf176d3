"""SQL of pushes: kept with their labels in one transaction, and looked at again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_core.database import utcnow
from millrace_core.ledger import queries as ledger
from millrace_core.ledger.chain import TAKEN_OVER, key_of
from millrace_core.ledger.queries import raw
from millrace_monitoring.pushes.bodies import SAID, Pushed, dump, is_before
from millrace_monitoring.pushes.tables import LabelPush, LedgerRow
from millrace_monitoring.tables import Closing, Label

FORGOTTEN, RESTATED = "labels-forgotten", "labels-restated"
"""Kinds of the ledger: labels older than that were removed by the policy; all before that push were written anew."""
LABELS = "label-rows"
"""As what labels stand among the kinds that were there before."""
MANY = 50_000
"""Labels of one push when they are written anew."""
CHUNK = 500
TRIMMED = 50
"""Pushes that are looked at together when old ones go."""
KEY = (Label.project, Label.endpoint, Label.request_id, Label.index)


async def keep(session: AsyncSession, project: str, endpoint: str, rows: Sequence[Pushed]) -> int:
    """Keep a push; returns its number, which its labels bear."""
    made = LabelPush(project=project, endpoint=endpoint, rows=len(rows), body=dump(rows), at=utcnow())
    session.add(made)
    await session.flush()
    return made.number


def forgotten(session: AsyncSession, project: str, endpoint: str, before: datetime) -> None:
    """Write down that labels that became known before then are kept no more."""
    ledger.enter(session, LedgerRow, FORGOTTEN, project, key_of((project, endpoint)), before.isoformat())


async def trim(
    session: AsyncSession, project: str, endpoint: str, before: datetime, after: int
) -> tuple[int, int | None]:
    """Forget pushes all of whose labels became known before then, and of which none stands any more.

    What was removed from the labels does not live on among the pushes. One that cannot be read stays, and is told by
    the next verification; one with a younger label stays whole, as it came.

    Returns: how many went, and behind which number to go on; None: that were all.
    """
    standing = select(Label.request_id).where(Label.push == LabelPush.number).exists()
    mine = (LabelPush.project == project, LabelPush.endpoint == endpoint, LabelPush.number > after)
    page = select(LabelPush.number, LabelPush.body).where(*mine, ~standing).order_by(LabelPush.number)
    found = (await session.execute(page.limit(TRIMMED))).all()
    gone = [number for number, body in found if is_before(body, before)]
    ledger.gone(session, LabelPush, project, [(number,) for number in gone])
    await session.execute(delete(LabelPush).where(LabelPush.number.in_(gone)))
    return len(gone), found[-1][0] if len(found) == TRIMMED else None


async def restate(session: AsyncSession, project: str, endpoint: str) -> None:
    """Keep the labels of an endpoint as pushes of their own, as they stand now: their classes were named anew."""
    first, after = None, ("", -1)
    while True:
        page = await _page(session, project, endpoint, after)
        if not page:
            break
        number = await _keep_as_they_stand(session, project, endpoint, page)
        first = number if first is None else first
        after = (page[-1].request_id, page[-1].index)
    newest = first or (await session.scalar(select(func.max(LabelPush.number))) or 0) + 1
    ledger.enter(session, LedgerRow, RESTATED, project, key_of((project, endpoint)), str(newest))


async def _keep_as_they_stand(
    session: AsyncSession, project: str, endpoint: str, page: Sequence[Pushed]
) -> int:
    """Keep labels that stand already as a push, whose number they bear from then on."""
    number = await keep(session, project, endpoint, page)
    for begin in range(0, len(page), CHUNK):
        rows = [(project, endpoint, row.request_id, row.index) for row in page[begin : begin + CHUNK]]
        change = update(Label).where(tuple_(*KEY).in_(rows)).values(push=number)
        await session.execute(change.execution_options(synchronize_session=False))
    return number


async def _page(
    session: AsyncSession, project: str, endpoint: str, after: tuple[str, int], *more: Any
) -> list[Pushed]:
    mine = (Label.project == project, Label.endpoint == endpoint, *more)
    place = tuple_(Label.request_id, Label.index)
    columns = select(*(getattr(Label, name) for name in SAID))
    ordered = columns.where(*mine, place > tuple_(*after)).order_by(Label.request_id, Label.index)
    return [Pushed(*row) for row in await session.execute(ordered.limit(MANY))]


async def take_over(session: AsyncSession) -> bool:
    """Bring in, once, labels that came before pushes were kept: some of them in each transaction.

    Returns: whether that were all. What is brought in stays so if this process ends before the rest is.
    """
    if LABELS in await ledger.latest(session, LedgerRow, TAKEN_OVER):
        return True
    owner = select(Label.project, Label.endpoint).where(Label.push.is_(None)).limit(1)
    found = (await session.execute(owner)).one_or_none()
    if found is None:
        count = await session.scalar(select(func.sum(LabelPush.rows)))
        ledger.mark(session, LedgerRow, LABELS, count or 0)
        return True
    project, endpoint = found
    page = await _page(session, project, endpoint, ("", -1), Label.push.is_(None))
    await _keep_as_they_stand(session, project, endpoint, page)
    return False


async def forget(session: AsyncSession, project: str, endpoint: str, table: Any) -> None:
    """Say that an endpoint's rows of a covered table go, because nobody watches it any more."""
    keys = ledger.keys(table)
    mine = (table.project == project, table.endpoint == endpoint)
    rows = (await session.execute(select(*keys).where(*mine))).all()
    ledger.gone(session, table, project, rows)


async def pushes(session: AsyncSession, after: int, limit: int) -> list[tuple[int, str, str, int, Any]]:
    """Pushes behind the number *after* as they stand: number, project, endpoint, rows, bytes."""
    columns = raw((LabelPush.number, LabelPush.project, LabelPush.endpoint, LabelPush.rows, LabelPush.body))
    rows = await session.execute(
        columns.where(LabelPush.number > after).order_by(LabelPush.number).limit(limit)
    )
    return [
        (number, str(project), str(endpoint), count, body) for number, project, endpoint, count, body in rows
    ]


async def of_push(session: AsyncSession, number: int) -> list[tuple[str, str, str, int, Any, Any, Any]]:
    """Labels that bear a push's number: project, endpoint, request, index, value, time, author as they stand."""
    columns = raw((*KEY, Label.value, Label.at, Label.author)).where(Label.push == number)
    return [tuple(row) for row in await session.execute(columns)]  # type: ignore[misc]


async def owners(
    session: AsyncSession, project: str, endpoint: str, rows: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], int]:
    """Which push the labels of some rows are of; a row without a label is left out."""
    found: dict[tuple[str, int], int] = {}
    place = tuple_(Label.request_id, Label.index)
    for begin in range(0, len(rows), CHUNK):
        mine = (Label.project == project, Label.endpoint == endpoint, place.in_(rows[begin : begin + CHUNK]))
        answer = await session.execute(raw((Label.request_id, Label.index, Label.push)).where(*mine))
        found |= {(request, index): push or 0 for request, index, push in answer}
    return found


async def unowned(session: AsyncSession, most: int) -> list[tuple[str, str, str, int]]:
    """Labels that no push brought, because they name none or one that is not there."""
    known = select(LabelPush.number)
    mine = Label.push.is_(None) | Label.push.not_in(known)
    return [tuple(row) for row in await session.execute(raw(KEY).where(mine).limit(most))]  # type: ignore[misc]


async def pushed_with(
    session: AsyncSession, project: str, endpoint: str, request: str
) -> list[tuple[int, Any, datetime, int | None]]:
    """The labels of a request: index, value, when it became known, and of which push."""
    mine = (Label.project == project, Label.endpoint == endpoint, Label.request_id == request)
    columns = select(Label.index, Label.value, Label.at, Label.push).where(*mine).order_by(Label.index)
    return [tuple(row) for row in await session.execute(columns)]  # type: ignore[misc]


async def who(session: AsyncSession, numbers: Sequence[int]) -> dict[int, tuple[str, datetime]]:
    """Who pushed, and when, by number."""
    keys = {key_of((number,)): number for number in numbers}
    mine = (LedgerRow.kind == "label-push", LedgerRow.key.in_(keys))
    rows = await session.execute(select(LedgerRow.key, LedgerRow.actor, LedgerRow.recorded_at).where(*mine))
    return {keys[key]: (actor, at) for key, actor, at in rows}


async def files(session: AsyncSession, after: int, limit: int) -> list[tuple[int, str | None]]:
    """Closed days behind the number *after*, and the digests of their rows."""
    columns = raw((Closing.seq, Closing.digest)).where(Closing.seq > after).order_by(Closing.seq).limit(limit)
    return [(seq, digest) for seq, digest in await session.execute(columns)]
