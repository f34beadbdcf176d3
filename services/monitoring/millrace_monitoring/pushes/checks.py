"""Every label is looked at: the push that it bears has to have brought it as it stands."""

from datetime import datetime
from typing import Any

import pyarrow as pa

from millrace_core.database import AsyncSession
from millrace_core.errors import MillraceError
from millrace_core.ledger import queries as ledger
from millrace_core.ledger.chain import key_of, moment
from millrace_core.ledger.checking import Looked
from millrace_monitoring.pushes import queries
from millrace_monitoring.pushes.bodies import Row, Said, load
from millrace_monitoring.pushes.tables import LedgerRow
from millrace_monitoring.services import Services

PUSHES = 20
NAMED = 20
DAYS = 20


async def labels(_: Services, session: AsyncSession, at: Any) -> Looked:
    """The labels of some pushes; in the end those that no push brought."""
    found = await queries.pushes(session, at or 0, PUSHES)
    forgotten = await ledger.latest(session, LedgerRow, queries.FORGOTTEN)
    restated = await ledger.latest(session, LedgerRow, queries.RESTATED)
    faults: list[tuple[str, str]] = []
    count = 0
    for number, project, endpoint, _rows, body in found:
        key = key_of((project, endpoint))
        horizon, anew = forgotten.get(key, ("", ""))[0], int(restated.get(key, ("0", ""))[0])
        looked = await _push(session, (number, project, endpoint), body, horizon if number >= anew else None)
        count, faults = count + looked.checked, faults + looked.faults
    if len(found) < PUSHES:
        for row in await queries.unowned(session, NAMED):
            faults.append((_named(*row), "no push brought it"))
    return Looked(count, faults, found[-1][0] if len(found) == PUSHES else None)


async def _push(session: AsyncSession, push: tuple[int, str, str], body: Any, horizon: str | None) -> Looked:
    """One push. *horizon*: what was known before then may be gone; None: all of it may, it was written anew."""
    number = push[0]
    try:
        brought = load(body)
    except (pa.ArrowInvalid, TypeError, OSError):
        return Looked(0, [(f"label_pushes number={number}", "its labels cannot be read")])
    standing = await queries.of_push(session, number)
    faults = []
    for of_project, of_endpoint, request, index, value, at, author in standing:
        said = brought.pop((request, index), None) if (of_project, of_endpoint) == push[1:] else None
        row = _named(of_project, of_endpoint, request, index)
        if said is None:
            faults.append((row, f"push {number}, whose number it bears, did not bring it"))
        elif (said[0], moment(said[1]), said[2]) != (value, moment(at), author):
            faults.append((row, f"push {number} brought another value, time or author"))
    if horizon is not None:
        faults += await _missing(session, push, brought, horizon)
    return Looked(len(standing), faults)


async def _missing(
    session: AsyncSession, push: tuple[int, str, str], left: dict[Row, Said], horizon: str
) -> list[tuple[str, str]]:
    """What a push brought and does not stand any more, though no later one corrected it and no policy removed it."""
    number, project, endpoint = push
    after = datetime.fromisoformat(horizon) if horizon else None
    kept = [row for row, (_, at, _) in left.items() if after is None or at >= after]
    owners = await queries.owners(session, project, endpoint, kept)
    return [
        (_named(project, endpoint, *row), f"push {number} brought it, and it is gone or an older one stands")
        for row in kept
        if owners.get(row, 0) <= number
    ]


def _named(project: str, endpoint: str, request: str, index: int) -> str:
    return f"labels project={project}, endpoint={endpoint}, request_id={request}, index={index}"


async def days(services: Services, session: AsyncSession, at: Any) -> Looked:
    """The rows of closed days, from their bytes."""
    found = await queries.files(session, at or 0, DAYS)
    faults = []
    for seq, digest in found:
        try:
            if digest:
                await services.store.verify(digest)
        except MillraceError as error:
            faults.append((f"closings seq={seq}", str(error)))
    return Looked(len(found), faults, found[-1][0] if len(found) == DAYS else None)


STAGES = (("labels", labels), ("day files", days))
