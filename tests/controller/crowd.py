"""Many loops on one node, on fake time: the rules of both queues decide, a scheduler reserves what pods ask for."""

import heapq
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from millrace_contracts.room import SizeRoom
from millrace_controller.admission import rules
from millrace_controller.admission.rules import Standing
from millrace_training.jobs.room import fitting
from millrace_training.jobs.states import State
from millrace_training.jobs.turns import Floor, Start, asker, decide
from millrace_training.kinds import KINDS
from millrace_training.launch.amounts import Amounts
from millrace_training.launch.room import Node, Nodes
from millrace_training.launch.sizes import PodSize, Size
from millrace_training.settings import TrainingSettings
from millrace_training.tables import Job

BEGAN = datetime(2030, 1, 1, tzinfo=UTC)
GIB = 2.0**30
STEPS = (("validate", 8), ("train", 15), ("evaluate", 8), ("compress", 6))
HEAVY, LIGHT = (Size((PodSize(Amounts(cpu, GIB)),)) for cpu in (0.5, 0.25))
RUNNER_START, STUCK = 6, 301
"""Seconds of a runner before its first job, and after which a job without a node used to fail for good."""


@dataclass
class Crowd:
    """Loops that were all declared at once.

    Args:
        loops: how many each project has.
        runner_cpu: what a pipeline's pod reserves while it waits.
        queue: whether runs and jobs wait for their turn; without one every run is opened and every pod made at once.
        shared: whether projects have equal shares; without it the oldest goes first.
    """

    settings: TrainingSettings
    loops: dict[str, int]
    cpu: float = 1.4
    memory: float = 16 * GIB
    runner_cpu: float = 0.01
    serving_cpu: float = 0.01
    queue: bool = True
    shared: bool = True
    now: datetime = BEGAN
    runs: dict[rules.Id, Standing] = field(default_factory=dict)
    jobs: list[Job] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    served: dict[str, datetime] = field(default_factory=dict)
    opened: dict[rules.Id, datetime] = field(default_factory=dict)
    champions: list[tuple[str, float]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    step: dict[rules.Id, int] = field(default_factory=dict)
    holding: dict[str, Amounts] = field(default_factory=dict)
    pushes: list[float] = field(default_factory=list)
    most: float = 0.0

    def __post_init__(self) -> None:
        self._events: list[tuple[datetime, int, object]] = []
        self._asked: dict[str, datetime] = {}
        self._count = 0
        number = 0
        for project, many in self.loops.items():
            for place in range(many):
                number += 1
                since = BEGAN + timedelta(milliseconds=number)
                self.runs[number, 1] = Standing(
                    (number, 1), project, f"{project}-{place}", since, False, ROOM
                )

    def push(self, at: float, project: str) -> None:
        """Somebody delivers rows."""
        self._later(at, ("push", project))

    def run(self) -> None:
        """Until every run has ended, or nothing happens any more."""
        self._decide()
        while self._events:
            self.now, _, event = heapq.heappop(self._events)
            self._happen(*event)
            self._decide()

    def _later(self, seconds: float, event: object) -> None:
        self._count += 1
        heapq.heappush(self._events, (self.now + timedelta(seconds=seconds), self._count, event))

    def free(self) -> Amounts:
        return Amounts(self.cpu, self.memory) - sum(self.holding.values(), Amounts())

    def _hold(self, name: str, amounts: Amounts) -> None:
        self.holding[name] = amounts
        self.most = max(self.most, sum(item.cpu for item in self.holding.values()))

    def _happen(self, what: str, who: object) -> None:
        if what == "push":
            self._submit("ingest", str(who), None, None, 3)
        elif what == "runner":
            self._next(who)
        elif what == "late" and who in self.jobs and who.id not in self.holding:
            self.failed.append(f"{who.kind} of {who.project}/{who.loop}: no node after {STUCK} s")
            self.jobs.remove(who)
            if who.loop_run:
                self._end(self._of(who))
        elif what == "over" and who in self.jobs:
            self.jobs.remove(who)
            del self.holding[who.id]
            if who.kind == "ingest":
                self.pushes.append((self.now - who.created_at).total_seconds())
            else:
                self.step[self._of(who)] += 1
                self._next(self._of(who))

    def _of(self, job: Job) -> rules.Id:
        return next(id for id, run in self.runs.items() if run.loop == job.loop)

    def _next(self, id: rules.Id) -> None:
        if self.step[id] < len(STEPS):
            kind, seconds = STEPS[self.step[id]]
            run = self.runs[id]
            self._submit(kind, run.project, run.loop, 1, seconds)
            return
        run = self.runs[id]
        self.champions.append((run.project, (self.now - BEGAN).total_seconds()))
        self._hold(f"triton {id}", Amounts(self.serving_cpu))
        self._end(id)

    def _end(self, id: rules.Id) -> None:
        self.holding.pop(f"runner {id}", None)
        del self.runs[id]

    def _submit(self, kind: str, project: str, loop: str | None, run: int | None, seconds: float) -> None:
        number = len(self._asked) + 1
        job = Job(number=number, id=str(number), project=project, key=str(number), kind=kind, spec={"s": seconds},
                  limits={}, loop=loop, loop_run=run, state=State.QUEUED, created_at=self.now)  # fmt: skip
        self._asked[job.id] = self.now
        self.jobs.append(job)

    def _node(self) -> Nodes:
        return Nodes([Node("only", Amounts(self.cpu, self.memory), self.free())])

    def _decide(self) -> None:
        self._bind()
        self._open()
        sizes = {job.id: HEAVY if KINDS[job.kind].heavy else LIGHT for job in self.jobs}
        if self.queue:
            room = self._node()
            for job in self.jobs:
                if job.state == State.RUNNING and job.id not in self.holding:
                    room.take(sizes[job.id])
            chosen = decide(self.jobs, self.settings, self.starts, Floor(room, sizes, self.now)).start
        else:
            chosen = [job for job in self.jobs if job.state == State.QUEUED]
        for job in chosen:
            job.state, job.started_at, job.attempt_at = State.RUNNING, self.now, self.now
            self.starts.insert(0, Start(self.now, asker(job), job.kind))
            self._later(STUCK, ("late", job))
        self._bind()

    def _bind(self) -> None:
        """The scheduler: pods that wait get the node, oldest first, each as soon as there is room for it."""
        for id in sorted(self.opened, key=lambda id: self.opened[id]):
            if id in self.runs and id not in self.step and Amounts(self.runner_cpu).within(self.free()):
                self._hold(f"runner {id}", Amounts(self.runner_cpu))
                self.step[id] = 0
                self._later(RUNNER_START, ("runner", id))
        for job in self.jobs:
            size = HEAVY if KINDS[job.kind].heavy else LIGHT
            if job.state == State.RUNNING and job.id not in self.holding and size.total.within(self.free()):
                self._hold(job.id, size.total)
                self._later(job.spec["s"], ("over", job))

    def _open(self) -> None:
        fits, lacks = fitting(self._node(), HEAVY, self.settings.heavy_jobs)
        room = SizeRoom(kind="cpu", needs=HEAVY.told(), fits=fits if self.queue else 10**6, lacks=lacks)
        work = {job.loop for job in self.jobs if KINDS[job.kind].heavy and job.state == State.RUNNING}
        standing = [
            Standing(id, run.project if self.shared else "all", run.loop, run.since, id in self.opened, room,
                     at_work=run.loop in work)
            for id, run in self.runs.items()
        ]  # fmt: skip
        for id in rules.decide(standing, self.served, self.now).admitted:
            self.opened[id] = self.served[self.runs[id].project] = self.now


ROOM = SizeRoom(kind="cpu", needs="", fits=0, lacks="")


def faults(crowd: Crowd, longest: float) -> list[str]:
    """What was promised and not kept; empty if all was.

    Args:
        longest: seconds in which the last loop has its champion.
    """
    wanted, found = sum(crowd.loops.values()), []
    if len(crowd.champions) < wanted:
        found.append(f"{wanted - len(crowd.champions)} of {wanted} loops have no champion")
    found += crowd.failed
    if crowd.most > crowd.cpu + 1e-9:
        found.append(f"{crowd.most:g} CPU were given of {crowd.cpu:g}")
    late = [at for _, at in crowd.champions if at > longest]
    if late:
        found.append(f"{len(late)} champions came after {longest:g} s")
    found += unfair([project for project, _ in crowd.champions], crowd.loops)
    if slow := [waited for waited in crowd.pushes if waited > 60]:
        found.append(f"{len(slow)} deliveries took up to {max(slow):g} s")
    return found


def unfair(order: list[str], loops: dict[str, int], slack: int = 2) -> list[str]:
    """Places in the order at which a project with loops left was more than *slack* behind another."""
    had: Counter[str] = Counter()
    for place, project in enumerate(order, 1):
        had[project] += 1
        left = [name for name, many in loops.items() if had[name] < many]
        behind = min((had[name] for name in left), default=None)
        if behind is not None and had[project] - behind > slack:
            return [
                f"after {place} champions {project} has {had[project]} and another, with loops left, {behind}"
            ]
    return []
