"""Which revisions nobody asks, by what the gateways have counted; pure but for the clock."""

import time
from collections.abc import Mapping

Counts = Mapping[str, Mapping[str, int]]
"""Requests by revision, of each life of a gateway."""


class Quiet:
    """When each revision was last asked, as far as this process has seen."""

    def __init__(self, minutes: float) -> None:
        self.minutes = minutes
        """Of every revision whose loop says nothing else; 0: never idle."""
        self.own: dict[str, float] = {}
        """Minutes of those whose loop does."""
        self._since = time.monotonic()
        self._before: dict[str, Mapping[str, int]] | None = None
        self._asked: dict[str, float] = {}

    @property
    def watches(self) -> bool:
        """Whether anything may become idle."""
        return bool(self.minutes or any(self.own.values()))

    def note(self, counts: Counts) -> bool:
        """Compare with what was counted before; whether anybody was asked that rested.

        What a gateway had counted when this process first heard of any says nothing of when it was.
        """
        if not counts:
            return False
        now, woken = time.monotonic(), False
        for life, found in counts.items():
            before = found if self._before is None else self._before.get(life, {})
            for name, count in found.items():
                if count > before.get(name, 0):
                    woken = woken or self.idle(name, resting=True)
                    self._asked[name] = now
        self._before = (self._before or {}) | {life: dict(found) for life, found in counts.items()}
        return woken

    def idle(self, name: str, resting: bool) -> bool:
        """Whether nobody asked a revision for long enough.

        Args:
            resting: it sits in a shared pod already: then it was idle before this process began.
        """
        seconds = 60 * self.own.get(name, self.minutes)
        if not seconds:
            return False
        last = self._asked.get(name)
        if last is None and resting:
            return True
        return time.monotonic() - (self._since if last is None else last) >= seconds
