"""What it does to a promise that the candidate is the best of several, chosen on the rows that the gate judges."""

from collections.abc import Iterator

import numpy as np

from millrace_stats import power, worlds
from millrace_stats.evidence import Floats
from millrace_stats.measuring import SEED

BLOCKS, PART = 28, 7
"""Blocks of a holdout, and of a part of it."""
TRIED = (1, 2, 4, 6)
HEAD = (
    "| blocks of | r | alike | "
    + " | ".join(f"best of {number}" for number in TRIED)
    + " |\n|---|---|---|"
    + "---|" * len(TRIED)
)


def by_the_others(losses: Floats, part: int = PART, told: Floats | None = None) -> Floats:
    """Losses of what is chosen for each part by all other parts, (..., blocks): no part has a say in its own choice.

    Args:
        losses: of each that was tried, (tried, ..., blocks). part: blocks of a part. told: what is told of what is
            chosen, of the same shape; None: the same losses.
    """
    told, chosen = losses if told is None else told, np.empty(losses.shape[1:])
    blocks = losses.shape[-1]
    for begin in range(0, blocks, part):
        here = np.arange(blocks) // part == begin // part
        best = losses[..., ~here].mean(axis=-1).argmin(axis=0)
        chosen[..., here] = np.take_along_axis(told[..., here], best[None, ..., None], 0)[0]
    return chosen


def best_of_all(losses: Floats) -> Floats:
    """Losses of the one that is best on all blocks, (..., blocks)."""
    best = losses.mean(axis=-1).argmin(axis=0)
    return np.asarray(np.take_along_axis(losses, best[None, ..., None], 0)[0])


def passing(kind: str, r: float, alike: float, tried: int, repeats: int) -> tuple[float, float]:
    """Shares that pass the gate of candidates as bad as the margin, all of them, of which the best is judged: chosen on
    the blocks that are judged, and for each part by the others.

    Args:
        alike: share of what moves a candidate's difference from block to block that all of them have in common.
    """
    draw = np.random.default_rng([SEED, 9, tried, int(10 * r)])
    champion = 1 + 0.2 * worlds.days(draw, repeats, BLOCKS, r)
    common = worlds.days(draw, repeats, BLOCKS, r)
    moves = (
        np.sqrt(alike) * common + np.sqrt(1 - alike) * worlds.days(draw, repeats, BLOCKS, r)
        for _ in range(tried)
    )
    spread, gap = 2 * power.MARGIN, power.MARGIN
    losses = np.stack([champion * (1 + gap) + spread * worlds.SHAPES[kind](move) for move in moves])
    ways = best_of_all(losses), by_the_others(losses)
    same, others = (float(power.passes(item, champion).mean()) for item in ways)
    return same, others


def margins(scale: float) -> Iterator[power.Line]:
    """Both shares, by how many were tried and how much alike they are."""
    for kind in ("even", "tailed"):
        for r in (0.0, 0.2, 0.4):
            for alike in (0.5, 0.9):
                told = (passing(kind, r, alike, tried, int(4000 * scale)) for tried in TRIED)
                cells = tuple(f"{same:.1%} → {others:.1%}" for same, others in told)
                yield power.Line((kind, f"{r:g}", f"{alike:g}"), cells)
