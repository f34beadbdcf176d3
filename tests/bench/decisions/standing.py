"""What the policies' losses come to: against hindsight, by month, with intervals over months, and in ranks.

Losses are compared in the unit that people read: the root of the mean squared error, or the log loss.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from tests.bench.decisions.policies import FIXED, SIZE

from millrace_stats import tasks

OURS = ("Millrace, strict", "Millrace, balanced")
NEVER, MONTHLY = "never", "monthly, all"
RESAMPLES, SEED = 2_000, 20130310
LEVEL = (2.5, 97.5)


class Impossible(Exception):
    """A policy did not answer every row of the served days, so that its loss says nothing beside the others'."""


@dataclass(frozen=True)
class Standing:
    """Where the policies of one stream stand.

    Attributes:
        facts: of the stream. parts: what each policy came to, as `theirs` and `ours` wrote it.
        sums: loss of each month, (policies, months), in the order of *names*. counts: rows of each month, (months,).
        best: loss of each month in hindsight, (months,).
    """

    name: str
    facts: dict[str, Any]
    parts: dict[str, dict[str, Any]]
    absent: dict[str, str]
    sums: np.ndarray
    counts: np.ndarray
    best: np.ndarray

    @property
    def names(self) -> list[str]:
        return list(self.parts)

    def shown(self, sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Sums of losses in the unit that people read."""
        task = tasks.of(self.facts["task"])
        return np.vectorize(lambda loss: task.shown(float(loss)), otypes=[float])(sums / counts)

    def overall(self) -> dict[str, float]:
        """Of each policy."""
        shown = self.shown(self.sums.sum(axis=1), self.counts.sum())
        return dict(zip(self.names, shown.tolist(), strict=True))

    @property
    def hindsight(self) -> float:
        """With the best of everything in each month."""
        return float(self.shown(self.best.sum(), self.counts.sum()))

    def fixed(self, names: tuple[str, ...] = tuple(FIXED)) -> float:
        """The best of these policies in hindsight, one for the whole stream."""
        overall = self.overall()
        return min(overall[name] for name in names)

    def ratios(self, draws: np.ndarray | None = None) -> np.ndarray:
        """Loss against hindsight, (policies,); of each resample of months with *draws* (resamples, months)."""
        months = np.arange(len(self.counts))[None] if draws is None else draws
        counts = self.counts[months].sum(axis=1)
        best = self.shown(self.best[months].sum(axis=1), counts)
        found = np.array([self.shown(line[months].sum(axis=1), counts) / best for line in self.sums])
        return found[:, 0] if draws is None else found

    def intervals(self) -> np.ndarray:
        """95 % bounds of the ratios over resampled months, (policies, 2)."""
        return np.percentile(self.ratios(self.draws()), LEVEL, axis=1).T

    def draws(self) -> np.ndarray:
        """Months of each resample."""
        draw = np.random.default_rng([SEED, len(self.counts)])
        return draw.integers(0, len(self.counts), (RESAMPLES, len(self.counts)))

    def against(self, name: str, rivals: tuple[str, ...]) -> tuple[float, float, float]:
        """A policy's loss against the best of its *rivals* over the whole stream, and 95 % bounds over months."""
        place = [self.names.index(rival) for rival in rivals]
        mine = self.names.index(name)
        draws = self.draws()
        every = self.ratios(draws)
        low, high = np.percentile(every[mine] / every[place].min(axis=0), LEVEL)
        now = self.ratios()
        return float(now[mine] / now[place].min()), float(low), float(high)

    def worst(self, name: str) -> tuple[int, float]:
        """The month (from 1) in which a policy lost most against that month's hindsight, and how much."""
        line = self.sums[self.names.index(name)]
        by_month = self.shown(line, self.counts) / self.shown(self.best, self.counts)
        month = int(np.nanargmax(by_month))
        return month + 1, float(by_month[month])

    def delay(self, name: str, what: str = "promoted") -> float | None:
        """Days from a change until another model serves (or, with *what*, until an "alarms"), the median; None where no
        change is known, infinite where none came before the next one."""
        changes = self.facts["changes"]
        if not changes:
            return None
        first, days = self.facts["first_training_days"], self.facts["days"]
        found = []
        for place, change in enumerate(changes):
            here = first + change
            end = first + changes[place + 1] if place + 1 < len(changes) else days
            there = [day - here for day in self.parts[name][what] if here < day < end]
            found.append(min(there) if there else float("inf"))
        return float(np.median(found))

    def best_fixed(self) -> str:
        """Which policy that looks at nothing was the best over the whole stream."""
        overall = self.overall()
        return min(FIXED, key=lambda name: overall[name])

    def lost(self, name: str, rival: str) -> dict[int, float]:
        """By month (from 1) the share of what a policy lost in all months in which it was worse than *rival*."""
        mine, other = (self.sums[self.names.index(one)] for one in (name, rival))
        worse = np.maximum(mine - other, 0.0)
        if not worse.any():
            return {}
        order = np.argsort(-worse, kind="stable")
        return {int(month) + 1: float(worse[month] / worse.sum()) for month in order if worse[month] > 0}


def standing(name: str, theirs: dict[str, Any], ours: dict[str, dict[str, Any]]) -> Standing:
    """One stream's policies side by side. Raises: Impossible for one that is better than hindsight can be."""
    facts, parts = theirs["stream"], {**theirs["policies"], **ours}
    months = facts["months"]
    month = np.minimum(np.arange(facts["days"] - facts["first_training_days"]) // 30, months - 1)
    same = np.array(theirs["counts"])
    different = [key for key, part in parts.items() if not np.array_equal(part["counts"], same)]
    if different:
        raise Impossible(f"{name}: {different} did not answer the same rows as the others")
    sums = np.array([np.bincount(month, part["sums"], months) for part in parts.values()])
    models = np.array([[np.inf if value is None else value for value in line] for line in theirs["models"]])
    best = np.minimum(sums.min(axis=0), models.min(axis=0))
    return Standing(name, facts, parts, theirs["absent"], sums, np.bincount(month, same, months), best)


def ranks(standings: list[Standing]) -> dict[str, tuple[float, float, float]]:
    """Mean rank over streams of each policy that went through all of them, and 95 % bounds over resampled months.

    Policies with the same loss share the mean of their places.
    """
    common = [
        name
        for name in standings[0].names
        if name not in SIZE and all(name in item.names for item in standings)
    ]

    def placed(values: np.ndarray) -> np.ndarray:
        better = (values[None] < values[:, None]).sum(axis=1)
        same = (values[None] == values[:, None]).sum(axis=1)
        return better + (same + 1) / 2

    now, drawn = [], []
    for item in standings:
        places = [item.names.index(name) for name in common]
        now.append(placed(item.ratios()[places]))
        drawn.append(placed(item.ratios(item.draws())[places]))
    low, high = np.percentile(np.mean(drawn, axis=0), LEVEL, axis=1)
    mean = np.mean(now, axis=0)
    told = zip(common, mean.tolist(), low.tolist(), high.tolist(), strict=True)
    return {name: (rank, least, most) for name, rank, least, most in told}
