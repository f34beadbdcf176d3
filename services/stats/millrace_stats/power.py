"""How often the gate says yes: to what is as bad as the margin, to what is as good, and to what is better.

Every figure comes from the code that decides, many worlds at once; beside it stands the rule that it replaced.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from millrace_stats import worlds
from millrace_stats.evidence import Floats
from millrace_stats.measuring import SEED
from millrace_stats.paired import CARRIED_ERROR, ERROR, LEANING
from millrace_stats.pairs import Pair
from millrace_stats.series import MOST, inflation

MARGIN = 0.02
GAPS = (MARGIN, 0.0, -0.02, -0.05, -0.10, -0.20)
HEAD = (
    "| blocks of | number | sd / margin | r | as bad as the margin | as good | 2 % better | 5 % | 10 % | 20 % |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)
CARRIED = (
    "| blocks of | true difference | sd / margin | r | first run | second | third | any of three | "
    "any of three, each anew |\n|---|---|---|---|---|---|---|---|---|"
)
Rng = np.random.Generator


@dataclass(frozen=True)
class Line:
    """One row of a table: what was simulated, and shares in percent."""

    words: tuple[str, ...]
    shares: tuple[str, ...]

    def row(self) -> str:
        return "| " + " | ".join((*self.words, *self.shares)) + " |"


def replaced(candidate: Floats, champion: Floats, margin: float = MARGIN) -> Floats:
    """Whether the rule until November 2026 lets it pass: t bound of the mean difference, widened for dependence."""
    from scipy import special

    shares = (candidate - champion) / champion.mean(axis=-1, keepdims=True)
    blocks = shares.shape[-1]
    centred = shares - shares.mean(axis=-1, keepdims=True)
    lagged = (centred[..., 1:] * centred[..., :-1]).sum(-1) / (centred**2).sum(-1)
    wide = inflation_of(np.clip(lagged + 1 / blocks, 0, MOST))
    half = special.stdtrit(blocks - 1, 1 - ERROR) * shares.std(axis=-1, ddof=1) * wide / np.sqrt(blocks)
    return np.asarray(shares.mean(axis=-1) + half < margin)


def inflation_of(r: Floats) -> Floats:
    """`series.inflation` of many."""
    return np.asarray(np.vectorize(inflation)(r))


def passes(candidate: Floats, champion: Floats, margin: float = MARGIN, error: float = ERROR) -> Floats:
    """Whether the gate lets it pass."""
    return np.asarray(Pair.of(candidate, champion).better.below(margin) < error)


def curves(scale: float) -> Iterator[Line]:
    """The power curve, before and after."""
    for kind in worlds.KINDS:
        for number, times in ((14, 2), (14, 10), (28, 1), (28, 2), (28, 10)):
            for r in (0.0, 0.2, 0.4):
                cells = (cell(kind, number, times, r, gap, int(4000 * scale)) for gap in GAPS)
                words = (kind, str(number), f"{times}", f"{r:g}")
                yield Line(words, tuple(f"{before:.1%} → {after:.1%}" for before, after in cells))


def cell(kind: str, number: int, times: float, r: float, gap: float, repeats: int) -> tuple[float, float]:
    """Shares that pass before and after, on so many blocks with a standard deviation of *times* the margin."""
    draw = np.random.default_rng([SEED, number, int(10 * r)])
    champion, candidate = worlds.blocks(draw, kind, repeats, number, r, times * MARGIN, gap)
    return float(replaced(candidate, champion).mean()), float(passes(candidate, champion).mean())


def carried(scale: float) -> Iterator[Line]:
    """Runs of one configuration against one champion, each on 28 new blocks, with the evidence of the earlier ones."""
    for kind in ("even", "tailed", "proportional"):
        for gap, times in ((MARGIN, 2), (MARGIN, 10), (0.0, 2), (-0.1, 10), (-0.1, 25)):
            for r in (0.0, 0.2, 0.4):
                told, anew = in_turn(kind, gap, times, r, int(3000 * scale))
                shares = [*told.mean(0), told.any(1).mean(), anew.any(1).mean()]
                yield Line(
                    (kind, f"{gap:+.0%}", f"{times}", f"{r:g}"), tuple(f"{share:.1%}" for share in shares)
                )


def in_turn(
    kind: str, gap: float, times: float, r: float, repeats: int, runs: int = 3
) -> tuple[Floats, Floats]:
    """Whether each run passes with the evidence of those before it, and by itself: both (repeats, runs)."""
    draw = np.random.default_rng([SEED, 3, int(10 * r)])
    pairs = [worlds.blocks(draw, kind, repeats, 28, r, times * MARGIN, gap) for _ in range(runs)]
    told, anew = [], []
    for run in range(runs):
        champion, candidate = (np.concatenate([pair[who] for pair in pairs[: run + 1]], 1) for who in (0, 1))
        alone = Pair.of(candidate[:, -28:], champion[:, -28:]).better.below(MARGIN)
        whole = Pair.of(candidate, champion).better.below(MARGIN)
        anew.append(alone < ERROR)
        split = (alone < CARRIED_ERROR) | ((whole < CARRIED_ERROR) & (alone < LEANING))
        told.append(split if run else alone < ERROR)
    return np.stack(told, 1), np.stack(anew, 1)
