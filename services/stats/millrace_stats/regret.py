"""What a gate's policy costs in the end: two years of a loop that retrains every 30 days, in made-up worlds.

Regret is what the version that answers loses above the best version there is on that day, as a share of the loss of
the best possible model. The way back is left out, so promoting is shown dearer than it is.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from millrace_stats import power, stakes, worlds
from millrace_stats.evidence import Floats
from millrace_stats.measuring import SEED
from millrace_stats.paired import CARRIED_ERROR, ERROR, LEANING
from millrace_stats.pairs import Pair

DAYS, EVERY, HOLDOUT = 720, 30, 28
LUCK = 0.02
"""Standard deviation of how much worse or better one training comes out than another on the same data."""
HEAD = (
    "| world | sd of a day | "
    + " | ".join(("never", "always", "until now", "strict", "balanced"))
    + " |\n|---|---|---|---|---|---|---|"
)
Flags = np.ndarray


@dataclass(frozen=True)
class World:
    """How models age. Losses are shares of the best possible one.

    Attributes:
        slow: added every 30 days. jumps: mean days between changes, each of which adds *size*; 0: none.
        season: at most added by data of the other half of the year. spoilt: share of trainings on broken data, which
            are worse by 0.15.
    """

    name: str
    slow: float = 0.0
    jumps: int = 0
    size: float = 0.2
    season: float = 0.0
    spoilt: float = 0.0


WORLDS = (
    World("nothing changes"),
    World("nothing changes, one training in seven is spoilt", spoilt=0.15),
    World("slowly worse, 2 % every 30 days", slow=0.02),
    World("abrupt changes of 20 %, twice a year", jumps=180),
    World("the same, one training in seven is spoilt", jumps=180, spoilt=0.15),
    World("a yearly season of 30 %", season=0.3),
)


@dataclass
class Versions:
    """What every version adds to the loss on every day, and its noise: (versions, repeats, days)."""

    judged: Floats
    served: Floats
    noise: Floats
    base: Floats


@dataclass
class Standing:
    """Where each repeat is: its champion, and what earlier runs against it have told."""

    champion: Floats
    promoted: Floats
    told: list[tuple[Floats, Floats, Floats]] = field(default_factory=list)


def versions(draw: np.random.Generator, world: World, repeats: int, r: float, spread: float) -> Versions:
    """Every run's candidate, as it is judged (without the holdout) and as it is served (with it)."""
    number = DAYS // EVERY
    luck = LUCK * draw.normal(size=(number, repeats, 1))
    luck[1:] += 0.15 * (draw.random((number - 1, repeats, 1)) < world.spoilt)
    changes = (draw.random((repeats, DAYS)) < (1 / world.jumps if world.jumps else 0)).cumsum(1)
    starts = [run * EVERY for run in range(number)]
    served = np.stack([age(world, changes, start) for start in starts]) + luck
    judged = np.stack([age(world, changes, max(start - HOLDOUT, 0)) for start in starts]) + luck
    noise = np.stack(
        [spread / np.sqrt(2) * worlds.SHAPES["tailed"](worlds.days(draw, repeats, DAYS, r)) for _ in starts]
    )
    return Versions(judged, served, noise, 1 + 0.2 * worlds.days(draw, repeats, DAYS, r))


def age(world: World, changes: Floats, start: int) -> Floats:
    """What data up to day *start* adds to the loss on every day."""
    day = np.arange(DAYS)
    slow = np.minimum(world.slow * np.maximum(day - start, 0) / 30, 0.6)
    season = world.season * (1 - np.cos(2 * np.pi * (day - start) / 365)) / 2
    past = np.minimum(np.abs(changes - changes[:, [max(start - 1, 0)]]), 2)
    return np.asarray(slow + season + world.size * past)


def simulate(world: World, spread: float, r: float, repeats: int) -> dict[str, tuple[float, float]]:
    """Mean regret in percent and promotions, by policy."""
    draw = np.random.default_rng([SEED, int(100 * spread)])
    made = versions(draw, world, repeats, r, spread)
    return {name: _lived(made, repeats, rule) for name, rule in POLICIES.items()}


def _lived(made: Versions, repeats: int, rule: "Rule") -> tuple[float, float]:
    every = np.arange(repeats)
    standing = Standing(np.zeros(repeats, int), np.ones(repeats))
    lost = np.zeros(repeats)
    for run in range(1, DAYS // EVERY + 1):
        until = slice((run - 1) * EVERY, run * EVERY)
        now = made.served[:run, :, until]
        lost += (now[standing.champion, every] - now.min(0)).sum(1)
        if run < DAYS // EVERY:
            seen = slice(run * EVERY - HOLDOUT, run * EVERY)
            champion = _losses(
                made, made.served[standing.champion, every], made.noise[standing.champion, every], seen
            )
            candidate = _losses(made, made.judged[run], made.noise[run], seen)
            standing.told.append((standing.champion.copy(), champion, candidate))
            yes = rule(standing, run)
            standing.champion = np.where(yes, run, standing.champion)
            standing.promoted += yes
    return float(100 * lost.mean() / DAYS), float(standing.promoted.mean() - 1)


def _losses(made: Versions, added: Floats, noise: Floats, days: slice) -> Floats:
    return np.asarray(np.maximum(made.base[:, days] * (1 + added[:, days]) + noise[:, days], 0.02))


Rule = Callable[[Standing, int], Flags]


def _always(yes: bool) -> Rule:
    return lambda standing, run: np.full(len(standing.champion), yes)


def _until_now(standing: Standing, run: int) -> Flags:
    _, champion, candidate = standing.told[-1]
    return power.replaced(candidate, champion)


def _strict(standing: Standing, run: int) -> Flags:
    """The gate with the evidence of up to two earlier runs against the same champion."""
    who, champion, candidate = standing.told[-1]
    alone = Pair.of(candidate, champion).better.below(power.MARGIN)
    yes, same = alone < ERROR, np.ones(len(who), bool)
    for before in standing.told[-2:-4:-1]:
        same = same & (before[0] == who)
        champion, candidate = (
            np.concatenate([before[1], champion], 1),
            np.concatenate([before[2], candidate], 1),
        )
        whole = Pair.of(candidate, champion).better.below(power.MARGIN)
        split = (alone < CARRIED_ERROR) | ((whole < CARRIED_ERROR) & (alone < LEANING))
        yes = np.where(same, split, yes)
    return yes


def _balanced(standing: Standing, run: int) -> Flags:
    """What the strict gate lets pass, and what costs less to promote than to keep by the loop's own history."""
    _, champion, candidate = standing.told[-1]
    told = Pair.of(candidate, champion)
    kept = run / standing.promoted
    even = stakes.weigh(told.better, stakes.Prices(1.0, 1.0))
    ratio = np.minimum(kept, stakes.MOST)
    cheaper = even.promoting < ratio * even.keeping
    failed = told.worse.below(-power.MARGIN) < ERROR
    return _strict(standing, run) | (cheaper & ~failed)


POLICIES: dict[str, Rule] = {
    "never": _always(False),
    "always": _always(True),
    "until now": _until_now,
    "strict": _strict,
    "balanced": _balanced,
}


def policies(scale: float) -> Iterator[power.Line]:
    """Regret and promotions of every policy, in every world."""
    for spread in (0.04, 0.2, 0.5):
        for world in WORLDS:
            found = simulate(world, spread, 0.3, int(400 * scale))
            cells = (f"{lost:.1f} % ({count:.0f})" for lost, count in found.values())
            yield power.Line((world.name, f"{spread:.0%}"), tuple(cells))
