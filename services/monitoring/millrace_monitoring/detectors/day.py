"""What a detector is shown of one closed day."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from millrace_contracts.monitors import MonitorPolicy
from millrace_monitoring.profiles.baseline import EMPTY, Baseline
from millrace_monitoring.profiles.losses import DayLoss
from millrace_stats.profiles import Profile


@dataclass(frozen=True)
class Facts:
    """Counts of the day that no profile holds. *share*: of its rows that have a label."""

    answered: int = 0
    not_finite: int = 0
    compared: int = 0
    differing: int = 0
    records: int = 0
    faults: Mapping[str, int] = field(default_factory=dict)
    repeated: int = 0
    share: float = 0.0


@dataclass(frozen=True)
class SliceDay:
    """The rows of the day in one slice, like `region=south`."""

    name: str
    rows: int
    profile: Profile
    loss: DayLoss | None


@dataclass(frozen=True)
class JudgedDay:
    """A day as detectors see it.

    losses: mean loss of each scored version over the same rows; the champion's is among them if it has labels.
    profile: of the champion's answered rows; None when nobody was answered.
    window: profiles of the champion's days since its last full window.
    gathered: profiles of the days before whose rows were too few to tell whether each column is sound.
    faulty: features with a quality fault today, which explains whatever drift they show.
    newcomers: labels of each class that the champion does not know.
    """

    date: datetime.date
    policy: MonitorPolicy
    champion: int = 0
    baseline: Baseline = EMPTY
    facts: Facts = Facts()
    profile: Profile | None = None
    losses: Mapping[int, DayLoss] = field(default_factory=dict)
    slices: Sequence[SliceDay] = ()
    window: Sequence[Profile] = ()
    gathered: Mapping[datetime.date, Profile] = field(default_factory=dict)
    faulty: frozenset[str] = frozenset()
    newcomers: Mapping[str, int] = field(default_factory=dict)

    @property
    def loss(self) -> DayLoss | None:
        """The champion's."""
        return self.losses.get(self.champion)


def usual(shares: Sequence[float]) -> float | None:
    """The median of the days before; None when there were none."""
    return float(np.median(shares)) if shares else None
