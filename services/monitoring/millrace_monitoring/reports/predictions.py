"""What was answered lately and how it came out: which classes, what was taken for what, what a probability is worth."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from millrace import pages
from millrace.pages import Html, pictures
from millrace_contracts.monitors import MonitorWrite
from millrace_monitoring.closing.files import classes_of
from millrace_monitoring.ingest import segments
from millrace_monitoring.ingest.answers import Answers
from millrace_stats.tasks import Task, Value, class_text

DAYS, ROWS = 28, 200_000
"""The pictures are of the last days, and of so many rows at most."""
COLUMNS = ("sample", "label", "prediction", segments.VECTORS)
NO_ANSWERS = "No answer of these days was logged."
UNKNOWN = "(unknown to it)"
"""Classes of labels that the version does not know, in a picture."""
NO_LABELS = "No answered row of these days has a label."


@dataclass(frozen=True)
class Day:
    """One closed day: answers of shape (rows,) or (rows, classes), labels of shape (rows,); NaN where there is none."""

    day: date
    answers: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Logged:
    """The last closed days that have rows, in order, and what kind of answer they hold."""

    task: Task
    classes: Sequence[Value]
    days: Sequence[Day]


def read(spec: MonitorWrite, files: Sequence[tuple[date, bytes]]) -> Logged:
    """Answers and labels out of the files of closed days; nothing of a day that had other classes."""
    kind = Answers.of(spec.task, spec.signature)
    return Logged(kind.task, kind.classes, [_day(day, data, kind) for day, data in files])


def _day(day: date, data: bytes, kind: Answers) -> Day:
    file = pq.ParquetFile(pa.BufferReader(data))
    names = [name for name in COLUMNS if name in file.schema_arrow.names]
    table = file.read(columns=names)
    table = table.filter(pc.fill_null(table["sample"], False))
    labels = table["label"].cast(pa.float64()).to_numpy()
    if classes_of(table, kind.classes)[: len(kind.classes)] != list(kind.classes):
        return Day(day, kind.task.empty(0, kind.classes), np.empty(0))
    return Day(day, kind.of_table(table), labels)


def sections(logged: Logged) -> list[Html]:
    """Pictures of what was answered, or words why there is none."""
    if not logged.days:
        return []
    span = f" ({logged.days[0].day} to {logged.days[-1].day})"
    return [*_mix(logged, span), *_outcome(logged, span)]


def _with_unknown(
    labels: np.ndarray, answers: np.ndarray, classes: Sequence[Value]
) -> tuple[np.ndarray, np.ndarray, Sequence[Value]]:
    """With one class more, of no probability, for labels of classes that the version does not know."""
    if answers.ndim == 1 or not (labels >= len(classes)).any():
        return labels, answers, classes
    wide = np.column_stack([answers, np.zeros(len(answers))])
    return np.minimum(labels, len(classes)), wide, [*classes, UNKNOWN]


def _mix(logged: Logged, span: str) -> list[Html]:
    """Shares of the answered classes by day; nothing where there are no classes."""
    if not logged.task.classifies:
        return []
    title = f"Answered classes by day{span}"
    names = [class_text(value) for value in logged.classes] or ["0", "1"]
    by_day = [(item.day, _shares(logged, item, names)) for item in logged.days]
    answered = [(day, shares) for day, shares in by_day if shares is not None]
    if not answered:
        return [pages.section(title, pages.paragraph(NO_ANSWERS))]
    days = [day.isoformat() for day, _ in answered]
    shares = {name: [day[place] for _, day in answered] for place, name in enumerate(names)}
    words = pages.quiet("Of all answered rows, by whichever revision.")
    return [pages.section(title, pictures.mix(days, shares), words)]


def _shares(logged: Logged, day: Day, names: Sequence[str]) -> list[float] | None:
    """Share of each class among a day's answers; None without answers."""
    chosen = logged.task.chosen(day.answers[Task.known(day.answers)], logged.classes)
    if chosen is None or not len(chosen):
        return None
    words, counts = np.unique(chosen.astype(str), return_counts=True)
    by_name = dict(zip(words.tolist(), (counts / len(chosen)).tolist(), strict=True))
    return [by_name.get(name, 0.0) for name in names]


def _outcome(logged: Logged, span: str) -> list[Html]:
    """What the task draws of answers against labels."""
    answers = np.concatenate([item.answers for item in logged.days])
    labels = np.concatenate([item.labels for item in logged.days])
    judged = Task.known(answers) & np.isfinite(labels)
    if not judged.any():
        return [pages.section(f"Answers against labels{span}", pages.paragraph(NO_LABELS))]
    drawn = logged.task.pictures(*_with_unknown(labels[judged], answers[judged], logged.classes))
    return [pages.section(f"{item.title}{span}", pictures.drawn(item)) for item in drawn]
