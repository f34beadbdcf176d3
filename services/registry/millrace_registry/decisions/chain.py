"""The hash chain of decisions, as pure functions: what is hashed, and which link does not fit."""

import hashlib
import json
from collections.abc import Iterable
from typing import NamedTuple

import orjson

from millrace_contracts.bodies import Document
from millrace_contracts.decisions import Decision
from millrace_core.ledger.chain import GENESIS as GENESIS
from millrace_core.ledger.chain import Head, moment
from millrace_registry.tables import DecisionRow

SEARCHED = ("id", "project", "loop", "run", "kind", "event_time", "cause")
"""Columns beside the hashed text, for searching; they must say what the text says."""
NOT_REPLAYED = {"id", "measured", "cause", "reason", "author"}
"""Fields that a replay need not reproduce; all others are in the decision digest."""


def sha256(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def canonical(decision: Decision) -> str:
    """The text that is hashed and kept."""
    return json.dumps(decision.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)


def link(head: Head, recorded_at: str, author: str, body: str) -> Head:
    """The next link: its hash is of everything in the row and of the link before it."""
    return Head(head.number + 1, _hash(head, recorded_at, author, body))


def _hash(head: Head, recorded_at: str, author: str, body: str) -> str:
    return sha256("\n".join((head.hash, str(head.number + 1), recorded_at, author, body)))


class Stored(NamedTuple):
    """A decision as the database holds it, read by no type, so that whatever stands there can be looked at."""

    number: int
    recorded_at: str
    author_service: str
    body: str
    previous: str
    hash: str
    searched: tuple[object, ...]
    """The columns SEARCHED, in that order."""


def follow(rows: Iterable[Stored], head: Head) -> tuple[Head, int | None]:
    """The head after *rows*, and the number of the first row that does not fit (None if all do)."""
    for row in rows:
        if _fault(row, head) is not None:
            return head, row.number
        head = Head(row.number, row.hash)
    return head, None


def faults(rows: Iterable[Stored], head: Head) -> tuple[Head, list[tuple[int, str]]]:
    """The last of *rows*, and every one that does not fit: its number, and why. The walk goes on behind a fault."""
    found: list[tuple[int, str]] = []
    for row in rows:
        words = _fault(row, head)
        if words is not None:
            found.append((row.number, words))
        head = Head(row.number, str(row.hash))
    return head, found


def _fault(row: Stored, head: Head) -> str | None:
    if row.number != head.number + 1:
        return f"it stands behind decision {head.number}: what was between them is gone"
    if row.previous != head.hash:
        return f"it does not follow decision {head.number} as that stands"
    if row.hash != _hash(head, row.recorded_at, str(row.author_service), str(row.body)):
        return "its hash is not that of what it says"
    return None if _agrees(row) else "its columns do not say what its text says"


def _agrees(row: Stored) -> bool:
    try:
        body = orjson.loads(row.body)
        said = [body[name] for name in SEARCHED]
    except (ValueError, TypeError, KeyError):
        return False
    return all(map(_same, said, row.searched))


def _same(said: object, stored: object) -> bool:
    return said == stored or (said is not None and stored is not None and moment(said) == moment(stored))


def replayed(rows: Iterable[DecisionRow]) -> list[str]:
    """One line a decision with what a replay of the same data and seed reproduces."""
    bodies = (json.loads(row.body) for row in rows)
    return [json.dumps(_part(body), sort_keys=True) for body in bodies]


def _part(body: Document) -> Document:
    return {name: value for name, value in body.items() if name not in NOT_REPLAYED}
