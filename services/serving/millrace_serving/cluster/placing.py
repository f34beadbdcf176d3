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
from millrace_serving.settings import ServingSettings, Standby
from millrace_serving.triton.repository import Wanted

Home = Literal["own", "shared"]
PER_BYTE = 6
"""Memory asked for each byte of a graph, beside what every version takes; twice that is allowed. Measured: onnxruntime
takes 1.1 to 1.9 times the file of dense layers, and 13 times that of trees."""
MEBI = 2**20
LEAST = 4
"""A shared pod has at least room for so many versions of small graphs."""
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


def needs(standby: Standby, item: Wanted) -> int:
    """Memory that a version asks for in a shared pod, in MiB. Of a graph whose size is not known, it is the least."""
    return standby.mebibytes - (-(item.size or 0) * PER_BYTE // MEBI)


def why_not(settings: ServingSettings, item: Wanted) -> str | None:
    """Why a pod that others use too cannot run it, for people; None if it can."""
    standby = settings.triton_standby
    if standby is None:
        return "no pod is shared here (triton.standby.kind)"
    if item.placement.model_dump(exclude_defaults=True, exclude_none=True):
        return "its placement asks for pods of its own"
    if item.target in TENSORRT or has_gpu(settings, item):
        return "it runs on a GPU"
    asked = needs(standby, item)
    if asked > standby.most_mebibytes:
        return (
            f"its graph of {(item.size or 0) / MEBI:.0f} MiB asks for {asked} MiB, and a shared pod has "
            f"{standby.most_mebibytes} (triton.standby.mostMebibytes)"
        )
    return None


def chosen(items: Iterable[Wanted], asked: Container[str], standby: Standby) -> set[str]:
    """Names of the *items* of one project that its shared pod holds: so many as it may, and as its memory has room for.

    First those that have to answer, then of each endpoint the newest that stands by, to which one goes back first,
    then the one before it, and so on. One that does not fit any more leaves its place to smaller ones behind it.
    """
    endpoints: dict[str, list[Wanted]] = defaultdict(list)
    first: list[Wanted] = []
    for item in sorted(items, key=lambda item: (item.endpoint, -item.number)):
        if not item.standby or item.name in asked:
            first.append(item)
        else:
            endpoints[item.endpoint].append(item)
    ranked = [(rank, item.name, item) for others in endpoints.values() for rank, item in enumerate(others)]
    held, left = set[str](), standby.most_mebibytes
    for item in [*first, *(item for _, _, item in sorted(ranked, key=lambda one: one[:2]))]:
        if len(held) < standby.versions and needs(standby, item) <= left:
            held.add(item.name)
            left -= needs(standby, item)
    return held


def room(asked: int, standby: Standby, now: int = 0) -> int:
    """Memory in MiB of a shared pod whose versions ask for so much; *now*: what it has.

    Doubles as it has to, so that a pod is replaced a few times in a project's life.
    """
    if now // SHRINK < asked <= now <= standby.most_mebibytes:
        return now
    made = LEAST * standby.mebibytes
    while made < asked:
        made *= 2
    return max(asked, min(made, standby.most_mebibytes))


def of_project(items: Sequence[Wanted]) -> dict[str, list[Wanted]]:
    """*items* by project."""
    found: dict[str, list[Wanted]] = defaultdict(list)
    for item in items:
        found[item.project].append(item)
    return found
