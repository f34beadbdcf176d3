"""Goes through the days of a replay: block by block while the loop is at rest, else day by day.

The days of a block are judged in memory, by production's rules, from what was sent of them. Then the loop's rules are
asked for each in order, and the days close up to and including the first that calls for anything. While a candidate is
rolled out a block ends with the day on which its step is over.
"""

from collections.abc import Callable
from datetime import datetime

from millrace.client import Millrace
from millrace_contracts.loops import LoopRead
from millrace_replay.sending import Sender
from millrace_replay.turns import Turn

BLOCK = 64
"""Days that are sent and judged together at the most."""
SETTLE_SECONDS = 4 * 3600
Told = Callable[[Turn], None]


class Walk:
    """The days of one hidden loop.

    Args:
        sender: sends their rows and labels. told: hears of each day or block that is settled, by its last day.
    """

    def __init__(self, client: Millrace, loop: str, sender: Sender, told: Told) -> None:
        self._client, self._loop, self._sender, self._told = client, loop, sender, told
        self._phase, self._idle = "", False

    def by_day(self, left: list[Turn]) -> None:
        """One day after the other, as in production; without rows and at rest they close together."""
        for turn in left:
            if turn.closes and not (turn.goes_on and self._idle):
                self._sender.rows([turn.day])
                self._one(turn, labelled=False)
                self._idle = self._phase == "watching" and not self._alarmed()

    def by_block(self, left: list[Turn]) -> None:
        """As many days together as call for nothing; for a replay's own loop."""
        sent, place = 0, 0
        while place < len(left):
            if not left[place].closes:
                place += 1
                continue
            if place >= sent:
                sent = self._send(left, place)
            end = self._reach([turn.day.end for turn in left[place:sent]])
            through = None if end is None else self._together(end)
            if through is None:
                self._one(left[place], labelled=True)
                place += 1
            else:
                self._settle(through)
                place += sum(turn.day.end <= through for turn in left[place:sent])
                self._told(left[place - 1])

    def _send(self, left: list[Turn], place: int) -> int:
        """Send the next days; where those end that were sent."""
        days = [turn.day for turn in left[place : place + BLOCK]]
        block = days[: self._sender.many(days)]
        self._sender.rows(block)
        self._sender.labels(block, None)
        return place + len(block)

    def _reach(self, ends: list[datetime]) -> datetime | None:
        """The end of the days that are worth a look ahead, of those that were sent; None: the next one stands alone."""
        if self._phase == "watching":
            return ends[-1]
        if self._phase != "rolling-out":
            return None
        endpoint = self._client.serving.endpoint(self._loop)
        rollout = endpoint.rollout
        if rollout is None or not rollout.rests_at(ends[0], endpoint.timezone):
            return None
        return next((end for end in ends if not rollout.rests_at(end, endpoint.timezone)), ends[-1])

    def _together(self, end: datetime) -> datetime | None:
        """How far the days before *end* may close together; None if the next one stands alone."""
        days = self._client.monitoring.ahead(self._loop, end)
        count = self._client.controller.ahead(self._loop, days) if days else 0
        return days[count - 1].through if count else None

    def _one(self, turn: Turn, labelled: bool) -> None:
        """Close a day; *labelled*: its labels were sent before."""
        if turn.ends_stretch:
            self._settle(turn.day.begin)
        self._settle(turn.day.end, () if labelled else (turn,))
        self._told(turn)

    def _settle(self, through: datetime, labelled: tuple[Turn, ...] = ()) -> None:
        """All labels of the days before *through* are there: wait until the loop has decided on them."""
        self._sender.labels([turn.day for turn in labelled], through)
        now: LoopRead = self._client.controller.settle(self._loop, through, timeout=SETTLE_SECONDS)
        self._phase = now.phase

    def _alarmed(self) -> bool:
        """Whether an alarm is open: it ends with the champion, so its days are told one by one."""
        return bool(self._client.monitoring.alarms(self._loop, "open"))
