"""Whose turn it is among runs, and how many may be open. Pure: the same rows and the same room give the same answer.

A run is open from its turn to the end of its pipeline. Open runs are at work on a model, or on their way to that. So
many may be on their way as there is room for, and AHEAD more, so that no place stays empty between two jobs. It is
the turn of the project with the fewest open runs, then of the one that was served longest ago; within a project, of a
loop without a champion, then of the run that has waited longest.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from millrace_contracts.room import QueuePlace, SizeRoom
from millrace_core import pauses
from millrace_core.shares import Shares
from millrace_core.shares import Turn as ShareTurn

AHEAD = 2
"""Runs that may be open beyond those for which there is room now."""
Id = tuple[int, int]
"""A loop's number and the run's."""


@dataclass(frozen=True)
class Standing:
    """A run that is open, or waits for its turn.

    *room*: what there is for its size. *at_work*: one of its jobs works on a model now. *trained*: it will ask for no
    more room. *next_at*: it does not try before that, since *short* kept its pipeline from starting.
    """

    id: Id
    project: str
    loop: str
    since: datetime
    is_open: bool
    room: SizeRoom
    at_work: bool = False
    trained: bool = False
    has_champion: bool = False
    next_at: datetime | None = None
    short: str = ""


@dataclass(frozen=True)
class Answer:
    """*admitted*: the runs whose turn it is, in order. *places*: where each of the others stands."""

    admitted: list[Id]
    places: dict[Id, QueuePlace]


def decide(runs: Sequence[Standing], served: Mapping[str, datetime], now: datetime) -> Answer:
    """Whose turn it is now.

    Args:
        runs: all that are open or wait.
        served: when a run of each project was last let in.
    """
    opened = [run for run in runs if run.is_open]
    waiting = [run for run in runs if not run.is_open]
    shares = Shares((run.project for run in opened), served)
    coming = Counter(run.room.kind for run in opened if not run.at_work and not run.trained)
    admitted: list[Id] = []
    places: dict[Id, QueuePlace] = {}
    while waiting:
        run = min(waiting, key=lambda item: _turn(item, shares))
        waiting.remove(run)
        kind = run.room.kind
        if run.next_at is not None and pauses.rests(run.next_at, now):
            why = f"{run.short or 'it waits for room'}; it is tried again at {run.next_at:%H:%M:%S} UTC"
        elif coming[kind] < run.room.fits + AHEAD:
            admitted.append(run.id)
            coming[kind] += 1
            shares.serve(run.project, now)
            continue
        else:
            why = _why(run.room, coming[kind])
        places[run.id] = QueuePlace(position=len(places) + 1, length=1, needs=run.room.needs, reason=why)
    length = len(places)
    return Answer(admitted, {id: place.model_copy(update={"length": length}) for id, place in places.items()})


def _turn(run: Standing, shares: Shares) -> tuple[ShareTurn, bool, datetime, Id]:
    return shares.turn(run.project), run.has_champion, run.since, run.id


def _why(room: SizeRoom, coming: int) -> str:
    before = "1 open run goes" if coming == 1 else f"{coming} open runs go"
    return f"{before} before it to the same room" + (f": {room.lacks}" if room.lacks else "")
