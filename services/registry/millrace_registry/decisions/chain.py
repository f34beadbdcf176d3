"""The hash chain of decisions, as pure functions: what is hashed, and which link does not fit."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from millrace_contracts.bodies import Document
from millrace_contracts.decisions import Decision
from millrace_registry.tables import DecisionRow

GENESIS = "sha256:" + "0" * 64
SEARCHED = ("id", "project", "loop", "run", "kind", "event_time", "cause")
"""Columns beside the hashed text, for searching; they must say what the text says."""
NOT_REPLAYED = {"id", "measured", "cause", "reason", "author"}
"""Fields that a replay need not reproduce; all others are in the decision digest."""


@dataclass(frozen=True)
class Head:
    """The last link that fits: how many there are up to it, and its hash."""

    number: int = 0
    hash: str = GENESIS


def sha256(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def canonical(decision: Decision) -> str:
    """The text that is hashed and kept."""
    return json.dumps(decision.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)


def link(head: Head, recorded_at: str, author: str, body: str) -> Head:
    """The next link: its hash is of everything in the row and of the link before it."""
    number = head.number + 1
    return Head(number, sha256("\n".join((head.hash, str(number), recorded_at, author, body))))


def follow(rows: Iterable[DecisionRow], head: Head) -> tuple[Head, int | None]:
    """The head after *rows*, and the number of the first row that does not fit (None if all do)."""
    for row in rows:
        following = link(head, row.recorded_at.isoformat(), row.author_service, row.body)
        if (row.number, row.hash, row.previous) != (following.number, following.hash, head.hash):
            return head, row.number
        if not _agrees(row):
            return head, row.number
        head = following
    return head, None


def _agrees(row: DecisionRow) -> bool:
    body = Decision.model_validate_json(row.body)
    return all(getattr(row, column) == getattr(body, column) for column in SEARCHED)


def replayed(rows: Iterable[DecisionRow]) -> list[str]:
    """One line a decision with what a replay of the same data and seed reproduces."""
    bodies = (json.loads(row.body) for row in rows)
    return [json.dumps(_part(body), sort_keys=True) for body in bodies]


def _part(body: Document) -> Document:
    return {name: value for name, value in body.items() if name not in NOT_REPLAYED}
