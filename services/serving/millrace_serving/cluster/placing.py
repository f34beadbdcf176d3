"""Pure: in whose pods a revision sits, its own or the one that its project shares, and how it moves without a gap.

A revision that gets traffic has pods of its own. One that only stands by, or that nobody asked for a while, sits in
the shared pod of its project. It moves by its Service: what is new answers its golden rows before the Service points
there, and what is old goes only after that. Everything is decided from what is there now.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from millrace_serving.cluster.pods import TENSORRT, has_gpu
from millrace_serving.settings import ServingSettings
from millrace_serving.triton.repository import Wanted

Home = Literal["own", "shared"]
LEAST = 4
"""Fewest versions that a shared pod has room for."""
SHRINK = 4
"""A shared pod loses room when no more than this part of it is used: each change of its size is a new pod."""


@dataclass(frozen=True)
class Seen:
    """What is true of a revision now."""

    at: Home | None
    """Where its Service points; None: there is none."""
    own: bool = False
    """A pod of its own answers its golden rows."""
    shared: bool = False
    """Every shared pod that is Ready does."""
    deployment: bool = False
    """It has a Deployment of its own."""
    lost: bool = False
    """The shared pod has not answered for it for a while."""


@dataclass(frozen=True)
class Place:
    """Where a revision has to be."""

    at: Home
    """Where its Service points."""
    deployment: bool
    """Whether it has a Deployment of its own."""
    held: bool
    """Whether the shared pod has to have it loaded."""


OWN = Place("own", deployment=True, held=False)
"""Where a candidate is."""


def place(wants: Home, seen: Seen, held: bool = True, must: bool = False) -> Place:
    """Where a revision has to be next.

    Args:
        wants: where it should be in the end.
        held: whether the shared pod has room for it; what has to answer and finds none gets pods of its own.
        must: whether it has to answer: it has traffic, or somebody goes back to it.
    """
    if wants == "own":
        return _to_own(seen)
    if not held and not must:
        return Place("shared", deployment=False, held=False)
    at: Home = "shared" if seen.shared else "own" if seen.own else seen.at or "shared"
    moved = seen.shared and seen.at == "shared"
    alone = must and (seen.lost or not held)
    return Place(at, (seen.deployment or alone) and not moved, held)


def _to_own(seen: Seen) -> Place:
    at: Home = "own" if seen.own else "shared" if seen.shared else seen.at or "own"
    return Place(at, deployment=True, held="shared" in (at, seen.at))


def may_share(settings: ServingSettings, item: Wanted) -> bool:
    """Whether a pod that others use too can run it: no GPU, no engine, and no wishes of its own for its pod."""
    wishes = item.placement.model_dump(exclude_defaults=True, exclude_none=True)
    return settings.triton_standby is not None and not (
        wishes or item.target in TENSORRT or has_gpu(settings, item)
    )


def chosen(items: Iterable[Wanted], asked: Container[str], most: int) -> set[str]:
    """Names of the *items* of one project that its shared pod holds, at most so many.

    First those that have to answer, then of each endpoint the newest that stands by, to which one goes back first,
    then the one before it, and so on.
    """
    endpoints: dict[str, list[Wanted]] = defaultdict(list)
    first: list[str] = []
    for item in sorted(items, key=lambda item: (item.endpoint, -item.number)):
        if not item.standby or item.name in asked:
            first.append(item.name)
        else:
            endpoints[item.endpoint].append(item)
    ranked = [(rank, item.name) for others in endpoints.values() for rank, item in enumerate(others)]
    return set([*first, *(name for _, name in sorted(ranked))][:most])


def room(versions: int, now: int = 0) -> int:
    """For how many versions a shared pod has room that holds so many; *now*: for how many it has.

    Doubles as it has to, so that a pod is replaced a few times in a project's life.
    """
    if now // SHRINK < versions <= now:
        return now
    made = LEAST
    while made < versions:
        made *= 2
    return made


def of_project(items: Sequence[Wanted]) -> dict[str, list[Wanted]]:
    """*items* by project."""
    found: dict[str, list[Wanted]] = defaultdict(list)
    for item in items:
        found[item.project].append(item)
    return found
