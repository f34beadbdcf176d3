"""Whose turn it is: which waiting jobs may start now, and for what the others wait. Pure.

Jobs that train and jobs that only read have places of their own. Where jobs wait for each other, those go first that
are soon over and for which somebody waits: deliveries of rows before longer reading, evaluations before trainings. Then
it is the turn of the project with the fewest jobs running, then of the one that was served longest ago, and within a
project of the loop, likewise. A job that does not fit into the room there is lets others pass, but not for ever.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from millrace_contracts.waiting import Waiting
from millrace_core import pauses
from millrace_core.database import utcnow
from millrace_core.shares import Shares
from millrace_core.shares import Turn as ShareTurn
from millrace_core.waiting import QUEUED
from millrace_training.jobs.states import State
from millrace_training.kinds import KINDS
from millrace_training.launch.room import Anywhere, Room
from millrace_training.launch.sizes import Size
from millrace_training.settings import TrainingSettings
from millrace_training.tables import Job

PATIENCE = 10
"""Others in a row for which a waiting job steps back; then it is its turn, or it keeps the room that it needs."""
Asker = tuple[str, str | None]
"""Project and loop; what was asked for without a loop shares one turn in its project."""
ONE = Size()


@dataclass(frozen=True)
class Start:
    """One start of a job: when, whose, and of what kind."""

    moment: datetime
    asker: Asker
    kind: str


@dataclass
class Floor:
    """What there is for the waiting: the room, how much each job wants of it, and what is kept for whom."""

    room: Room = field(default_factory=Anywhere)
    sizes: Mapping[str, Size] = field(default_factory=dict)
    now: datetime = field(default_factory=utcnow)
    kept: set[str] = field(default_factory=set)

    def rests(self, job: Job) -> bool:
        """Whether it is too early to try again; why, and until when, was told as it went back to its queue."""
        return pauses.rests(job.next_at, self.now)

    def lacks(self, job: Job) -> str:
        """Why the job cannot start now, in words; empty if it can."""
        if job.next_at is not None and self.rests(job):
            return f"there was no room for it; it is tried again at {job.next_at:%H:%M:%S} UTC"
        size = self.sizes.get(job.id, ONE)
        if size.kind in self.kept and not size.queued:
            return f"it needs {size.told()}, and the room is kept for a job that has waited longer"
        return "" if self.room.never(size) else self.room.lacks(size)

    def take(self, job: Job) -> None:
        """The job starts. What could never fit takes nothing: the cluster says so, which ends it, and nobody waits."""
        size = self.sizes.get(job.id, ONE)
        if not self.room.never(size):
            self.room.take(size)

    def keep(self, job: Job) -> None:
        """What becomes free is for this job."""
        if not self.rests(job):
            self.kept.add(self.kind(job))

    def kind(self, job: Job) -> str:
        """Jobs of one kind want the same places."""
        return self.sizes.get(job.id, ONE).kind

    def tries(self, job: Job, going: Counter[str]) -> bool:
        """Whether a job is started although it lacks room: of those *going*, by kind, none will make any.

        What others have for good is not waited for: the cluster is asked, and a shortage has an end.
        """
        kind = self.kind(job)
        return not going[kind] and kind not in self.kept and not self.rests(job)


@dataclass
class Turn:
    """*start*: the jobs to start, in order. *waits*: by id, what each of the others waits for."""

    start: list[Job] = field(default_factory=list)
    waits: dict[str, Waiting] = field(default_factory=dict)


def startable(jobs: Sequence[Job], settings: TrainingSettings, starts: Sequence[Start] = ()) -> list[Job]:
    """The waiting jobs for which there is a place, in the order in which it is their turn."""
    return decide(jobs, settings, starts, Floor()).start


def decide(jobs: Sequence[Job], settings: TrainingSettings, starts: Sequence[Start], floor: Floor) -> Turn:
    """Whose turn it is.

    Args:
        jobs: every active job, oldest first.
        starts: the latest starts, newest first.
    """
    turn, lanes = Turn(), [(False, settings.light_jobs), (True, settings.heavy_jobs)]
    if _passed_over(jobs, starts):
        lanes.reverse()
    for heavy, places in lanes:
        _Lane(jobs, starts, heavy, places).fill(turn, floor)
    return turn


def crowded(jobs: Sequence[Job], settings: TrainingSettings) -> bool:
    """Whether somebody has to wait, so that it matters who was served before."""
    for heavy, room in ((True, settings.heavy_jobs), (False, settings.light_jobs)):
        if sum(KINDS[job.kind].heavy == heavy for job in jobs) > room:
            return True
    return False


def _passed_over(jobs: Sequence[Job], starts: Sequence[Start]) -> bool:
    """Whether so many small jobs were started while a training waits that it is its turn."""
    waiting = [job.created_at for job in jobs if KINDS[job.kind].heavy and job.state == State.QUEUED]
    if not waiting:
        return False
    last = next((item.moment for item in starts if KINDS[item.kind].heavy), None)
    since = min(waiting) if last is None else max(min(waiting), last)
    return sum(item.moment > since for item in starts if not KINDS[item.kind].heavy) >= PATIENCE


def asker(job: Job) -> Asker:
    """For whom the job is done."""
    return job.project, job.loop


class _Lane:
    """The jobs that share places, and who among them was served when."""

    def __init__(self, jobs: Sequence[Job], starts: Sequence[Start], heavy: bool, places: int) -> None:
        own = [job for job in jobs if KINDS[job.kind].heavy == heavy]
        self.running = running = [job for job in own if job.state == State.RUNNING]
        self.places, self.heavy, self.left = places, heavy, places - len(running)
        self.waiting = [job for job in own if job.state == State.QUEUED]
        self.past = [item for item in starts if KINDS[item.kind].heavy == heavy]
        self.busy = Counter(asker(job) for job in running)
        self.served: dict[Asker, datetime] = {}
        projects: dict[str, datetime] = {}
        for item in self.past:
            self.served.setdefault(item.asker, item.moment)
            projects.setdefault(item.asker[0], item.moment)
        self.shares = Shares((job.project for job in running), projects)
        self.streak = _streak(self.past)

    def fill(self, turn: Turn, floor: Floor) -> None:
        """Start whom it is the turn of, as far as there are places and room; the others learn why they wait."""
        number, going = 0, Counter(floor.kind(job) for job in self.running)
        while self.waiting and self.left > 0:
            chosen = min(self.waiting, key=self._turn)
            self.waiting.remove(chosen)
            lacks, late = floor.lacks(chosen), self._passed(chosen) >= PATIENCE
            if lacks and not (late and floor.tries(chosen, going)):
                number += 1
                if not floor.rests(chosen):
                    turn.waits[chosen.id] = self._told(number, lacks)
                if late:
                    floor.keep(chosen)
                continue
            floor.take(chosen)
            going[floor.kind(chosen)] += 1
            self._began(chosen, floor.now)
            turn.start.append(chosen)
        places = "the place is taken" if self.places == 1 else f"all {self.places} places are taken"
        for job in sorted(self.waiting, key=self._turn):
            number += 1
            if not floor.rests(job):
                turn.waits[job.id] = self._told(number, places)

    def _began(self, job: Job, now: datetime) -> None:
        self.left -= 1
        self.busy[asker(job)] += 1
        self.shares.serve(job.project, now)
        self.streak = self.streak + 1 if KINDS[job.kind].first else 0

    def _told(self, number: int, why: str) -> Waiting:
        what = "jobs that train" if self.heavy else "jobs that read data"
        return Waiting(reason=QUEUED, message=f"place {number} among the {what}; {why}")

    def _passed(self, job: Job) -> int:
        """How many were started since it was asked for."""
        return sum(item.moment > job.created_at for item in self.past)

    def _turn(self, job: Job) -> tuple[bool, bool, ShareTurn, int, datetime, bool, int]:
        """What orders the waiting; an attempt that was interrupted goes on before another job begins."""
        first = KINDS[job.kind].first
        patient = self.streak < PATIENCE
        who = asker(job)
        since = max(job.created_at, self.served.get(who, job.created_at))
        share = self.shares.turn(job.project)
        interrupted = job.started_at is not None and not job.shortages
        return first != patient, not interrupted, share, self.busy[who], since, who in self.served, job.number


def _streak(past: Sequence[Start]) -> int:
    """How many of the latest starts were of jobs that go before others."""
    for count, item in enumerate(past):
        if not KINDS[item.kind].first:
            return count
    return len(past)
