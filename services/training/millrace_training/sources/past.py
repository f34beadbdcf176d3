"""What a dataset has of a source already: the registry is the only memory, so nothing can be read twice or left out.

A delivery and how far the source is read with it are one row of the registry, so a job that is killed between two
steps finds either both or neither.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import ValidationError

from millrace_contracts.bodies import Document
from millrace_contracts.datasets import RowsOrigin
from millrace_contracts.sources import RowSource
from millrace_training.rows.records import Records


@dataclass(frozen=True)
class Past:
    """Deliveries of one source.

    identity: of the source as it is declared. digests: of every delivery, accepted or refused. last: the newest one.
    refused: artifacts of those that are kept in quarantine, with how far they went. strict: what is behind the last
    delivery is wanted, and nothing before it again.
    """

    identity: str
    digests: frozenset[str] = frozenset()
    last: RowsOrigin | None = None
    refused: tuple[tuple[str, str], ...] = ()
    strict: bool = False

    def behind(self, came: RowsOrigin) -> "Past":
        """As it is when *came* is in."""
        return replace(self, digests=self.digests | {came.digest}, last=came, strict=True)

    def key(self, *parts: str) -> str:
        """The idempotency key of a delivery of this source, from what it is made of."""
        return digest(self.identity, *parts)


def identity(loop: str, source: RowSource) -> str:
    """Of the source of a loop: another query, table or place is another source."""
    there = source.polled()
    return digest(loop, *(there.identity() if there else ()))[7:39]


def digest(*parts: str) -> str:
    """Of texts, in their order."""
    content = b"".join(len(part.encode()).to_bytes(8, "big") + part.encode() for part in parts)
    return "sha256:" + hashlib.sha256(content).hexdigest()


def of(records: Records, dataset: str, name: str) -> Past:
    """What the registry knows of the source *name* in a dataset."""
    told = [(version.created_at, version.source) for version in records.versions(dataset)]
    refused = [(entry, _origin(entry.source)) for entry in records.refused(dataset)]
    told += [(entry.created_at, origin) for entry, origin in refused if origin]
    mine = [(at, origin) for at, origin in told if origin.source == name]
    if not mine:
        return Past(name)
    kept = tuple(
        (entry.artifact, origin.cursor or "") for entry, origin in refused if origin and origin.source == name
    )
    last = _newest(mine)
    return Past(name, frozenset(origin.digest for _, origin in mine), last, kept)


def _newest(mine: list[tuple[datetime, RowsOrigin]]) -> RowsOrigin:
    """The delivery that was read last; one that was refused and taken after all counts as of its refusal."""
    first: dict[str, tuple[datetime, RowsOrigin]] = {}
    for at, origin in sorted(mine, key=lambda item: item[0]):
        first.setdefault(origin.digest, (at, origin))
    return max(first.values(), key=lambda item: item[0])[1]


def _origin(told: Document) -> RowsOrigin | None:
    """Where a refused delivery came from; older entries may say less."""
    try:
        return RowsOrigin.model_validate(told)
    except ValidationError:
        return None
