"""What variants are made of and judged by: rows of the training window to calibrate on, and rows no graph had seen.

A variant of the final graph is what serves; its loss is judged on the graph that had not seen the last rows, given the
same form. Where a candidate has no such graph, both are the final one, and that is told.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from millrace_contracts.compressing import CalibrationRows, CompressSpec
from millrace_stats import tasks
from millrace_table import spacing
from millrace_training.automl import oof, splits
from millrace_training.automl.plan import HOLDOUT_DAYS
from millrace_training.automl.table import Table, copies, load_for, midnight, row_digests
from millrace_training.compress import lessons
from millrace_training.compress.judging import Judged
from millrace_training.compress.target import Feeds
from millrace_training.evaluate import blocks
from millrace_training.features.columns import Column
from millrace_training.features.frame import Frame
from millrace_training.graph.session import in_its_bits, open_session, predict
from millrace_training.rows.records import Records

CALIBRATION, TUNING = 512, 256
"""Rows by which scales are set, and others by which layers are chosen that stay in FP32."""
FOLDS = 5
SEEN = "judged on rows that the model was trained on: the candidate has no graph that has not seen them"


@dataclass(frozen=True)
class Material:
    """One candidate's graphs and rows.

    Attributes:
        graph: what serves. judged_graph: the same before it saw the *held* rows; or the same bytes.
        held: rows to judge on, with what the base forms answer to them: *judged* by the graph that had not seen them,
            *served* by the one that serves.
        calibration, tuning: rows of the training window, as feeds.
        drawn: which rows the calibration has.
        table: all labelled rows. learnt, before: of which the graph, and the one before it, was trained on these.
    """

    graph: bytes
    judged_graph: bytes
    held: Frame
    judged: Judged
    served: np.ndarray
    calibration: Feeds
    tuning: Feeds
    drawn: CalibrationRows
    table: Table
    learnt: np.ndarray
    before: np.ndarray
    notes: list[str]


def gathered(spec: CompressSpec, records: Records, graph: bytes) -> Material:
    """Read the rows, and draw those to calibrate on. Raises: JobError if there are none."""
    assert spec.candidate.signature is not None
    table = load_for(records, spec, spec.candidate.signature)
    apart = _by_time(spec, table) if table.days is not None else _by_folds(spec, table, records)
    unseen = spec.candidate.files.find("holdout")
    sibling = graph if unseen is None else records.artifact(unseen)
    window, rest = _drawn(apart.before, spec.seed)
    rows = np.setdiff1d(apart.held, window)
    held = table.take(rows)
    session = open_session(graph)
    base = predict(open_session(sibling), held.frame)
    texts = {
        column.name: _texts(held.frame, column) for column in held.frame.columns if column.name in spec.slices
    }
    ordered = table.days is not None
    judged = Judged(tasks.of(spec.task), held.target, base, apart.labels[rows], apart.name, texts, ordered)
    return Material(
        graph=graph,
        judged_graph=sibling,
        held=held.frame,
        judged=judged,
        served=base if sibling == graph else predict(session, held.frame),
        calibration=in_its_bits(session, table.frame.take(window).feeds()),
        tuning=in_its_bits(session, table.frame.take(rest).feeds()),
        drawn=CalibrationRows(rows=len(window), seed=spec.seed, digest=lessons.digest(table, window)),
        table=table,
        learnt=apart.learnt,
        before=apart.before,
        notes=[] if unseen is not None or len(apart.held) < table.frame.rows else [SEEN],
    )


@dataclass(frozen=True)
class Apart:
    """Indices of the rows that a graph and the one *before* it were trained on, and of those *held* back from this one;
    the block of every row, and its name."""

    learnt: np.ndarray
    before: np.ndarray
    held: np.ndarray
    labels: np.ndarray
    name: Callable[[int], str]


def _by_time(spec: CompressSpec, table: Table) -> Apart:
    """The last days are held back, as in training."""
    assert table.days is not None
    split = splits.by_time(table, spec.holdout_days or HOLDOUT_DAYS, spec.block)
    before, learnt, since = split.before, np.arange(table.frame.rows), spec.trained_from
    if since is not None:
        begins = {int(day): midnight(int(day), spec.timezone) >= since for day in np.unique(table.days)}
        later = np.array([begins[int(day)] for day in table.days])
        before = before[later[before]] if later[before].any() else before
        learnt = learnt[later] if later.any() else learnt
    unit = spec.block
    labels = spacing.numbers(table.days, unit)
    return Apart(learnt, before, split.holdout, labels, lambda label: spacing.name(label, unit))


def _by_folds(spec: CompressSpec, table: Table, records: Records) -> Apart:
    """The first fold is held back, as training dealt it out; of code of one's own the rows that it was not given."""
    labels = row_digests(table) % blocks.BUCKETS
    every = np.arange(table.frame.rows)
    if spec.candidate.files.find("holdout") is None:
        unseen = _left_out(spec, table, records)
        held, before = (unseen, np.setdiff1d(every, unseen)) if len(unseen) else (every, every)
        return Apart(before, before, held, labels, lambda label: f"bucket {label}")
    fold = splits.folds(table.target, spec.folds or FOLDS, tasks.of(spec.task), spec.seed, copies(table))
    before, held = np.flatnonzero(fold != 0), np.flatnonzero(fold == 0)
    return Apart(every, before, held, labels, lambda label: f"bucket {label}")


def _left_out(spec: CompressSpec, table: Table, records: Records) -> np.ndarray:
    """Rows that the one graph of the candidate was not fitted on: those that it has an answer out of fold for.

    None where every row has one: then no single graph gave them.
    """
    stored = spec.candidate.files.find("out-of-fold")
    if stored is None:
        return np.empty(0, np.int64)
    known = tasks.of(spec.task).known(oof.read(records.artifact(stored), table))
    return np.flatnonzero(known) if not known.all() else np.empty(0, np.int64)


def _drawn(rows: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to calibrate on and others to choose layers by, each in order; the same seed draws the same."""
    order = np.random.default_rng(seed).permutation(rows)
    most = min(CALIBRATION, max(1, len(order) // 2))
    rest = order[most : most + TUNING]
    return np.sort(order[:most]), np.sort(rest if len(rest) else order[:most])


def _texts(frame: Frame, column: Column) -> np.ndarray:
    return frame.texts(column.name) if column.kind == "category" else frame.values[column.name].astype(str)
