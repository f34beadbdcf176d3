"""The parity gate: the graph must answer like the trained pipeline, row by row, also where it hurts.

Rows are real ones and synthetic ones: unseen and non-ASCII words, missing, infinite and huge numbers, and numbers
one float32 step on either side of every kind of split. Rows that differ are counted; a mean would hide them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from millrace_training.features.columns import Column
from millrace_training.features.frame import MISSING_TIME, Frame
from millrace_training.graph.session import answers, open_session
from millrace_training.runtime.errors import JobError

REAL, SYNTHETIC = 2_000, 500
BATCHES = (1, 7, 64)
SPLITS = 40
"""About so many splits of a column are looked at from both sides."""
TOLERANCE = 1e-4
"""Largest difference of a row, in standard deviations of the target (or in probability)."""
WORDS = ["", "never seen", "żółć 東京 🚀", " ", "NaN", "0"]
NUMBERS = [np.nan, np.inf, -np.inf, 3e38, -3e38, 0.0, -0.0, 1e-40]
EXACT = [1e300, -1e300]
"""Numbers that only 64 bits hold."""
TIMES = [MISSING_TIME, 0, -1, 253_402_300_799, -62_135_596_800, 1 << 40]


@dataclass(frozen=True)
class ParityEvidence:
    """What the gate saw: rows compared, rows beyond the tolerance, and the largest difference in its units."""

    rows: int
    bad: int
    largest: float

    def to_dict(self) -> dict[str, float]:
        return {"rows": self.rows, "bad": self.bad, "max": self.largest}


class Trained(Protocol):
    """What a graph is held against."""

    def predict(self, frame: Frame) -> np.ndarray:
        """float64 (rows,), or (rows, classes)."""

    def chosen(self, predicted: np.ndarray) -> dict[str, np.ndarray]:
        """What the other outputs must be for such numbers, by name."""

    def splits(self, columns: Sequence[Column]) -> dict[str, list[np.ndarray]]:
        """Sorted thresholds of each forest, by column."""


def compare(
    trained: Trained, graph: bytes, frame: Frame, scale: float, seed: int, hostile: bool = True
) -> ParityEvidence:
    """Hold *graph* against *trained* on real and synthetic rows, in every output.

    Args:
        frame: rows to draw from. scale: standard deviation of the target; 1 for probabilities.
        hostile: whether synthetic rows are compared too; a graph that fills no gaps has no number for them.
    """
    draw = np.random.default_rng(seed)
    real = frame.take(np.sort(draw.choice(frame.rows, min(REAL, frame.rows), replace=False)))
    session = open_session(graph)
    rows = bad = 0
    largest = 0.0
    for part in (real, synthetic(trained, frame, draw)) if hostile else (real,):
        expected = trained.predict(part)
        for batch in (*BATCHES, part.rows):
            most = min(part.rows, 200) if batch < 64 else part.rows
            first, *more = answers(session, part.take(np.arange(most)), batch).items()
            off = _difference(first[1], expected[:most], scale)
            wrong = (off > TOLERANCE) | _other(dict(more), trained.chosen(first[1]), most)
            rows, bad = rows + most, bad + int(wrong.sum())
            largest = max(largest, float(off.max()))
    return ParityEvidence(rows, bad, largest)


def _difference(answered: np.ndarray, expected: np.ndarray, scale: float) -> np.ndarray:
    """The largest difference of each row, (rows,), in units of *scale*; infinite where there is no number."""
    off = np.abs(answered - expected) / max(scale, 1e-12)
    off = np.where(np.isfinite(off), off, np.inf)
    return off if off.ndim == 1 else off.max(axis=1)


def _other(answered: dict[str, np.ndarray], expected: dict[str, np.ndarray], rows: int) -> np.ndarray:
    """Rows in which an output besides the numbers is not what the graph's own numbers say, bool (rows,)."""
    if set(answered) != set(expected):
        return np.ones(rows, bool)
    wrong = np.zeros(rows, bool)
    for name, values in answered.items():
        wrong |= values != expected[name]
    return wrong


def gate(trained: Trained, graph: bytes, frame: Frame, scale: float, seed: int) -> ParityEvidence:
    """`compare`, and JobError if any row differs."""
    seen = compare(trained, graph, frame, scale, seed)
    if seen.bad:
        raise JobError(
            "The exported graph is not the trained model",
            f"It answers {seen.bad} of {seen.rows} rows differently (largest difference {seen.largest:.2g}).",
            "Nothing was registered; report this with the job's log.",
        )
    return seen


def synthetic(trained: Trained, frame: Frame, draw: np.random.Generator) -> Frame:
    """SYNTHETIC rows: real ones with some cells replaced by hostile ones.

    No column gets a word that means missing there: readers have made it so, and the graph does so too.
    """
    base = frame.take(draw.integers(0, frame.rows, SYNTHETIC))
    values, words = dict(base.values), dict(base.words)
    edges = _edges(trained, frame.columns)
    for column in frame.columns:
        hit = np.flatnonzero(draw.random(SYNTHETIC) < 0.35)
        if column.kind == "category":
            hostile = [word for word in WORDS if word not in column.marks]
            words[column.name] = [*base.words[column.name], *hostile]
            codes = draw.integers(len(base.words[column.name]), len(words[column.name]), len(hit))
            values[column.name] = _replaced(base.values[column.name], hit, codes)
        else:
            pool = _pool(column, edges.get(column.name, []))
            each = (len(hit), *column.shape)
            values[column.name] = _replaced(base.values[column.name], hit, draw.choice(pool, each))
    return Frame(base.columns, values, words, SYNTHETIC)


def _pool(column: Column, edges: list[float]) -> np.ndarray:
    """What a number or a time may be replaced by."""
    if column.kind == "timestamp":
        return np.array(TIMES)
    if column.exact:
        return np.array([*NUMBERS, *EXACT, column.centre, *(column.centre + edge for edge in edges)])
    return np.array([*NUMBERS, *edges])


def _replaced(values: np.ndarray, hit: np.ndarray, new: np.ndarray) -> np.ndarray:
    replaced = np.array(values)
    with np.errstate(over="ignore"):
        replaced[hit] = new.astype(replaced.dtype)
    return replaced


def _edges(trained: Trained, columns: Sequence[Column]) -> dict[str, list[float]]:
    """Numbers on and one float32 step beside the splits of trees, by column."""
    edges: dict[str, list[float]] = {}
    for name, forests in trained.splits(columns).items():
        for splits in forests:
            at = splits[:: max(1, len(splits) // SPLITS)].astype(np.float32)
            around = [at, np.nextafter(at, np.float32(np.inf)), np.nextafter(at, np.float32(-np.inf))]
            edges.setdefault(name, []).extend(np.concatenate(around).tolist())
    return edges
