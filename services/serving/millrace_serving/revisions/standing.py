"""What an endpoint serves, kept in memory while nothing is committed: predictions ask no database on their way."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from millrace_contracts.endpoints import RevisionState
from millrace_contracts.reviews import ReviewSpec
from millrace_contracts.signature import Signature
from millrace_core import database
from millrace_core.errors import Conflict
from millrace_serving.revisions import queries, wire
from millrace_serving.tables import Endpoint, Revision

SECONDS = 1.0
"""After this time the database is asked again: another process of serving may have changed it."""
KEPT = 1000
"""Endpoints and revisions that are remembered."""
Item = TypeVar("Item")


@dataclass(frozen=True, eq=False)
class Answering:
    """A revision as its answers are read; all of it is the same for ever, so each is there once."""

    version: int
    signature: Signature


@dataclass(frozen=True)
class Standing:
    """A live endpoint with the revision that has proved itself, and all that may answer, by name."""

    project: str
    model: str
    timezone: str
    path: str
    """Where the gateway takes its requests."""
    stable: Answering
    revisions: Mapping[str, Answering]
    loaded: frozenset[str]
    """Names of those that may be asked."""
    review: ReviewSpec | None = None
    """Which answers are flagged, and withheld."""


class Remembered(Generic[Item]):
    """So many things by key, the oldest forgotten first."""

    def __init__(self) -> None:
        self._items: dict[tuple[object, ...], Item] = {}

    def get(self, *key: object) -> Item | None:
        return self._items.get(key)

    def keep(self, item: Item, *key: object) -> Item:
        while len(self._items) >= KEPT:
            del self._items[next(iter(self._items))]
        self._items[key] = item
        return item

    def forget(self, *key: object) -> None:
        self._items.pop(key, None)


@dataclass(frozen=True)
class _Seen:
    standing: Standing
    commits: int
    until: float


class Standings:
    """The standing of endpoints. A change that this process has committed is seen by every request that begins later,
    one of another process within a second."""

    def __init__(self) -> None:
        self._seen = Remembered[_Seen]()
        self._read = Remembered[Answering]()
        self._lock = asyncio.Lock()

    async def of(self, readers: database.Sessions, project: str, endpoint: str) -> Standing:
        """Raises: NotFound without such an endpoint; Conflict if it serves nothing yet."""
        standing = self._fresh(project, endpoint)
        if standing is not None:
            return standing
        async with self._lock:
            return self._fresh(project, endpoint) or await self._asked(readers, project, endpoint)

    def _fresh(self, project: str, endpoint: str) -> Standing | None:
        seen = self._seen.get(project, endpoint)
        if seen is None or seen.commits != database.commits() or time.monotonic() >= seen.until:
            return None
        return seen.standing

    async def _asked(self, readers: database.Sessions, project: str, endpoint: str) -> Standing:
        commits, until = database.commits(), time.monotonic() + SECONDS
        async with readers() as session:
            stored = await queries.get(session, project, endpoint)
            if stored.mode != "live" or stored.stable is None:
                raise Conflict(f"The endpoint {endpoint} serves no revision yet.")
            standing = self._standing(stored, await queries.revisions(session, stored))
        self._seen.keep(_Seen(standing, commits, until), project, endpoint)
        return standing

    async def anew(self, readers: database.Sessions, project: str, endpoint: str) -> Standing:
        """The same from the database, whatever is remembered. Raises what `of` does."""
        self._seen.forget(project, endpoint)
        return await self.of(readers, project, endpoint)

    def _standing(self, stored: Endpoint, revisions: Sequence[Revision]) -> Standing:
        answering = {item.number: self._answering(item) for item in revisions}
        name = stored.project, stored.name
        return Standing(
            project=stored.project,
            model=stored.model,
            timezone=stored.timezone,
            path=f"/v2/models/{wire.wire_name(*name)}/infer",
            stable=answering[stored.stable or 0],
            revisions={wire.revision_name(*name, number): item for number, item in answering.items()},
            loaded=frozenset(
                wire.revision_name(*name, item.number)
                for item in revisions
                if item.state == RevisionState.READY
            ),
            review=stored.review,
        )

    def _answering(self, revision: Revision) -> Answering:
        key = revision.project, revision.endpoint, revision.number, revision.digest
        known = self._read.get(*key)
        return known or self._read.keep(Answering(revision.version, wire.signature(revision)), *key)
