"""How the running windows of drift are read: which of them say something, and what people call what is watched."""

from collections.abc import Iterable
from typing import Protocol, TypeVar


class OfWindow(Protocol):
    """What is read of a running window, which begins anew when it is full."""

    @property
    def days(self) -> int | None:
        """Days in it."""


ANSWERS = {"__prediction__": "the answer", "__confidence__": "its confidence"}
"""Words for what is watched beside the features."""


def watched(name: str) -> str:
    """What people read for a feature, or for the answer that is watched beside them."""
    return ANSWERS.get(name, name)


WEEK = 7
Reading = TypeVar("Reading", bound=OfWindow)


def widest(readings: Iterable[Reading]) -> list[Reading]:
    """Those of the most days: beside them a window that has just begun knows one weekday, and so looks like drift."""
    every = list(readings)
    most = max((one.days or 0 for one in every), default=0)
    return [one for one in every if (one.days or 0) == most]


def with_each_weekday(readings: Iterable[Reading]) -> list[Reading]:
    """Those of seven days or more, for fewer lack a weekday; all of them where every window is shorter."""
    every = list(readings)
    return [one for one in every if (one.days or 0) >= WEEK] or every
