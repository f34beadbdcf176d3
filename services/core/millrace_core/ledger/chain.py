"""The ledger's hashes, as pure functions: what is hashed of a row, and how one entry follows the other."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

GENESIS = "sha256:" + "0" * 64
REMOVED = "removed"
"""Stands in place of a digest where a row was removed by the service itself."""
WRITTEN = re.compile(r"(\d{4}-\d\d-\d\d)(?: (?=.*\.)|T(?=.*Z))(\d\d:\d\d:\d\d)(\.\d{6})?Z?", re.ASCII)
"""An instant in UTC as SQLite keeps it (a space, always a fraction) or as JSON has it (T and Z)."""
NO_FRACTION = (None, ".000000")
TAKEN_OVER = "taken-over"
"""Kind of the entry that says from when on a kind of rows is covered, and that what came before is as it was then."""


@dataclass(frozen=True)
class Head:
    """The last entry: how many there are up to it, and its hash."""

    number: int = 0
    hash: str = GENESIS


@dataclass(frozen=True)
class Entry:
    """What is said of one row: its kind, project and key, the digest of what stands in it, and who wrote it when."""

    kind: str
    project: str
    key: str
    digest: str
    actor: str
    recorded_at: str


@dataclass(frozen=True)
class Linked:
    """An entry as it stands in the database: with its number, its hash and the hash before it."""

    number: int
    entry: Entry
    previous: str
    hash: str


def sha256(text: str | bytes) -> str:
    return "sha256:" + hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def link(head: Head, entry: Entry) -> Head:
    """The next link: its hash is of everything in the entry and of the link before it."""
    number = head.number + 1
    said = (
        head.hash, number, entry.recorded_at, entry.actor, entry.kind, entry.project, entry.key, entry.digest
    )  # fmt: skip
    return Head(number, sha256(json.dumps(said, default=repr)))


def digest_of(row: Mapping[str, Any]) -> str:
    """SHA-256 of a row's columns by name; an empty column is left out, so that a later version may add one.

    What is no text, number or JSON, as somebody may have put there, is told as it stands.
    """
    kept = {name: value for name, value in row.items() if value is not None}
    return sha256(json.dumps(kept, sort_keys=True, default=repr))


def key_of(values: Sequence[Any]) -> str:
    """A row's primary key as text; letters of every script stand as they are, so that it fits where it is kept."""
    return json.dumps(list(values), default=str, ensure_ascii=False)


def follow(rows: Iterable[Linked], head: Head) -> tuple[Head, list[tuple[int, str]]]:
    """The last of *rows*, which come behind *head*, and what does not fit: number and words.

    The walk goes on behind a fault from what stands there, so that each fault is named and not all that follows it.
    """
    faults: list[tuple[int, str]] = []
    for row in rows:
        should = link(Head(row.number - 1, row.previous), row.entry)
        if row.number != head.number + 1:
            faults.append((row.number, f"it follows entry {head.number}: entries between them are gone"))
        elif row.previous != head.hash:
            faults.append((row.number, f"it does not follow entry {head.number} as that stands"))
        if row.hash != should.hash:
            faults.append((row.number, "its hash is not that of what it says"))
        head = Head(row.number, row.hash)
    return head, faults


def moment(value: Any) -> str:
    """An instant, of either database, in UTC; what is none is told as it stands.

    A million rows have millions of them, nearly all in the two forms that SQLite and JSON write, which need no parsing:
    the text says the same, and one that is no date says otherwise than what was entered, too.
    """
    if isinstance(value, str) and (written := WRITTEN.fullmatch(value)):
        day, clock, fraction = written.groups()
        return f"{day}T{clock}{'' if fraction in NO_FRACTION else fraction}+00:00"
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return f"unreadable: {value!r}"
    return (found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)).isoformat()


def day(value: Any) -> str:
    """A day, of either database."""
    return value.isoformat() if isinstance(value, date) else str(value)


def document(value: Any) -> Any:
    """A JSON column as it is stored; what is no JSON is told as it stands."""
    try:
        return json.loads(value) if isinstance(value, str | bytes) else value
    except ValueError:
        return f"unreadable: {value!r}"
