"""SQL of the ledger: entries are added in the transaction of what they cover, as the last thing before its commit.

Adding them last means that nothing is waited for while the ledger is held: no two transactions can block each other.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import event, func, insert, select, text, tuple_, type_coerce
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, object_session
from sqlalchemy.orm.attributes import get_history
from sqlalchemy.types import NullType

from millrace_contracts.bodies import Document
from millrace_core.database import Writing, utcnow
from millrace_core.ledger import chain
from millrace_core.ledger.chain import REMOVED, TAKEN_OVER, Entry, Head, Linked
from millrace_core.ledger.tables import COVERED, Cover
from millrace_core.rights import acting

LOCK = 7_236_518_213
"""PostgreSQL advisory lock under which entries get their place."""
PENDING, SAID = "ledger", "ledger-said"
PAGE = 500
Pending = dict[tuple[Any, tuple[Any, ...]], str | None]
"""By table and key what this transaction wrote: the project of a row that it removed, None for one that it did not."""
FIELDS = ("number", "kind", "project", "key", "digest", "actor", "recorded_at", "previous", "hash")


def raw(columns: Iterable[Any]) -> Any:
    """Select columns as the database holds them, read by no type, so that nothing malformed can raise."""
    plain = [column.property.columns[0] for column in columns]
    return select(*(type_coerce(item, NullType()).label(f"c{place}") for place, item in enumerate(plain)))


def touch(session: AsyncSession | Session, table: Any, *key: Any) -> None:
    """Say that a covered row was written by a statement that the session does not see."""
    _pending(session)[(table, key)] = None


def gone(session: AsyncSession | Session, table: Any, project: str, keys: Iterable[Sequence[Any]]) -> None:
    """Say that covered rows are removed by a statement that the session does not see."""
    for key in keys:
        _pending(session)[(table, tuple(key))] = project


def _pending(session: AsyncSession | Session) -> Pending:
    found: Pending = session.info.setdefault(PENDING, {})
    return found


@event.listens_for(Writing, "after_flush")
def _seen(session: Session, _: Any) -> None:
    for row in (*session.new, *session.dirty):
        found = COVERED.get(type(row))
        if found and (row in session.new or _changed(found, row)):
            touch(session, found.table, *(getattr(row, name) for name in found.keys))
    for row in session.deleted:
        found = COVERED.get(type(row))
        if found:
            keys = [tuple(getattr(row, name) for name in found.keys)]
            gone(session, found.table, getattr(row, "project", ""), keys)


def _changed(found: Cover, row: Any) -> bool:
    return object_session(row) is not None and any(
        get_history(row, name).has_changes() for name in found.columns
    )


@event.listens_for(Writing, "after_rollback")
def _forgotten(session: Session) -> None:
    session.info.pop(PENDING, None)
    session.info.pop(SAID, None)


@event.listens_for(Writing, "before_commit")
def _entered(session: Session) -> None:
    """Add an entry for each covered row that this transaction wrote."""
    session.flush()
    pending, said = session.info.pop(PENDING, {}), session.info.pop(SAID, [])
    if not pending and not said:
        return
    ledger = said[0][0] if said else COVERED[next(iter(pending))[0]].ledger
    now, actor = chain.moment(utcnow()), acting.get() or ledger.service
    entries, written = [entry for _, entry in said], _written(session, pending)
    for (table, key), removed in pending.items():
        place = chain.key_of(key)
        project, digest = written.get((table, place), (removed or "", REMOVED))
        entries.append(Entry(COVERED[table].kind, project, place, digest, actor, now))
    _append(session, ledger, entries)


def _written(session: Session, pending: Pending) -> dict[tuple[Any, str], tuple[str, str]]:
    """Project and digest of each row that was not removed, by its table and key: many rows in one question."""
    wanted: dict[Cover, list[Sequence[Any]]] = {}
    for (table, key), removed in pending.items():
        if removed is None:
            wanted.setdefault(COVERED[table], []).append(key)
    return {
        (found.table, chain.key_of(row[: len(found.keys)])): _said(found, row)
        for found, keys in wanted.items()
        for begin in range(0, len(keys), PAGE)
        for row in session.execute(
            _columns(found).where(tuple_(*_keys(found)).in_(keys[begin : begin + PAGE]))
        )
    }


def _append(session: Session, ledger: Any, entries: Sequence[Entry]) -> None:
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
    newest = session.execute(select(ledger.number, ledger.hash).order_by(ledger.number.desc()).limit(1))
    found = newest.one_or_none()
    head, rows = Head(*found) if found else Head(), []
    for entry in entries:
        following = chain.link(head, entry)
        rows.append(_row(entry, following, head))
        head = following
    session.execute(insert(ledger), rows)


def _row(entry: Entry, following: Head, head: Head) -> Document:
    place = {"number": following.number, "hash": following.hash, "previous": head.hash}
    return vars(entry) | place | {"recorded_at": datetime.fromisoformat(entry.recorded_at)}


def _keys(found: Cover) -> list[Any]:
    return [getattr(found.table, name) for name in found.keys]


def _columns(found: Cover) -> Any:
    """A row: its key, then the covered columns."""
    return raw([*_keys(found), *(getattr(found.table, name) for name in found.columns)])


def _said(found: Cover, row: Sequence[Any]) -> tuple[str, str]:
    """The project of a row, and the digest of what stands in it."""
    values = {
        name: read(value)
        for name, read, value in zip(found.columns, found.readers, row[len(found.keys) :], strict=True)
    }
    return str(values.get("project") or ""), chain.digest_of(values)


def keys(table: Any) -> list[Any]:
    """The columns by which a covered table's rows are known."""
    return _keys(COVERED[table])


async def head(session: AsyncSession, ledger: Any) -> Head:
    """The last entry."""
    newest = select(ledger.number, ledger.hash).order_by(ledger.number.desc()).limit(1)
    found = (await session.execute(newest)).one_or_none()
    return Head(*found) if found else Head()


async def hashes(session: AsyncSession, ledger: Any, numbers: Sequence[int]) -> dict[int, str]:
    """The hashes of some entries; those that are not there are left out."""
    found = await session.execute(raw((ledger.number, ledger.hash)).where(ledger.number.in_(numbers)))
    return {int(number): str(value) for number, value in found}


def enter(session: AsyncSession, ledger: Any, kind: str, project: str, key: str, digest: str) -> None:
    """Add an entry that is about no row, with this transaction."""
    entry = Entry(kind, project, key, digest, acting.get() or ledger.service, chain.moment(utcnow()))
    session.info.setdefault(SAID, []).append((ledger, entry))


async def latest(session: AsyncSession, ledger: Any, kind: str) -> dict[str, tuple[str, str]]:
    """The last entry of each key of a kind: digest, and when it was written."""
    newest = select(func.max(ledger.number)).where(ledger.kind == kind).group_by(ledger.key)
    columns = (ledger.key, ledger.digest, ledger.recorded_at)
    rows = await session.execute(raw(columns).where(ledger.number.in_(newest)))
    return {str(key): (str(digest), chain.moment(at)) for key, digest, at in rows}


async def links(session: AsyncSession, ledger: Any, after: int, limit: int) -> list[Linked]:
    """Entries behind the number *after*, as they stand."""
    columns = raw(getattr(ledger, name) for name in FIELDS)
    rows = await session.execute(columns.where(ledger.number > after).order_by(ledger.number).limit(limit))
    return [
        Linked(number, Entry(kind, project, key, digest, actor, chain.moment(at)), previous, hash_)
        for number, kind, project, key, digest, actor, at, previous, hash_ in rows
    ]


async def rows(
    session: AsyncSession, found: Cover, after: Sequence[Any] | None
) -> list[tuple[tuple[Any, ...], str, str | None]]:
    """A page of a table: key, digest of what stands there, and the digest that the ledger has last of it."""
    keys = _keys(found)
    statement = _columns(found).order_by(*keys).limit(PAGE)
    if after is not None:
        statement = statement.where(tuple_(*keys) > tuple_(*after))
    seen = [(tuple(row[: len(keys)]), _said(found, row)[1]) for row in await session.execute(statement)]
    said = await _last(session, found, [chain.key_of(key) for key, _ in seen])
    return [(key, digest, said.get(chain.key_of(key))) for key, digest in seen]


async def _last(session: AsyncSession, found: Cover, keys: Sequence[str]) -> dict[str, str]:
    ledger = found.ledger
    mine = (ledger.kind == found.kind, ledger.key.in_(keys))
    newest = select(func.max(ledger.number)).where(*mine).group_by(ledger.key)
    answer = await session.execute(raw((ledger.key, ledger.digest)).where(ledger.number.in_(newest)))
    return {str(key): str(digest) for key, digest in answer}


async def entered(session: AsyncSession, found: Cover, after: str) -> list[tuple[str, bool]]:
    """A page of the keys that the ledger has of a table behind *after*: whether their row is there, or removed."""
    ledger = found.ledger
    mine = (ledger.kind == found.kind, ledger.key > after)
    keys = select(ledger.key, func.max(ledger.number)).where(*mine).group_by(ledger.key)
    page = [
        (str(key), number) for key, number in await session.execute(keys.order_by(ledger.key).limit(PAGE))
    ]
    numbers = [number for _, number in page]
    answer = await session.execute(raw((ledger.key, ledger.digest)).where(ledger.number.in_(numbers)))
    removed = {str(key) for key, digest in answer if digest == REMOVED}
    columns = _keys(found)
    wanted = [row for key, _ in page if key not in removed and (row := _row_of(columns, key))]
    there: set[str] = set()
    if wanted:
        rows = await session.execute(raw(columns).where(tuple_(*columns).in_(wanted)))
        there = {chain.key_of(row) for row in rows}
    return [(key, key in there or key in removed) for key, _ in page]


def _row_of(columns: Sequence[Any], key: str) -> tuple[Any, ...] | None:
    """The primary key that *key* says; None for what cannot be one, as somebody may have put there."""
    try:
        row = json.loads(key)
    except ValueError:
        return None
    kinds = [column.type.python_type for column in columns]
    fits = isinstance(row, list) and [type(value) for value in row] == kinds
    return tuple(row) if fits else None


async def turn(session: AsyncSession) -> None:
    """From here to the end of this transaction nobody else adds to a ledger of this database."""
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))


async def is_taken_over(session: AsyncSession, found: Cover) -> bool:
    """Whether what was there of a table before it was covered has been brought in, all of it."""
    return found.kind in await latest(session, found.ledger, TAKEN_OVER)


def mark(session: AsyncSession, ledger: Any, kind: str, rows: int) -> None:
    """Write down that *rows* of a kind were there before it was covered, and are brought in now."""
    enter(session, ledger, TAKEN_OVER, "", kind, chain.sha256(f"{rows} rows"))


async def taken_over(session: AsyncSession, ledger: Any) -> dict[str, datetime]:
    """Kinds of which rows were there before they were covered, and when those were brought in.

    Raises: ValueError for a time that is none.
    """
    known, nothing = await latest(session, ledger, TAKEN_OVER), chain.sha256("0 rows")
    return {kind: datetime.fromisoformat(at) for kind, (said, at) in sorted(known.items()) if said != nothing}


async def reached(session: AsyncSession, found: Cover) -> tuple[Any, ...] | None:
    """The key of the row that was brought in last, behind which it goes on; None: none was."""
    ledger = found.ledger
    mine = (ledger.kind == found.kind, ledger.actor == TAKEN_OVER)
    last = select(ledger.key).where(*mine).order_by(ledger.number.desc()).limit(1)
    key = await session.scalar(last)
    return None if key is None else _row_of(_keys(found), str(key))


async def brought_in(session: AsyncSession, found: Cover) -> int:
    """How many rows of a table are in the ledger because they were there before it."""
    ledger = found.ledger
    mine = (ledger.kind == found.kind, ledger.actor == TAKEN_OVER)
    keys = select(func.count(func.distinct(ledger.key))).where(*mine)
    return await session.scalar(keys) or 0


async def take(session: AsyncSession, found: Cover, after: tuple[Any, ...] | None) -> list[tuple[Any, ...]]:
    """Bring in the next page of rows behind the key *after*; returns their keys, in order."""
    keys, now = _keys(found), chain.moment(utcnow())
    statement = _columns(found).order_by(*keys).limit(PAGE)
    if after is not None:
        statement = statement.where(tuple_(*keys) > tuple_(*after))
    page = (await session.execute(statement)).all()
    entries = [Entry(found.kind, *_order(found, row), actor=TAKEN_OVER, recorded_at=now) for row in page]
    if entries:
        await session.run_sync(lambda sync: _append(sync, found.ledger, entries))
    return [tuple(row[: len(keys)]) for row in page]


def _order(found: Cover, row: Sequence[Any]) -> tuple[str, str, str]:
    project, digest = _said(found, row)
    return project, chain.key_of(row[: len(found.keys)]), digest
