"""The versions that are scored on a day, and which of their graphs may be judged on it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from millrace_monitoring.monitors.watermark import Day
from millrace_monitoring.profiles.baseline import EMPTY, Baseline
from millrace_monitoring.tables import Lineup

MODEL, HOLDOUT = "model.onnx", "holdout.onnx"


@dataclass(frozen=True)
class Version:
    """One version of a lineup.

    model, holdout: digests of the graph fitted on everything to its cut, and of the one before the holdout.
    """

    number: int
    revision: str | None
    model: str
    holdout: str | None
    baseline_digest: str | None
    trained_through: datetime | None
    baseline: Baseline = EMPTY
    broken: str | None = None
    """Why it cannot be scored, if so."""

    def graph(self, day: Day, zone: ZoneInfo) -> str | None:
        """The graph that has not seen *day*: the model, else the one before the holdout, else None."""
        if self.trained_through is None or day.begin >= self.trained_through:
            return MODEL
        begin = self.baseline.holdout_from(zone)
        return HOLDOUT if self.holdout and begin is not None and day.begin >= begin else None

    def digest(self, graph: str) -> str:
        """Digest of one of its graphs."""
        found = self.model if graph == MODEL else self.holdout
        assert found is not None
        return found


def version(item: dict[str, Any]) -> Version:
    """Read one version as a lineup keeps it."""
    files, through = item["files"], item.get("trained_through")
    return Version(
        number=item["version"],
        revision=item.get("revision"),
        model=files[MODEL],
        holdout=files.get(HOLDOUT),
        baseline_digest=files.get("baseline.json"),
        trained_through=datetime.fromisoformat(through) if through else None,
    )


def items(lineup: Lineup, candidates: int) -> list[dict[str, Any]]:
    """Champion first, then the newest archived versions; each number once."""
    archived = {
        item["version"]: item for item in lineup.archived if item["version"] != lineup.champion["version"]
    }
    newest = list(archived.values())[-candidates:] if candidates else []
    return [lineup.champion, *newest]
