"""Growing pauses between tries at what may work later: kept in this process, told as times of day."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from millrace_core import pauses
from millrace_core.database import utcnow

FIRST, LONGEST = 60.0, 3600.0
"""Seconds before the second try, and the most before a later one: each pause is twice the one before."""


@dataclass
class Pauses:
    """What failed for now, by its key. *clock*: seconds (monotonic); *now*: the time of day that people are told."""

    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = utcnow
    _until: dict[Hashable, float] = field(default_factory=dict)
    _tries: dict[Hashable, int] = field(default_factory=dict)
    _told: dict[Hashable, str] = field(default_factory=dict)

    def begin(self, key: Hashable, why: str) -> None:
        """It failed once more."""
        tries = self._tries.get(key, 0)
        seconds = pauses.seconds(FIRST, tries, LONGEST)
        self._tries[key] = tries + 1
        self._until[key] = self.clock() + seconds
        again = self.now() + timedelta(seconds=seconds)
        self._told[key] = (
            f"is tried again after {again:%Y-%m-%d %H:%M} UTC, {tries + 1} without success: {why}"
        )

    def rests(self, key: Hashable) -> bool:
        """Whether its pause is not over."""
        return self.clock() < self._until.get(key, float("-inf"))

    def told(self, key: Hashable) -> str | None:
        """Why it pauses, and until when; None if it does not."""
        return self._told[key] if self.rests(key) else None

    def end(self, key: Hashable) -> None:
        """It worked, or will never."""
        for kept in (self._until, self._tries, self._told):
            kept.pop(key, None)
