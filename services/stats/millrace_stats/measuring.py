"""One measured figure: how often something happened in so many repeats, and after how long."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

SEED = int(os.environ.get("MEASURE_SEED", "20130310"))
"""Of every scenario; another one shows that a rule was not chosen to fit it."""


@dataclass(frozen=True)
class Result:
    """One measured figure: a share of *repeats*, and the delays of those in which something was found."""

    name: str
    repeats: int
    delays: tuple[float, ...]
    unit: str = ""

    @property
    def hits(self) -> int:
        return len(self.delays)

    @property
    def share(self) -> float:
        return self.hits / self.repeats

    @property
    def error(self) -> float:
        """Standard error of the share; for a share of 0 or 1 as if one repeat had gone the other way."""
        inner = min(max(self.hits, 1), self.repeats - 1) / self.repeats
        return float(np.sqrt(inner * (1 - inner) / self.repeats))

    @property
    def median(self) -> float:
        """Median delay, counting what was not found as never."""
        missed = [np.inf] * (self.repeats - self.hits)
        return float(np.median([*self.delays, *missed]))

    def row(self) -> str:
        """A row of the table in docs/simulations.md."""
        never = "more than half never" if self.unit else ""
        delay = f"{self.median:.0f} {self.unit}" if self.unit and self.median < np.inf else never
        return f"| {self.name} | {self.share:.1%} ± {self.error:.1%} | {delay} | {self.repeats:,} |"


def measure(
    name: str, repeats: int, once: Callable[..., float | bool | None], *given: Any, unit: str = ""
) -> Result:
    """Repeat one scenario *once(draw, *given)*, which answers the delay of a finding, or whether there was one."""
    answers = [once(np.random.default_rng([SEED, repeat]), *given) for repeat in range(repeats)]
    delays = tuple(float(answer) for answer in answers if answer is not None and answer is not False)
    return Result(name, repeats, delays, unit)
