"""What a small model is taught from: rows of the training window, and what the graph that learnt them answers."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from millrace_contracts.learning import Params
from millrace_table import digits
from millrace_training.automl import estimators, taught
from millrace_training.automl.aims import Aim
from millrace_training.automl.pipeline import EnsembleMember, Pipeline
from millrace_training.automl.seeds import seed_of
from millrace_training.automl.table import Table, row_digests
from millrace_training.features import encoders
from millrace_training.features.encoders import Encoded
from millrace_training.features.frame import Frame
from millrace_training.graph.session import open_session, predict

MOST_ROWS = 100_000
"""Most rows on which a small model is taught."""
EXCHANGED = 0.1
"""Share of the cells of a made-up row that come from other rows of the window."""
MADE_UP, MADE_UP_A_ROW = 20_000, 4
"""Most rows that are made up, and most for one real row: there the teacher has not learnt what it answers by heart."""


@dataclass(frozen=True)
class Lesson:
    """Rows that a *graph* was trained on, which it answers for a pupil.

    Attributes:
        zone: whose clocks date parts are read from.
        drawn: which rows these are: a digest of their digests, in order.
    """

    graph: bytes
    frame: Frame
    target: np.ndarray
    aim: Aim
    zone: str
    seed: int
    drawn: str

    @cached_property
    def asked(self) -> tuple[Frame, np.ndarray]:
        """Rows that are made up, and the graph's answers to the real ones and then to these."""
        more = exchanged(self.frame, min(MADE_UP, MADE_UP_A_ROW * self.frame.rows), self.seed)
        session = open_session(self.graph)
        return more, np.concatenate([predict(session, self.frame), predict(session, more)])

    def encoded(self, family: str) -> Encoded:
        """The features of a *family*, fitted on these rows as training fits them."""
        style = estimators.STYLES[family]
        told = self.aim.task.encodings(self.target, self.aim.classes)
        return encoders.fit(style, self.frame, told, self.zone, seed_of(self.seed, "encoder", style))

    def pupil(self, family: str, params: Params) -> Pipeline:
        """A small model that was taught the answers."""
        features, (more, answers) = self.encoded(family), self.asked
        matrix = np.concatenate([features.matrix, features.block.apply(more)])
        seed = seed_of(self.seed, family, params)
        made = taught.fit(family, params, matrix, answers, self.aim, seed)
        return Pipeline([EnsembleMember(1.0, features.block, made)], self.aim)

    def self_taught(self, family: str, params: Params) -> Pipeline:
        """The same small model, fitted to the labels."""
        features = self.encoded(family)
        seed = seed_of(self.seed, family, params)
        made = estimators.fit(family, params, features.matrix, self.target, self.aim, seed)
        return Pipeline([EnsembleMember(1.0, features.block, made)], self.aim)


def of(graph: bytes, table: Table, rows: np.ndarray, aim: Aim, zone: str, seed: int) -> Lesson:
    """A lesson of the *rows* (indices) that the *graph* was trained on, drawn with *seed* where they are too many."""
    if len(rows) > MOST_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_ROWS, replace=False))
    some = table.take(rows)
    return Lesson(graph, _centred(some.frame), some.target, aim, zone, seed, digest(table, rows))


def exchanged(frame: Frame, rows: int, seed: int) -> Frame:
    """So many rows of the frame, of which some cells are those of other rows: near the real ones, and none of them.

    Source: the mixing of rows in Fakoor et al., "Fast, accurate, and simple models for tabular data via augmented
    distillation" (2020), in its simplest form.
    """
    draw = np.random.default_rng(seed_of(seed, "exchanged"))
    base = frame.take(draw.integers(0, frame.rows, rows))
    values = dict(base.values)
    for column in frame.columns:
        hit = np.flatnonzero(draw.random(rows) < EXCHANGED)
        changed = np.array(values[column.name])
        changed[hit] = frame.values[column.name][draw.integers(0, frame.rows, len(hit))]
        values[column.name] = changed
    return Frame(frame.columns, values, frame.words, rows)


def digest(table: Table, rows: np.ndarray) -> str:
    """Of the rows' own digests, so that it can be told whether two draws had the same rows."""
    return "sha256:" + hashlib.sha256(row_digests(table)[rows].astype("<i8").tobytes()).hexdigest()


def _centred(frame: Frame) -> Frame:
    """Exact numbers with the centre that a graph subtracts from them, which a signature does not tell."""
    columns = [
        replace(column, centre=_middle(frame.values[column.name])) if column.exact else column
        for column in frame.columns
    ]
    return replace(frame, columns=columns)


def _middle(values: np.ndarray) -> float:
    there = values[np.isfinite(values)]
    return digits.middle(there) if len(there) else 0.0
