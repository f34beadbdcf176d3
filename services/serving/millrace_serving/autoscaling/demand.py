"""How many requests are in flight for each revision, on average over seconds, by what gateways say."""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

WINDOW_SECONDS, STEP_SECONDS = 15.0, 5.0
"""The load is the larger of the means over so long: a step is seen whole in seconds, and a gap of seconds is none."""
STALE_SECONDS = 10.0
"""What was seen so long ago says nothing of now: an autoscaler that is told nothing changes nothing."""


@dataclass(frozen=True)
class Seen:
    """Requests in flight by revision, over all gateways, at one moment."""

    at: float
    counts: Mapping[str, int]


@dataclass
class Demand:
    """What was seen lately. *now*: seconds of a clock that never goes back."""

    now: Callable[[], float] = time.monotonic
    _seen: deque[Seen] = field(default_factory=deque)

    def note(self, counts: Mapping[str, int]) -> None:
        """All gateways were asked, and all answered."""
        now = self.now()
        self._seen.append(Seen(now, dict(counts)))
        while self._seen and now - self._seen[0].at > WINDOW_SECONDS:
            self._seen.popleft()

    @property
    def fresh(self) -> bool:
        """Whether the gateways were seen a moment ago."""
        return bool(self._seen) and self.now() - self._seen[-1].at <= STALE_SECONDS

    def mean(self, revision: str) -> float | None:
        """Requests in flight; None if not known: no gateway knows the revision, or none was seen lately."""
        if not self.fresh or revision not in self._seen[-1].counts:
            return None
        known = [(seen.at, seen.counts[revision]) for seen in self._seen if revision in seen.counts]
        late = [count for at, count in known if self.now() - at < STEP_SECONDS]
        return max(_mean([count for _, count in known]), _mean(late))

    def revisions(self) -> list[str]:
        """Those that the gateways know now."""
        return sorted(self._seen[-1].counts) if self.fresh else []


def _mean(counts: Sequence[int]) -> float:
    return sum(counts) / len(counts) if counts else 0.0
