"""Growing pauses between tries at what may work later: kept in this process, told as times of day."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from millrace_core import pauses
from millrace_core.database import utcnow

FIRST, LONGEST = 60.0, 3600.0
"""Seconds before the second try, and the most before a later one: each pause is twice the one before."""


@dataclass(frozen=True)
class Pause:
    """One pause after so many *tries*; *until*: seconds of the clock."""

    tries: int
    until: float
    told: str


@dataclass
class Pauses:
    """What failed for now, by its key. *clock*: seconds (monotonic); *now*: the time of day that people are told."""

    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = utcnow
    _kept: dict[Hashable, Pause] = field(default_factory=dict)

    def begin(self, key: Hashable, why: str) -> None:
        """It failed once more."""
        before = self._kept[key].tries if key in self._kept else 0
        seconds = pauses.seconds(FIRST, before, LONGEST)
        again = self.now() + timedelta(seconds=seconds)
        told = f"is tried again after {again:%Y-%m-%d %H:%M} UTC, {before + 1} without success: {why}"
        self._kept[key] = Pause(before + 1, self.clock() + seconds, told)

    def rests(self, key: Hashable) -> bool:
        """Whether its pause is not over."""
        return self.told(key) is not None

    def told(self, key: Hashable) -> str | None:
        """Why it pauses, and until when; None if it does not."""
        pause = self._kept.get(key)
        return pause.told if pause is not None and self.clock() < pause.until else None

    def end(self, key: Hashable) -> None:
        """It worked, or will never."""
        self._kept.pop(key, None)
