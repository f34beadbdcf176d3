"""What the controller has at hand besides core's part: its leadership, its caches, and where pipelines run."""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends

from millrace_contracts.datasets import DatasetVersionRead, QuarantineRead
from millrace_contracts.models import ModelVersionRead
from millrace_controller.changes import Changes
from millrace_controller.leases.leader import Leadership
from millrace_controller.leases.tenure import GuardedClients, GuardedSessions
from millrace_controller.pipelines.runners import Runners
from millrace_controller.settings import ControllerSettings
from millrace_core import services

if TYPE_CHECKING:
    from millrace_core.kubernetes import Cluster


@dataclass
class Operating:
    """Whether this replica follows the cluster's resources, and when its last pass over them ended (monotonic)."""

    ended: float | None = None

    def begin(self) -> None:
        """The time to the first end counts as well."""
        self.ended = time.monotonic()

    def end(self) -> None:
        """It follows them no more."""
        self.ended = None


@dataclass
class Line:
    """The last look at the queue of runs."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    looked: float = float("-inf")
    seen: set[tuple[int, int]] = field(default_factory=set)

    def knows(self, run: tuple[int, int], seconds: float) -> bool:
        """Whether the last look is so new, and had this run (loop and number) in it."""
        return run in self.seen and time.monotonic() - self.looked < seconds

    def forget(self) -> None:
        """What it found is no longer so."""
        self.seen = set()


@dataclass
class Blocked:
    """A loop that cannot go on: since when (monotonic), and whether people are told."""

    since: float
    told: bool = False


@dataclass
class Marks:
    """The last look at all quarantines: when, and what tells whether one of them has changed."""

    looked: datetime | None = None
    of: dict[tuple[str, str], tuple[int, ...]] = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True)
class QuarantineListing:
    """What waits of one dataset: under which mark it was asked, and when."""

    mark: tuple[int, ...]
    at: datetime
    refused: list[QuarantineRead]


@dataclass
class Memory:
    """What need not be asked twice: it never changes, or was done by this process already."""

    datasets: dict[tuple[str, str, int], DatasetVersionRead] = field(default_factory=dict)
    """Versions of datasets by project, name and number."""
    models: dict[tuple[str, str, int], ModelVersionRead] = field(default_factory=dict)
    """Versions of models, likewise."""
    prepared: set[tuple[str, int, int]] = field(default_factory=set)
    """What was made for which generation of a loop: what, loop, generation."""
    served: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Revision and form of the champion of which monitoring was told, by loop."""
    marks: Marks = field(default_factory=Marks)
    """Where refused data waits."""
    waiting: dict[tuple[str, str], QuarantineListing] = field(default_factory=dict)
    """What waits, by project and dataset."""
    refused: dict[int, tuple[tuple[int, str], ...]] = field(default_factory=dict)
    """Entries in quarantine and their reasons of which monitoring was told, by loop."""
    blocked: dict[int, Blocked] = field(default_factory=dict)
    """Loops that cannot go on."""
    line: Line = field(default_factory=Line)
    """The last look at the queue of runs."""


@dataclass(frozen=True, kw_only=True)
class Services(services.Services):
    """The controller's services object."""

    settings: ControllerSettings
    sessions: GuardedSessions
    changes: Changes
    leadership: Leadership
    operating: Operating
    memory: Memory
    cluster: "Cluster | None"
    runners: Runners


def make(core: services.Services) -> Services:
    """The controller's own object out of core's part; what a leader writes is guarded."""
    settings = core.settings
    assert isinstance(settings, ControllerSettings)
    changes, beneath = Changes(), cluster(settings)
    own = {
        "sessions": GuardedSessions(core.sessions),
        "clients": GuardedClients(core.clients, core.readers),
        "changes": changes,
        "leadership": Leadership(),
        "operating": Operating(),
        "memory": Memory(),
        "cluster": beneath,
        "runners": Runners(settings, beneath, changes),
    }
    return Services(**vars(core) | own)


def cluster(settings: ControllerSettings) -> "Cluster | None":
    """The Kubernetes cluster beneath; None on a laptop, or where none is to be found."""
    if settings.platform == "laptop" and not settings.operator:
        return None
    from millrace_core.kubernetes import Cluster

    return Cluster.here() if Cluster.available() else None


CurrentServices = Annotated[Services, Depends(services.provider(Services))]
