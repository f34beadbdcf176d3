"""Slows who guesses passwords: after some tries in a row each next one has to wait longer, by name and by address.

A try counts before it is looked at, so that many at once are not more than one after the other. What is waited at most
is a quarter of an hour: about a hundred tries a day, the number NIST SP 800-63B names.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from millrace_core.errors import TooMany

FREE_NAME, FREE_ADDRESS = 5, 20
"""Tries in a row that nobody waits for: mistakes of a person, and of people behind one address."""
FIRST_SECONDS, LONGEST_SECONDS = 5.0, 900.0
FORGET_SECONDS = 86_400.0
MOST = 10_000
"""Names and addresses that are remembered; the one that was silent longest makes room."""


@dataclass
class _Row:
    count: int
    last: float


class Tries:
    """Tries since the last right password. For one event loop."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._rows: OrderedDict[str, _Row] = OrderedDict()

    def begin(self, name: str, address: str) -> None:
        """Count a try. Raises: TooMany while one has to wait; then it is not counted."""
        keys = ((f"name {name.casefold()}", FREE_NAME), (f"address {address}", FREE_ADDRESS))
        wait = max(self._wait(key, free) for key, free in keys)
        if wait > 0:
            raise TooMany(
                f"Too many tries with this name or from this address. Try again in {_words(wait)}; whoever owns the "
                "installation may also give a new password: millrace users password NAME.",
                retry_after=math.ceil(wait),
            )
        for key, _ in keys:
            row = self._rows.setdefault(key, _Row(0, 0.0))
            row.count, row.last = row.count + 1, self._now()
            self._rows.move_to_end(key)
        while len(self._rows) > MOST:
            self._rows.popitem(last=False)

    def right(self, name: str, address: str) -> None:
        """Forget the tries with *name*, and this one from *address*."""
        self._rows.pop(f"name {name.casefold()}", None)
        row = self._rows.get(f"address {address}")
        if row is not None:
            row.count -= 1

    def _wait(self, key: str, free: int) -> float:
        """Seconds that a try has to wait still."""
        row = self._rows.get(key)
        if row is None:
            return 0.0
        passed = self._now() - row.last
        if passed > FORGET_SECONDS:
            del self._rows[key]
            return 0.0
        late = row.count - free
        due = min(FIRST_SECONDS * 2 ** min(late, 20), LONGEST_SECONDS) if late >= 0 else 0.0
        return due - passed


def _words(seconds: float) -> str:
    return f"{math.ceil(seconds)} seconds" if seconds < 90 else f"{math.ceil(seconds / 60)} minutes"
