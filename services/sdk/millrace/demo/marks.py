"""What the demo's pictures show besides numbers of each day: events, gates and shares of the traffic."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Mark:
    """An event in the daily curve; *what* is `alarm` or one of `charts.MARKS`."""

    day: str
    what: str
    label: str


@dataclass(frozen=True)
class Interval:
    """A champion gate's interval; numbers are shares of the champion's loss."""

    label: str
    lower: float
    difference: float
    upper: float
    margin: float
    verdict: str


@dataclass(frozen=True)
class Shares:
    """Share of the traffic that each version serves from *at* on, a local time in ISO 8601."""

    at: str
    weights: Mapping[int, float]
