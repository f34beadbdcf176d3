"""What several people's looks come to: a label, another look, or none."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from millrace_contracts.reviews import ReviewState

MORE = 2
"""Looks beyond those that an entry needs, for people who disagree to be settled by others."""


@dataclass(frozen=True)
class Outcome:
    """Where an entry stands, and its label as a number once there is one."""

    state: ReviewState
    label: float | None = None


def settle(values: Sequence[float], skips: int, needed: int, classifies: bool) -> Outcome:
    """What *values*, one a person, and so many *skips* come to.

    Classes: what more than half say, once enough have looked; else others look, up to MORE. Numbers: the median.
    """
    if len(values) < needed:
        return Outcome("skipped" if skips >= needed else "open")
    if not classifies:
        return Outcome("labelled", float(median(values)))
    (value, count), *_ = Counter(values).most_common(1)
    if count * 2 > len(values):
        return Outcome("labelled", value)
    return Outcome("unresolved" if len(values) >= needed + MORE else "disputed")
