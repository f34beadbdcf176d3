"""The parity gate: the graph must answer like the trained pipeline, row by row, also where it hurts.

Rows are real ones and synthetic ones: unseen and non-ASCII words, missing, infinite and huge numbers, and numbers
one float32 step on either side of every kind of split. Rows that differ are counted; a mean would hide them.
"""

from dataclasses import dataclass

import numpy as np

from millrace_training.automl.estimators import Trees
from millrace_training.automl.pipeline import Pipeline
from millrace_training.features.columns import Column
from millrace_training.features.frame import MISSING_TIME, Frame
from millrace_training.graph.session import open_session, predict
from millrace_training.runtime.errors import JobError

REAL, SYNTHETIC = 2_000, 500
BATCHES = (1, 7, 64)
SPLITS = 40
"""About so many splits of a column are looked at from both sides."""
TOLERANCE = 1e-4
"""Largest difference of a row, in standard deviations of the target (or in probability)."""
WORDS = ["", "never seen", "żółć 東京 🚀", " ", "NaN", "0"]
NUMBERS = [np.nan, np.inf, -np.inf, 3e38, -3e38, 0.0, -0.0, 1e-40]
TIMES = [MISSING_TIME, 0, -1, 253_402_300_799, -62_135_596_800, 1 << 40]


@dataclass(frozen=True)
class Parity:
    """What the gate saw: rows compared, rows beyond the tolerance, and the largest difference in its units."""

    rows: int
    bad: int
    largest: float

    def to_dict(self) -> dict[str, float]:
        return {"rows": self.rows, "bad": self.bad, "max": self.largest}


def compare(pipeline: Pipeline, graph: bytes, frame: Frame, scale: float, seed: int) -> Parity:
    """Hold *graph* against *pipeline* on real and synthetic rows.

    Args:
        frame: rows to draw from. scale: standard deviation of the target; 1 for probabilities.
    """
    draw = np.random.default_rng(seed)
    real = frame.take(np.sort(draw.choice(frame.rows, min(REAL, frame.rows), replace=False)))
    session = open_session(graph)
    rows = bad = 0
    largest = 0.0
    for part in (real, synthetic(pipeline, frame, draw)):
        expected = pipeline.predict(part)
        for batch in (*BATCHES, part.rows):
            most = min(part.rows, 200) if batch < 64 else part.rows
            sliced = part.take(np.arange(most))
            off = np.abs(predict(session, sliced, batch) - expected[:most]) / max(scale, 1e-12)
            off = np.where(np.isfinite(off), off, np.inf)
            rows, bad = rows + most, bad + int((off > TOLERANCE).sum())
            largest = max(largest, float(off.max()))
    return Parity(rows, bad, largest)


def gate(pipeline: Pipeline, graph: bytes, frame: Frame, scale: float, seed: int) -> Parity:
    """`compare`, and JobError if any row differs."""
    found = compare(pipeline, graph, frame, scale, seed)
    if found.bad:
        raise JobError(
            "The exported graph is not the trained model",
            f"It answers {found.bad} of {found.rows} rows differently (largest difference {found.largest:.2g}).",
            "Nothing was registered; report this with the job's log.",
        )
    return found


def synthetic(pipeline: Pipeline, frame: Frame, draw: np.random.Generator) -> Frame:
    """SYNTHETIC rows: real ones with some cells replaced by hostile ones."""
    base = frame.take(draw.integers(0, frame.rows, SYNTHETIC))
    values, words = dict(base.values), dict(base.words)
    edges = _edges(pipeline, frame.columns)
    for column in frame.columns:
        hit = np.flatnonzero(draw.random(SYNTHETIC) < 0.35)
        if column.kind == "category":
            words[column.name] = [*base.words[column.name], *WORDS]
            codes = draw.integers(len(base.words[column.name]), len(words[column.name]), len(hit))
            values[column.name] = _replaced(base.values[column.name], hit, codes)
        else:
            pool = (
                np.array(TIMES)
                if column.kind == "timestamp"
                else np.array([*NUMBERS, *edges.get(column.name, [])])
            )
            values[column.name] = _replaced(base.values[column.name], hit, draw.choice(pool, len(hit)))
    return Frame(base.columns, values, words, SYNTHETIC)


def _replaced(values: np.ndarray, hit: np.ndarray, new: np.ndarray) -> np.ndarray:
    made = np.array(values)
    with np.errstate(over="ignore"):
        made[hit] = new.astype(made.dtype)
    return made


def _edges(pipeline: Pipeline, columns: list[Column]) -> dict[str, list[float]]:
    """Numbers on and one float32 step beside the splits of tree members, by column: the first features of a tree
    style matrix are the numbers in their order."""
    plain = [column.name for column in columns if column.datatype == "FP32"]
    made: dict[str, list[float]] = {}
    for member in pipeline.members:
        if not isinstance(member.estimator, Trees):
            continue
        for place, name in enumerate(plain):
            splits = member.estimator.forest.thresholds(place)
            at = splits[:: max(1, len(splits) // SPLITS)].astype(np.float32)
            around = [at, np.nextafter(at, np.float32(np.inf)), np.nextafter(at, np.float32(-np.inf))]
            made.setdefault(name, []).extend(np.concatenate(around).tolist())
    return made
