"""The rows of one day as arrays: each answered row once, with its label where there is one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.names import ClassValue
from millrace_contracts.signature import Input
from millrace_monitoring.ingest import segments
from millrace_monitoring.ingest.answers import Answers
from millrace_monitoring.labels.queries import Truth
from millrace_monitoring.monitors.watermark import Day
from millrace_monitoring.reviews import weighing
from millrace_monitoring.reviews.weighing import Drawn, Reviewed
from millrace_stats.tasks import Refusal, class_text
from millrace_stats.tasks.labels import ordered
from millrace_stats.tasks.newcomers import typed

MISSING_INTEGER = np.iinfo(np.int64).min
WEIGHT = "weight"


@dataclass(frozen=True)
class Rows:
    """A day.

    table: every row and request of the day, in a fixed order, with `label` and `sample`.
    place: lines of *table* that are the sample, shape (n,).
    columns: the sample's features by tensor name, each of shape (n,), or (n, *shape).
    served: the sample's logged answers, of shape (n,) or (n, classes); NaN where there is none.
    by_champion: which of them the champion's revision answered.
    labels: NaN where there is none; places among *classes*, of which the last are those that no version knew.
    repeated: rows that came more than once.
    weights: how many rows each labelled one speaks for, (n,); None where each speaks for itself.
    reviewed: what people's looks at entries of the queue come to; None where there are none.
    """

    table: pa.Table
    place: np.ndarray
    columns: dict[str, np.ndarray]
    served: np.ndarray
    logged: np.ndarray
    by_champion: np.ndarray
    labels: np.ndarray
    repeated: int
    weights: np.ndarray | None = None
    reviewed: Reviewed | None = None
    classes: Sequence[ClassValue] = ()
    new: Sequence[ClassValue] = ()
    """The last of *classes*: those that the version in production does not know."""

    def __len__(self) -> int:
        return len(self.place)


def of_day(
    tables: Sequence[pa.Table],
    day: Day,
    inputs: Sequence[Input],
    answers: Answers,
    revision: str | None,
    truths: Sequence[Truth],
    drawn: Sequence[Drawn] = (),
) -> Rows:
    """Bring a day's segments and labels together.

    Args:
        inputs: of the monitor's signature; answers: what kind of answer it gives.
        revision: the champion's; a row that several revisions answered counts with its answer. None: it is known
            by elimination when one revision has answered everything.
        drawn: the entries of the queue of reviews that are rows of this day.
    """
    offered = segments.between(segments.joined(tables), day.begin, day.end)
    table = segments.unique(offered)
    revision = revision or _only(table)
    place = sample(table, revision)
    keys = _keys(table, place)
    new = newcomers_of(truths, answers)
    labels = _labels(keys, truths, answers, new)
    reviewed = weighing.of_day(keys, truths, drawn)
    weights = None if reviewed is None else reviewed.weights
    table = _marked(table, place, labels, weights)
    chosen = table.take(pa.array(place))
    return Rows(
        table=table,
        place=place,
        columns=features(chosen, inputs),
        served=answers.of_table(chosen),
        logged=answers.is_logged(chosen),
        by_champion=np.array([name == revision for name in chosen["revision"].to_pylist()], dtype=bool),
        labels=labels,
        repeated=len(offered) - len(table),
        weights=weights,
        reviewed=reviewed,
        classes=(*answers.classes, *new),
        new=new,
    )


def _only(table: pa.Table) -> str | None:
    """The one revision that answered, if there is just one."""
    answered = table.filter(pc.greater_equal(table["index"], 0))
    names = set(answered.filter(pc.equal(answered["listener"], "inference"))["revision"].to_pylist())
    return names.pop() if len(names) == 1 else None


def sample(table: pa.Table, revision: str | None) -> np.ndarray:
    """Lines of *table*, one for each answered (request id, index): the champion's answer, else the first."""
    answered = (table["index"].to_numpy() >= 0) & (np.array(table["listener"].to_pylist()) == "inference")
    best: dict[tuple[str, int], tuple[bool, int]] = {}
    columns = (table[name].to_pylist() for name in ("request_id", "index", "revision"))
    for line, (request, index, by) in enumerate(zip(*columns, strict=True)):
        if answered[line]:
            rank = (by != revision, line)
            key = (request, index)
            if key not in best or rank < best[key]:
                best[key] = rank
    return np.array(sorted(line for _, line in best.values()), dtype=np.int64)


def _keys(table: pa.Table, place: np.ndarray) -> list[tuple[str, int]]:
    chosen = table.select(["request_id", "index"]).take(pa.array(place))
    return list(zip(chosen["request_id"].to_pylist(), chosen["index"].to_pylist(), strict=True))


def newcomers_of(truths: Iterable[Truth], answers: Answers) -> tuple[ClassValue, ...]:
    """The classes that *answers* lacks and labels name, as the data has them."""
    names = sorted({truth.name for truth in truths if truth.name is not None})
    found = (typed(name, answers.classes) for name in names)
    return ordered(value for value in found if not isinstance(value, Refusal))


def _labels(
    keys: Iterable[tuple[str, int]], truths: Iterable[Truth], answers: Answers, new: Sequence[ClassValue]
) -> np.ndarray:
    behind = {class_text(value): float(len(answers.classes) + place) for place, value in enumerate(new)}
    known = {
        (truth.request_id, truth.index): truth.value if truth.name is None else behind.get(truth.name, np.nan)
        for truth in truths
    }
    return np.array([known.get(key, np.nan) for key in keys], dtype=np.float64)


def _marked(table: pa.Table, place: np.ndarray, labels: np.ndarray, weights: np.ndarray | None) -> pa.Table:
    """The table with `sample` and, on its lines, `label`; and `weight` where rows do not all count alike."""
    chosen = np.zeros(len(table), dtype=bool)
    chosen[place] = True
    values = np.full(len(table), np.nan)
    values[place] = labels
    table = table.append_column("sample", pa.array(chosen))
    table = table.append_column("label", pa.array(values, mask=~np.isfinite(values)))
    if weights is None:
        return table
    counts = np.full(len(table), np.nan)
    counts[place] = weights
    return table.append_column(WEIGHT, pa.array(counts, mask=~np.isfinite(counts)))


def features(table: pa.Table, inputs: Sequence[Input]) -> dict[str, np.ndarray]:
    """Features by tensor name, missing values as the graph expects them; tensors that were not sent are left out."""
    columns: dict[str, np.ndarray] = {}
    for item in inputs:
        if item.shape is not None:
            shaped = segments.cells(table, item)
            columns |= {} if shaped is None else {item.name: shaped}
            continue
        values = segments.tensor(table, item.datatype, item.name)
        if values is not None:
            columns[item.name] = _array(values)
    return columns


def _array(column: pa.ChunkedArray) -> np.ndarray:
    if pa.types.is_string(column.type):
        return np.array([text or "" for text in column.to_pylist()], dtype=object)
    if pa.types.is_integer(column.type):
        return column.fill_null(MISSING_INTEGER).to_numpy()
    return np.asarray(column.to_numpy())


def of_file(table: pa.Table, inputs: Sequence[Input]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Features and labels of a closed day's sample, from its file."""
    chosen = table.filter(table["sample"])
    return features(chosen, inputs), chosen["label"].to_numpy().astype(np.float64)


def weights_of(table: pa.Table) -> np.ndarray | None:
    """How many rows each one of a closed day's sample speaks for, from its file; None where each for itself."""
    if WEIGHT not in table.column_names:
        return None
    return table.filter(table["sample"])[WEIGHT].to_numpy().astype(np.float64)
