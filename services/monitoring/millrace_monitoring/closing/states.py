"""What the detectors of one champion remember from day to day, and how a database keeps it."""

from dataclasses import dataclass, field
from datetime import date

from pydantic import BaseModel, ConfigDict

from millrace_contracts.bodies import Document
from millrace_monitoring.detectors.drift import DriftState as DriftState
from millrace_monitoring.detectors.drift import StoredWindow
from millrace_monitoring.detectors.gathering import ColumnDays, DaysTogether
from millrace_monitoring.detectors.newcomers import NewClassDays, NewcomersState
from millrace_monitoring.detectors.performance import PerformanceState as PerformanceState
from millrace_monitoring.detectors.performance import Watch
from millrace_monitoring.detectors.quality import QualityState as QualityState
from millrace_monitoring.detectors.slices import Normal
from millrace_monitoring.detectors.switchback import StoredPair
from millrace_monitoring.detectors.switchback import SwitchBackState as SwitchBackState
from millrace_stats.performance import Samples


class StoredStates(BaseModel):
    """The columns of the JSON in SQL; a monitor that has closed nothing yet has none of them."""

    model_config = ConfigDict(extra="ignore")

    champion: int | None = None
    since: date | None = None
    watch: Watch = Watch()
    slices: dict[str, Watch] = {}
    normal: dict[str, Normal] = {}
    pairs: dict[int, StoredPair] = {}
    window: tuple[date, ...] = ()
    drift_before: StoredWindow | None = None
    shares: tuple[float, ...] = ()
    block: DaysTogether = DaysTogether()
    columns: ColumnDays = ColumnDays()
    standing: dict[str, str] = {}
    samples: Samples = Samples()
    samples_since: date | None = None
    newcomers: dict[str, NewClassDays] = {}


@dataclass(frozen=True)
class States:
    """Of every detector, for one champion since one day."""

    champion: int | None = None
    since: date | None = None
    quality: QualityState = field(default_factory=QualityState)
    performance: PerformanceState = field(default_factory=PerformanceState)
    switchback: SwitchBackState = field(default_factory=SwitchBackState)
    drift: DriftState = field(default_factory=DriftState)
    newcomers: NewcomersState = field(default_factory=NewcomersState)


def load(stored: Document) -> States:
    """As a database keeps it, also one that knew no slices."""
    kept = StoredStates.model_validate(stored)
    return States(
        champion=kept.champion,
        since=kept.since,
        quality=QualityState(kept.shares, kept.normal, kept.block, kept.columns, kept.standing),
        performance=PerformanceState(kept.watch, kept.slices, kept.samples, kept.samples_since),
        switchback=SwitchBackState(kept.pairs),
        drift=DriftState(kept.window, kept.drift_before),
        newcomers=NewcomersState(kept.newcomers),
    )


def dump(states: States) -> Document:
    """The inverse of `load`."""
    kept = StoredStates(
        champion=states.champion,
        since=states.since,
        watch=states.performance.watch,
        slices=dict(states.performance.slices),
        normal=dict(states.quality.slices),
        pairs=dict(states.switchback.pairs),
        window=states.drift.window,
        drift_before=states.drift.before,
        shares=states.quality.shares,
        block=states.quality.block,
        columns=states.quality.columns,
        standing=dict(states.quality.standing),
        samples=states.performance.samples,
        samples_since=states.performance.since,
        newcomers=dict(states.newcomers.classes),
    )
    return kept.model_dump(mode="json")
