"""What it brings to judge a candidate as new as it would serve, and to look at archived versions in every run.

Two years of a loop as in `regret`, with an archive of the newest five, and in one world two regimes in turn.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from millrace_stats import power, regret, stakes, worlds
from millrace_stats.evidence import Floats
from millrace_stats.measuring import SEED
from millrace_stats.paired import ERROR, LIKELY
from millrace_stats.pairs import Pair
from millrace_stats.regret import DAYS, EVERY, HOLDOUT, LUCK, World

PART, KEPT, GAIN, BACKED = 7, 5, 0.02, 14
"""Days of a holdout's part, archived versions, least gain of a way back, days on which a model learns a regime."""
REGIMES, OTHER = 60, 0.3
"""Mean days of a regime, and what a model of the other one loses on top."""
WORLDS = (*((world, False) for world in regret.WORLDS), (World("two regimes in turn"), True))
WAYS: dict[str, tuple[bool, float | None]] = {
    "judged without the holdout": (False, None),
    "as new": (True, None),
    "and the archive": (False, LIKELY),
    "both": (True, LIKELY),
    "both, with whatever p": (True, 1.0),
}
"""Whether a candidate is judged as new, and the p below which an archived version answers again; None: none does."""
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]
HEAD = "| world | sd of a day | " + " | ".join(WAYS) + " |\n" + "|---" * (2 + len(WAYS)) + "|"
MARGIN_HEAD = (
    "| blocks of | sd / margin | r | the model that serves | another of its kind | four, one a week |\n"
    "|---|---|---|---|---|---|"
)


@dataclass
class Lives:
    """What every version adds to the loss on every day (versions, repeats, days), when it serves and when it is judged
    without the holdout or as new; its noise, and the loss that all share (repeats, days)."""

    served: Floats
    judged: dict[bool, Floats]
    noise: Floats
    base: Floats

    @classmethod
    def of(cls, draw: np.random.Generator, world: World, repeats: int, spread: float, turns: bool) -> "Lives":
        number = DAYS // EVERY
        luck = LUCK * draw.normal(size=(number, repeats, 1))
        luck[1:] += 0.15 * (draw.random((number - 1, repeats, 1)) < world.spoilt)
        changes = (draw.random((repeats, DAYS)) < (1 / world.jumps if world.jumps else 0)).cumsum(1)
        regime = (draw.random((repeats, DAYS)) < (1 / REGIMES if turns else 0)).cumsum(1) % 2
        noise = [worlds.SHAPES["tailed"](worlds.days(draw, repeats, DAYS, 0.3)) for _ in range(number)]
        base = 1 + 0.2 * worlds.days(draw, repeats, DAYS, 0.3)

        def added(start: int) -> Floats:
            known = regime[:, max(start - BACKED, 0) : max(start, 1)].mean(1, keepdims=True) > 0.5
            return np.asarray(regret.age(world, changes, start) + OTHER * (regime != known))

        starts = [run * EVERY for run in range(number)]
        plain = np.stack([added(max(start - HOLDOUT, 0)) for start in starts]) + luck
        rolled = plain.copy()
        for run, start in enumerate(starts[1:], 1):
            for first in range(start - HOLDOUT, start, PART):
                part = slice(first, first + PART)
                rolled[run][:, part] = (added(first) + luck[run])[:, part]
        served = np.stack([added(start) for start in starts]) + luck
        return cls(served, {False: plain, True: rolled}, spread / np.sqrt(2) * np.stack(noise), base)

    def losses(self, added: Floats, noise: Floats, days: slice) -> Floats:
        return np.asarray(np.maximum(self.base[:, days] * (1 + added[:, days]) + noise[:, days], 0.02))


@dataclass
class Loops:
    """Where each repeat is: its champion, its archive (repeats, KEPT; -1: nobody) and its promotions."""

    champion: Places
    archive: Places
    promoted: Floats
    lost: Floats
    backs: float = 0.0

    @property
    def every(self) -> Places:
        return np.arange(len(self.champion))

    def move(self, new: Places) -> None:
        """Another version answers; who answered before is archived, and of more than KEPT the oldest is forgotten."""
        for one in np.flatnonzero(new != self.champion):
            kept = [item for item in self.archive[one] if item not in (-1, new[one])] + [self.champion[one]]
            self.archive[one] = ([-1] * KEPT + kept)[-KEPT:]
        self.champion = new


def simulate(world: World, spread: float, repeats: int, turns: bool) -> dict[str, tuple[float, float, float]]:
    """Mean regret in percent, promotions, and ways back that a run found, by way."""
    lives = Lives.of(np.random.default_rng([SEED, 7, int(100 * spread)]), world, repeats, spread, turns)
    return {name: _lived(lives, repeats, *way) for name, way in WAYS.items()}


def _lived(lives: Lives, repeats: int, as_new: bool, likely: float | None) -> tuple[float, float, float]:
    every = np.arange(repeats)
    loops = Loops(np.zeros(repeats, int), np.full((repeats, KEPT), -1), np.ones(repeats), np.zeros(repeats))
    for run in range(1, DAYS // EVERY + 1):
        now = lives.served[:run, :, (run - 1) * EVERY : run * EVERY]
        loops.lost += (now[loops.champion, every] - now.min(0)).sum(1)
        if run < DAYS // EVERY:
            _judge(lives, loops, run, as_new, likely)
    return float(100 * loops.lost.mean() / DAYS), float(loops.promoted.mean() - 1), loops.backs


def _judge(lives: Lives, loops: Loops, run: int, as_new: bool, likely: float | None) -> None:
    seen = slice(run * EVERY - HOLDOUT, run * EVERY)
    champion = lives.losses(
        lives.served[loops.champion, loops.every], lives.noise[loops.champion, loops.every], seen
    )
    candidate = lives.losses(lives.judged[as_new][run], lives.noise[run], seen)
    yes = balanced(Pair.of(candidate, champion), run / loops.promoted)
    back = np.full(len(yes), -1)
    if likely is not None:
        back = _back(lives, loops, np.where(yes[:, None], candidate, champion), seen, run, likely)
    loops.backs += float((back >= 0).mean())
    loops.move(np.where(back >= 0, back, np.where(yes, run, loops.champion)))
    loops.promoted += yes & (back < 0)


def balanced(told: Pair, kept: Floats) -> Flags:
    """What the gate lets pass: by proof, or as it costs less to promote than to keep."""
    even = stakes.weigh(told.better, stakes.Prices(1.0, 1.0))
    cheaper = even.promoting < np.minimum(kept, stakes.MOST) * even.keeping
    proven = told.better.below(power.MARGIN) < ERROR
    return np.asarray(proven | (cheaper & ~(told.worse.below(-power.MARGIN) < ERROR)))


def _back(lives: Lives, loops: Loops, rival: Floats, seen: slice, run: int, likely: float) -> Places:
    """The archived version that answers again in each repeat; -1: none."""
    back, best = np.full(len(rival), -1), np.full(len(rival), -GAIN)
    for item in loops.archive.T:
        who = np.maximum(item, 0)
        losses = lives.losses(lives.served[who, loops.every], lives.noise[who, loops.every], seen)
        told = Pair.of(losses, rival)
        better = (item >= 0) & (told.difference < best) & balanced(told, run / loops.promoted)
        better &= told.better.below(0.0) <= likely
        back, best = np.where(better, item, back), np.where(better, told.difference, best)
    return back


def policies(scale: float) -> Iterator[power.Line]:
    """Regret, promotions and ways back of every way, in every world."""
    for spread in (0.04, 0.2, 0.5):
        for world, turns in WORLDS:
            found = simulate(world, spread, int(200 * scale), turns)
            cells = (f"{lost:.1f} % ({count:.0f}, {backs:.1f})" for lost, count, backs in found.values())
            yield power.Line((world.name, f"{spread:.0%}"), tuple(cells))


def margins(scale: float) -> Iterator[power.Line]:
    """How often a candidate passes that is as bad as the margin in the mean of all trainings, by who is judged."""
    for kind in worlds.KINDS:
        for times in (1, 2, 10):
            for r in (0.0, 0.2, 0.4):
                shares = at_the_margin(kind, times, r, int(4000 * scale))
                yield power.Line((kind, f"{times}", f"{r:g}"), tuple(f"{share:.1%}" for share in shares))


def at_the_margin(kind: str, times: float, r: float, repeats: int) -> tuple[float, float, float]:
    """Shares that pass on 28 blocks: the very model that serves; another one of the same training, which came out
    better or worse by LUCK of the champion's loss; and four such, one a week."""
    draw = np.random.default_rng([SEED, 8, int(10 * r)])
    champion, candidate = worlds.blocks(draw, kind, repeats, HOLDOUT, r, times * power.MARGIN, power.MARGIN)
    unit = LUCK * champion.mean(axis=1, keepdims=True)
    parts = draw.normal(size=(repeats, HOLDOUT // PART)).repeat(PART, axis=1)
    judged = (candidate, candidate + unit * parts[:, :1], candidate + unit * parts)
    same, other, rolled = (float(power.passes(item, champion).mean()) for item in judged)
    return same, other, rolled
