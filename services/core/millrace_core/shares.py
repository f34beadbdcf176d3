"""Equal shares: whose turn it is among projects, for runs and for jobs alike. Pure.

It is the turn of the project that has least going on, then of the one that has waited longest since it was last served.
A project that was never served goes before all that were.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

NEVER = datetime.min.replace(tzinfo=UTC)
Turn = tuple[int, datetime]


class Shares:
    """What every project has now, and when it last got something."""

    def __init__(self, going_on: Iterable[str], served: Mapping[str, datetime]) -> None:
        self._busy, self._served = Counter(going_on), dict(served)

    def turn(self, project: str) -> Turn:
        """Orders projects: the smallest is next."""
        return self._busy[project], self._served.get(project, NEVER)

    def serve(self, project: str, at: datetime) -> None:
        """It gets one more."""
        self._busy[project] += 1
        self._served[project] = at
