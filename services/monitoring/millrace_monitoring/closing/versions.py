"""The versions that are scored on a day, and which of their graphs may be judged on it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np

from millrace_contracts.monitors import ArchivedVersion
from millrace_contracts.names import ClassValue
from millrace_contracts.release import BASE, Files
from millrace_monitoring.graphs.running import Graphs
from millrace_monitoring.ingest.answers import Answers
from millrace_monitoring.monitors.watermark import Day
from millrace_monitoring.profiles.baseline import EMPTY, Baseline
from millrace_monitoring.tables import Lineup

GraphRole = Literal["model", "holdout"]
"""The graph fitted on everything to its cut, and the one before the holdout."""
SAME_RUNTIME = (BASE, "ort-cpu-int8", "ort-cpu-distilled")
"""Forms that onnxruntime runs on a CPU, here as there."""
STORED: dict[GraphRole, str] = {"model": "model.onnx", "holdout": "holdout.onnx"}
"""How losses name the graph that they are of."""


@dataclass(frozen=True)
class Version:
    """One version of a lineup."""

    number: int
    revision: str | None
    files: Files
    trained_through: datetime | None
    baseline: Baseline = EMPTY
    broken: str | None = None
    """Why it cannot be scored, if so."""
    classes: Sequence[ClassValue] | None = None
    """What it answers for; None: what the endpoint's signature says."""
    ready: object = field(default=None, repr=False, compare=False)
    """Its loaded graph, which stays ready as long as the version is judged."""
    variant: str = BASE
    """Which form of it serves; the graph before the holdout has one form."""

    @property
    def reproducible(self) -> bool:
        """Whether its graph answers here what it answers where it serves, number by number."""
        return self.variant in SAME_RUNTIME

    def graph(self, day: Day, zone: ZoneInfo) -> GraphRole | None:
        """The graph that has not seen *day*: the model, else the one before the holdout, else None."""
        if self.trained_through is None or day.begin >= self.trained_through:
            return "model"
        begin = self.baseline.holdout_from(zone)
        has_holdout = self.files.find("holdout") is not None
        return "holdout" if has_holdout and begin is not None and day.begin >= begin else None

    def digest(self, graph: GraphRole) -> str:
        """Digest of one of its graphs."""
        form = self.files.find("model", self.variant) if graph == "model" else None
        return form or self.files.digest(graph)

    def score(
        self, graphs: Graphs, graph: GraphRole, columns: dict[str, np.ndarray], rows: int, answers: Answers
    ) -> np.ndarray:
        """What one of its graphs answers, as if it knew the classes of *answers*: those it lacks get nothing.

        Args:
            graphs: holds the graph ready. columns: values of shape (rows,) by tensor name.
        """
        task, theirs = answers.task, answers.classes if self.classes is None else self.classes
        scored = graphs.score(self.digest(graph), columns, rows, task.width(theirs))
        return task.aligned(scored, theirs, answers.classes)


def version(item: ArchivedVersion) -> Version:
    """One version as a lineup names it."""
    return Version(
        item.version,
        item.revision,
        item.files,
        item.trained_through,
        classes=item.classes,
        variant=item.variant,
    )


def items(lineup: Lineup, candidates: int) -> list[ArchivedVersion]:
    """Champion first, then the newest archived versions; each number once."""
    champion = lineup.champion
    archived = {item.version: item for item in lineup.archived if item.version != champion.version}
    return [champion, *(list(archived.values())[-candidates:] if candidates else [])]
