"""Has the champion's error risen? One closed day at a time, from state that a restart finds again."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from millrace_stats.performance import MINIMUM_REFERENCE_DAYS, Detector, Reference, threshold

LIVE_REFERENCE_DAYS = 28
QUIET_DAYS = 28
"""An alarm closes by itself after this many days on which the detector, started afresh, did not fire."""


@dataclass
class Watch:
    """The detector of one champion: waiting for a reference, or running."""

    waiting: list[float] = field(default_factory=list)
    detector: Detector | None = None
    source: str = "holdout"
    quiet: int = 0
    last: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def start(cls, holdout: list[float], policy: dict[str, Any]) -> "Watch":
        """With the daily losses of the champion's holdout as reference; too few: its first live days."""
        made = cls()
        if len(holdout) >= MINIMUM_REFERENCE_DAYS:
            made._freeze(holdout, policy)
        else:
            made.source = "first live days"
        return made

    def _freeze(self, losses: list[float], policy: dict[str, Any]) -> None:
        reference = Reference.fit(np.array(losses), tolerance=policy["tolerance"])
        self.detector = Detector(reference, threshold(policy["false_alarms_per_year"]))

    def update(self, loss: float, policy: dict[str, Any]) -> bool:
        """Take in one day's mean loss; True if it calls for action. It then starts afresh."""
        if self.detector is None:
            self.waiting.append(loss)
            if len(self.waiting) == LIVE_REFERENCE_DAYS:
                self._freeze(self.waiting, policy)
                self.waiting = []
            self.last = {"reference_days": len(self.waiting), "loss": loss}
            return False
        self.detector.update(loss)
        fired = self.detector.alarm
        self.last = self._evidence(loss)
        if fired:
            self.detector = Detector(self.detector.reference, self.detector.level)
        self.quiet = 0 if fired else self.quiet + 1
        return fired

    def _evidence(self, loss: float) -> dict[str, Any]:
        assert self.detector is not None
        reference = self.detector.reference
        return {
            "loss": loss,
            "reference_mean": reference.mean,
            "reference_scale": reference.scale,
            "reference_days": reference.days,
            "reference": self.source,
            "log_value": self.detector.log_value,
            "log_level": float(np.log(self.detector.level)),
            "days": self.detector.days,
            "watch": bool(self.detector.watch(loss)),
        }

    def to_dict(self) -> dict[str, Any]:
        detector = self.detector.to_dict() if self.detector else None
        return {
            "waiting": self.waiting,
            "detector": detector,
            "source": self.source,
            "quiet": self.quiet,
            "last": self.last,
        }

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> "Watch":
        detector = Detector.from_dict(state["detector"]) if state["detector"] else None
        return cls(list(state["waiting"]), detector, state["source"], state["quiet"], dict(state["last"]))
