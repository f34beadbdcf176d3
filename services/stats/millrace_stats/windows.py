"""Which spans of history a loop should try: three years of a loop in worlds where the truth moves.

A model is the mean of what each day of its window tells of the truth (eight numbers); its loss is the distance from a
day's truth. So a long window is sure and old, a short one new and unsure, as for any learner.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from millrace_stats import power, worlds
from millrace_stats.changing import since_change
from millrace_stats.choosing import PART, by_the_others
from millrace_stats.evidence import Floats
from millrace_stats.measuring import SEED
from millrace_stats.pairs import Pair
from millrace_stats.renewal import balanced

NUMBERS, FIRST, EVERY, HOLDOUT, DAYS = 8, 60, 30, 28, 60 + 36 * 30
"""Numbers of the truth, days of the first model, days between runs, days of a holdout, days in all."""
NOISE, DIFFERS, RECENT, YEAR = 1 / 7, 0.05, 60, 365
"""Variance of what a day tells of each number; mean distance of a day's own truth; days of the short window."""
LOOKED_BACK = 180
"""Days in which a change is looked for."""
Days = npt.NDArray[np.int64]
Span = tuple[Days | int, Days | int]


def _towards(draw: np.random.Generator, repeats: int, distance: float) -> Floats:
    """A direction for each repeat, of that squared length: (repeats, 1, NUMBERS)."""
    drawn = draw.normal(size=(repeats, 1, NUMBERS))
    return np.asarray(drawn / np.linalg.norm(drawn, axis=2, keepdims=True) * np.sqrt(distance))


def _still(draw: np.random.Generator, repeats: int) -> Floats:
    return np.zeros((repeats, DAYS, NUMBERS))


def _slow(draw: np.random.Generator, repeats: int) -> Floats:
    """A walk that is 4 % of the loss away after 30 days."""
    steps = draw.normal(size=(repeats, DAYS, NUMBERS)) * np.sqrt(0.04 / 30 / NUMBERS)
    return np.asarray(steps.cumsum(1))


def _abrupt(draw: np.random.Generator, repeats: int) -> Floats:
    jumps = draw.random((repeats, DAYS, 1)) < 1 / 180
    drawn = draw.normal(size=(repeats, DAYS, NUMBERS))
    sizes = drawn / np.linalg.norm(drawn, axis=2, keepdims=True) * np.sqrt(0.2)
    return np.asarray((jumps * sizes).cumsum(1))


def _turns(draw: np.random.Generator, repeats: int) -> Floats:
    regime = (draw.random((repeats, DAYS)) < 1 / 60).cumsum(1) % 2
    return np.asarray(regime[..., None] * _towards(draw, repeats, 0.3))


def _season(draw: np.random.Generator, repeats: int) -> Floats:
    """A circle once a year; the other half of the year is 30 % of the loss away."""
    phase = 2 * np.pi * np.arange(DAYS)[None, :, None] / YEAR
    one, other = (_towards(draw, repeats, 0.075) for _ in range(2))
    return np.asarray(np.cos(phase) * one + np.sin(phase) * other)


def _halves(draw: np.random.Generator, repeats: int) -> Floats:
    """One truth in one half of each year, another in the other."""
    began = draw.integers(0, YEAR, (repeats, 1))
    half = (np.arange(DAYS)[None] + began) % YEAR < YEAR // 2
    return np.asarray(half[..., None] * _towards(draw, repeats, 0.3))


WORLDS: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "nothing changes": _still,
    "slowly elsewhere, 4 % in 30 days": _slow,
    "abrupt changes of 20 %, twice a year": _abrupt,
    "two regimes in turn, 60 days each": _turns,
    "a yearly season of 30 %": _season,
    "two halves of the year, 30 % apart": _halves,
}
OWN, OTHERS, REFITS = "own", "others", "refits"
"""Who chooses among windows: models from before the holdout, each week of which is then answered by what was best on
all weeks, or on the other ones; or, for those, models that are fitted anew before each week."""
WAYS = {
    "all, 60d, judged where chosen": (("all", "recent"), OWN),
    "all, 60d": (("all", "recent"), OTHERS),
    "chosen by refits": (("all", "recent"), REFITS),
    "and since the last change": (("all", "recent", "change"), OTHERS),
    "and 30d, 120d": (("all", "recent", "30", "120"), OTHERS),
    "and the season": (("all", "recent", "season"), OTHERS),
    "season, judged where chosen": (("all", "recent", "season"), OWN),
}
HEAD = "| world | " + " | ".join(WAYS) + " |\n|---|" + "---|" * len(WAYS)


@dataclass
class World:
    """The truth and what each day tells of it, (repeats, days, NUMBERS), and the loss that all models share."""

    truth: Floats
    told: Floats
    base: Floats
    sums: Floats = field(init=False)

    def __post_init__(self) -> None:
        begin = np.zeros((len(self.told), 1, NUMBERS))
        self.sums = np.concatenate([begin, self.told.cumsum(1)], axis=1)

    @classmethod
    def of(cls, name: str, repeats: int) -> "World":
        draw = np.random.default_rng([SEED, 10, list(WORLDS).index(name)])
        truth = WORLDS[name](draw, repeats)
        own = np.stack([worlds.days(draw, repeats, DAYS, 0.3) for _ in range(NUMBERS)], axis=-1)
        noise = np.sqrt(NOISE) * draw.normal(size=truth.shape)
        base = np.maximum(1 + 0.2 * worlds.days(draw, repeats, DAYS, 0.3), 0.1)
        return cls(truth, truth + np.sqrt(DIFFERS / NUMBERS) * own + noise, base)

    @property
    def every(self) -> Days:
        return np.arange(len(self.told))

    def fit(self, spans: list[Span]) -> Floats:
        """The model of these spans, first day included and last excluded: (repeats, NUMBERS)."""
        total, count = np.zeros((len(self.told), NUMBERS)), np.zeros(len(self.told))
        for first, last in spans:
            begin = np.maximum(np.broadcast_to(first, count.shape), 0)
            end = np.maximum(np.broadcast_to(last, count.shape), begin)
            total, count = (
                total + self.sums[self.every, end] - self.sums[self.every, begin],
                count + end - begin,
            )
        return np.asarray(total / np.maximum(count, 1)[:, None])

    def losses(self, model: Floats, days: slice) -> Floats:
        return np.asarray(self.base[:, days] + ((self.told[:, days] - model[:, None]) ** 2).sum(-1))

    def regret(self, model: Floats, days: slice) -> Floats:
        return np.asarray(((self.truth[:, days] - model[:, None]) ** 2).sum(-1).sum(1))


def spans(window: str, end: int, change: Days) -> list[Span]:
    """The days of a window before *end*."""
    if window == "all":
        return [(0, end)]
    if window == "change":
        return [(np.minimum(change, end - 14), end)]
    if window == "season":
        years = [(end - YEAR * year - 30, end - YEAR * year + 60) for year in range(1, 4)]
        return [(end - RECENT, end), *(span for span in years if span[1] > 0)]
    return [(end - (RECENT if window == "recent" else int(window)), end)]


def _tried(windows: tuple[str, ...], end: int) -> list[str]:
    return [name for name in windows if name != "season" or end - YEAR + 60 > 14]


def lived(world: World, windows: tuple[str, ...], chosen: str) -> tuple[float, float]:
    """Mean regret in percent of the best loss, and promotions, of a loop that runs every 30 days (balanced)."""
    champion, change = world.fit([(0, FIRST)]), np.zeros(len(world.told), np.int64)
    lost, promoted = np.zeros(len(world.told)), np.ones(len(world.told))
    runs = (DAYS - FIRST) // EVERY
    for run in range(1, runs + 1):
        now = FIRST + run * EVERY
        lost += world.regret(champion, slice(now - EVERY, now))
        if run == runs:
            break
        if "change" in windows:
            change = _changed(world, change, now)
        candidate, judged = _candidate(world, _tried(windows, now - HOLDOUT), change, now, chosen)
        rival = world.losses(champion, slice(now - HOLDOUT, now))
        yes = balanced(Pair.of(judged, rival), run / promoted)
        champion = np.where(yes[:, None], candidate, champion)
        promoted += yes
    return float(100 * lost.mean() / (runs * EVERY)), float(promoted.mean() - 1)


def _changed(world: World, change: Days, now: int) -> Days:
    """The last change that a fixed model's losses show in half a year, else the one known before."""
    begin = max(FIRST, now - LOOKED_BACK)
    found = since_change(world.losses(world.fit([(0, begin)]), slice(begin, now)))
    return np.where(found >= 0, begin + found, change)


def _candidate(
    world: World, windows: list[str], change: Days, now: int, chosen: str
) -> tuple[Floats, Floats]:
    """What would serve, and the losses by which it is judged."""
    held = slice(now - HOLDOUT, now)
    before = np.stack([world.losses(world.fit(spans(name, held.start, change)), held) for name in windows])
    rolled = before.copy()
    for begin in range(held.start + PART, now, PART):
        here = slice(begin - held.start, begin - held.start + PART)
        for place, name in enumerate(windows):
            model = world.fit(spans(name, begin, change))
            rolled[place][:, here] = world.losses(model, slice(begin, begin + PART))
    told = rolled if chosen == REFITS else before
    best = told.mean(-1).argmin(0)
    final = np.stack([world.fit(spans(name, now, change)) for name in windows])
    judged = rolled[best, world.every] if chosen == OWN else by_the_others(told, PART, rolled)
    return final[best, world.every], judged


def policies(scale: float) -> Iterator[power.Line]:
    """Regret and promotions of every way, in every world."""
    for name in WORLDS:
        world = World.of(name, int(200 * scale))
        found = (lived(world, *way) for way in WAYS.values())
        yield power.Line((name,), tuple(f"{lost:.2f} % ({count:.0f})" for lost, count in found))
