"""Two models on the same rows: may the candidate be promoted, and has an archived one become better?

Both work on blocks (days, or groups of rows where there is no time): a block's mean difference is one sample.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np

from millrace_stats import discoveries, evidence
from millrace_stats.pairs import TINY, Pair, Verdict
from millrace_stats.performance import Detector, Reference

ERROR = 0.05
LIKELY = 0.25
"""p of the hypothesis that an archived version is no better, below which a run may go back to it under `balanced`."""
CARRIED_ERROR = 0.03
"""Of each of two looks, where earlier runs have something to say: at the new blocks alone, and at all of them."""
LEANING = 0.25
"""New blocks are against it if what earlier ones say would be as surprising as this; then those do not count."""
SWITCH_LEVEL = 36_500.0
SCALE_DAYS = 28
EFFECT_DAYS = 2 * SCALE_DAYS
"""Closed days over which the size of an effect is measured."""


@dataclass(frozen=True)
class Comparison:
    """The mean difference candidate - champion as a share of the champion's loss, with its bounds."""

    verdict: Verdict
    difference: float
    lower: float
    upper: float
    margin: float
    blocks: int
    rows: int
    autocorrelation: float
    reason: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def non_inferior(
    candidate: np.ndarray,
    champion: np.ndarray,
    rows: np.ndarray,
    margin: float,
    minimum_blocks: int = 14,
    ordered: bool = True,
    error: float = ERROR,
) -> Comparison:
    """Is the candidate not worse than the champion by more than *margin*?

    `passed` if the upper bound of the relative difference of the mean losses is below the margin, `failed` if the
    lower one is above it, else `inconclusive`; also with fewer than *minimum_blocks*.

    Args:
        candidate, champion: mean loss of each block on the same rows, shape (blocks,).
        rows: rows in each block, shape (blocks,); used for the report, every block counts once.
        margin: as a share of the champion's mean loss, like 0.02.
        ordered: blocks follow each other in time, so neighbours may resemble each other.
        error: probability of a wrong `passed` at the margin, and of a wrong `failed`.
    Raises: ValueError for different shapes or values that are not finite.
    Source: `pairs` says what is estimated, `evidence` what is done about dependence and tails.
    """
    candidate, champion = np.asarray(candidate, float), np.asarray(champion, float)
    if candidate.shape != champion.shape or candidate.shape != np.shape(rows):
        raise ValueError("candidate, champion and rows must have one value for each block")
    if not (np.isfinite(candidate).all() and np.isfinite(champion).all()):
        raise ValueError("losses must be finite")
    count, total = len(candidate), int(np.sum(rows))
    if count < max(minimum_blocks, 3):
        reason = f"{count} blocks are too few, {max(minimum_blocks, 3)} are needed"
        return Comparison("inconclusive", np.nan, np.nan, np.nan, margin, count, total, 0.0, reason)
    pair = Pair.of(candidate, champion, ordered)
    verdict, middle, (lower, upper) = pair.verdict(margin, error), float(pair.difference), pair.bounds(error)
    where = {"passed": "below", "failed": "above", "inconclusive": "around"}[verdict]
    reason = (
        f"the candidate's loss differs by {middle:+.1%} ({100 - 100 * error:.0f} % bounds {lower:+.1%} to "
        f"{upper:+.1%}), {where} the margin of {margin:+.1%}, on {count} blocks and {total} rows"
    )
    r = float(pair.better.autocorrelation)
    return Comparison(verdict, middle, lower, upper, margin, count, total, r, reason)


@dataclass(frozen=True)
class SliceFinding:
    """One slice: how much worse the candidate is there, and how sure that is."""

    name: str
    rows: int
    difference: float
    p: float
    q: float
    worse: bool


def slices(
    parts: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
    tolerance: float = 0.05,
    minimum_rows: int = 500,
    rate: float = 0.05,
) -> list[SliceFinding]:
    """Slices in which the candidate is worse by more than *tolerance*, controlled over all slices.

    Args:
        parts: name to (candidate, champion, rows) by block, as in `non_inferior`; a block in which the slice has no
            finite loss is left out.
        rate: false discovery rate (Benjamini-Hochberg).
    Returns: a finding for each slice with at least *minimum_rows* rows and 3 blocks.
    """
    kept = {name: one for name, part in parts.items() if (one := _share(*part, minimum_rows)) is not None}
    if not kept:
        return []
    p_values = _worse([share for share, _ in kept.values()], tolerance)
    judged = zip(kept.items(), p_values, discoveries.adjusted(p_values), strict=True)
    return [
        SliceFinding(name, rows, float(np.mean(share)), p, float(q), bool(q < rate))
        for (name, (share, rows)), p, q in judged
    ]


def _share(
    candidate: np.ndarray, champion: np.ndarray, rows: np.ndarray, minimum_rows: int
) -> tuple[np.ndarray, int] | None:
    """By how much the candidate is worse in each block, as a share of the champion's mean, and on how many rows."""
    candidate, champion, rows = _finite(candidate, champion, rows)
    if np.sum(rows) < minimum_rows or len(candidate) < 3:
        return None
    return (candidate - champion) / max(float(np.mean(champion)), TINY), int(np.sum(rows))


def _worse(shares: Sequence[np.ndarray], tolerance: float) -> list[float]:
    """p of the hypothesis that a mean is at most *tolerance*, for each of several series of blocks.

    Source: `evidence.of`, with what all the series say about dependence (`evidence.dependences`).
    """
    from scipy import special

    counts = np.array([len(share) for share in shares], float)
    worth = evidence.worth(counts, evidence.dependences(shares))
    errors = np.array([max(float(np.std(share, ddof=1)), 1e-12) for share in shares]) / np.sqrt(worth)
    means = np.array([np.mean(share) for share in shares])
    p_values = special.stdtr(evidence.freedom(worth, counts), (tolerance - means) / errors)
    return [float(p) for p in p_values]


def _finite(*part: np.ndarray) -> list[np.ndarray]:
    arrays = [np.asarray(values, float) for values in part]
    known = np.isfinite(arrays[0]) & np.isfinite(arrays[1])
    return [values[known] for values in arrays]


@dataclass
class SwitchBackTest:
    """Sequential evidence that an archived version is better than the champion on the same rows.

    Feed it each closed day's mean losses. The scale is frozen from earlier days on which neither version had seen
    the data, or from the first SCALE_DAYS live days: a running scale would absorb the very effect looked for.

    The effect that must exceed the margin is the mean over the last EFFECT_DAYS. Over all days since the promotion a
    champion's good start would hide for months that it has become the worse one; over the days of the present rise
    alone, equal versions would be switched too often (docs/simulations.md).
    """

    candidates: int = 1
    margin: float = 0.02
    minimum_days: int = 7
    detector: Detector | None = None
    waiting: list[float] = field(default_factory=list)
    recent: list[tuple[float, float]] = field(default_factory=list)
    days: int = 0

    @classmethod
    def start(
        cls,
        candidates: int,
        margin: float = 0.02,
        minimum_days: int = 7,
        earlier: np.ndarray | None = None,
    ) -> "SwitchBackTest":
        """Begin watching one pair.

        Args:
            candidates: how many archived versions are watched at the same time (the level is multiplied by it).
            margin: least gain worth a switch, as a share of the champion's loss.
            earlier: daily differences champion - archived of earlier out-of-sample days; the last 28 are used,
                14 at least.
        """
        made = cls(candidates, margin, minimum_days)
        if earlier is not None and len(earlier) >= SCALE_DAYS // 2:
            made._freeze(np.asarray(earlier, float)[-SCALE_DAYS:])
        return made

    def _freeze(self, differences: np.ndarray) -> None:
        reference = Reference.of_differences(differences)
        self.detector = Detector(reference, SWITCH_LEVEL * self.candidates)

    def update(self, champion: float, archived: float) -> bool:
        """Take in one closed day's mean losses; True if the route should go back to the archived version now.

        Raises: ValueError for losses that are not finite.
        """
        gain = champion - archived
        if not np.isfinite(gain):
            raise ValueError("a day's losses must be finite")
        self.days += 1
        self.recent = [*self.recent, (champion, gain)][-EFFECT_DAYS:]
        if self.detector is None:
            self.waiting.append(gain)
            if len(self.waiting) == SCALE_DAYS:
                self._freeze(np.array(self.waiting))
                self.waiting = []
            return False
        self.detector.update(gain)
        return self.detector.alarm and self.days >= self.minimum_days and self.gain > self.margin

    @property
    def gain(self) -> float:
        """Mean gain of the archived version as a share of the champion's loss, over the last EFFECT_DAYS."""
        loss = sum(champion for champion, _ in self.recent)
        return float(sum(gain for _, gain in self.recent) / loss) if loss > 0 else 0.0

    def evidence(self) -> dict[str, object]:
        """The numbers behind the answer."""
        value = self.detector.log_value if self.detector else None
        level = float(np.log(self.detector.level)) if self.detector else None
        finite = None if value is None or not np.isfinite(value) else value
        return {
            "days": self.days,
            "effect_days": len(self.recent),
            "gain": self.gain,
            "margin": self.margin,
            "log_value": finite,
            "log_level": level,
        }

    def to_dict(self) -> dict[str, object]:
        state = {item.name: getattr(self, item.name) for item in fields(self)}
        detector = self.detector.to_dict() if self.detector else None
        recent = [list(day) for day in self.recent]
        return state | {"detector": detector, "waiting": list(self.waiting), "recent": recent}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> "SwitchBackTest":
        detector = Detector.from_dict(state["detector"]) if state["detector"] else None
        recent = [(champion, gain) for champion, gain in state["recent"]]
        return cls(**{**state, "detector": detector, "waiting": list(state["waiting"]), "recent": recent})
