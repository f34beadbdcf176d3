"""Closed days in short, kept in memory: they never change, and a page of loops asks for the same ones over and over."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

MOST = 60_000
"""Days that are kept: of a thousand endpoints two months; about 150 bytes each."""


class Short(NamedTuple):
    """What a glance adds up of a closed day; it never changes once the day is closed."""

    rows: int
    labelled: int
    loss: float | None
    reference: float | None


class KeptDays:
    """Days by the number under which they were closed, which is never used again."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._days: dict[int, Short] = {}

    def of(self, seqs: Iterable[int]) -> dict[int, Short]:
        """Those of these days that are kept."""
        return {seq: self._days[seq] for seq in seqs if seq in self._days}

    def add(self, days: Mapping[int, Short]) -> None:
        """Keep these days; those that came in first make room."""
        self._days |= days
        for seq in list(self._days)[: max(0, len(self._days) - self._most)]:
            del self._days[seq]
