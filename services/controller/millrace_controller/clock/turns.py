"""Whose turn it is: loops with something to do at once, the others one after the other, so that many cost little."""

from collections.abc import Sequence

from millrace_controller.clock.queries import Urgency

IDLE, UNKNOWN = 8, 100
"""Loops at rest that are looked at in one pass, and loops of which nothing is known since the start."""


class Turns:
    """Remembers when each loop was last looked at; with a few loops all have their turn in every pass."""

    def __init__(self) -> None:
        self._passes = 0
        self._looked: dict[int, int] = {}
        self._stamps: dict[int, object] = {}

    def take(self, loops: Sequence[Urgency]) -> list[int]:
        """Ids of the loops to look at now: those with work, those touched since, and the longest neglected."""
        first, self._passes = self._passes == 0, self._passes + 1
        due = {loop.id for loop in loops if loop.busy or self._touched(loop, first)}
        rest = sorted(
            (loop.id for loop in loops if loop.id not in due), key=lambda id: self._looked.get(id, 0)
        )
        unknown = sum(id not in self._looked for id in rest)
        due.update(rest[: max(IDLE, min(UNKNOWN, unknown))])
        self._stamps = {loop.id: loop.stamp for loop in loops}
        self._looked = {loop.id: self._looked[loop.id] for loop in loops if loop.id in self._looked}
        self._looked |= dict.fromkeys(due, self._passes)
        return sorted(due)

    def _touched(self, loop: Urgency, first: bool) -> bool:
        return not first and self._stamps.get(loop.id) != loop.stamp
