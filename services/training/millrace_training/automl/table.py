"""The rows that training and evaluation look at: features, target, days, and a digest of each row."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import xxhash

from millrace_contracts.data import DataContract
from millrace_contracts.datasets import DatasetVersionRead, SchemaColumn
from millrace_contracts.learning import EvaluateSpec, LearningSpec, TrainSpec
from millrace_contracts.signature import Signature
from millrace_contracts.tables import Dialect
from millrace_stats import groups, tasks
from millrace_stats.tasks import Value
from millrace_table import personal
from millrace_training.automl import targets
from millrace_training.features import exact
from millrace_training.features.clocks import ahead
from millrace_training.features.columns import (
    Column,
    columns_from_signature,
    columns_of,
    is_identifier,
    marked,
)
from millrace_training.features.frame import MISSING_TIME, Frame, epoch_micros, from_arrow
from millrace_training.rows import newcomers
from millrace_training.rows.digests import mixed
from millrace_training.rows.records import Records
from millrace_training.runtime.errors import JobError

DAY = 86_400_000_000


@dataclass(frozen=True)
class Table:
    """Labelled rows.

    Attributes:
        target: float64 (rows,); places among the classes, if there are.
        classes: as they stand in the data, in the order of the outputs; none for a regression.
        days: int64 (rows,): day number since 1970 in the loop's time zone, or None without event time.
        micros: int64 (rows,): event time in microseconds since 1970 UTC, or None.
        left_out: columns that were left out by themselves: they name rows and describe nothing.
        weight: float64 (rows,): how much each row counts, or None where all count alike.
        groups: object (rows,) by column: the group of each row by each protected attribute; none in training.
        dialect: what the data's contract says of cells: their marks for missing, and which number is the day.
    """

    frame: Frame
    target: np.ndarray
    classes: tuple[Value, ...]
    days: np.ndarray | None
    micros: np.ndarray | None
    left_out: list[str] = field(default_factory=list)
    dialect: Dialect = field(default_factory=Dialect)
    weight: np.ndarray | None = None
    groups: dict[str, np.ndarray] = field(default_factory=dict)

    def take(self, rows: np.ndarray) -> "Table":
        """The rows at these indices."""
        days = None if self.days is None else self.days[rows]
        micros = None if self.micros is None else self.micros[rows]
        weight = None if self.weight is None else self.weight[rows]
        groups = {name: values[rows] for name, values in self.groups.items()}
        return Table(
            self.frame.take(rows), self.target[rows], self.classes, days, micros, weight=weight, groups=groups
        )


def load(records: Records, spec: LearningSpec, columns: list[Column] | None = None) -> Table:
    """The labelled rows of a dataset version before the cut, to learn from.

    Args:
        columns: the features to use; left out: all that may be used.
    Raises: JobError if nothing can be learned from the rows.
    """
    version = records.version(spec.dataset, spec.dataset_version)
    whole = records.rows(version)
    rows = _of_classes(_labelled(whole, spec), version, spec)
    left_out: list[str] = []
    if columns is None:
        columns, left_out = _usable(rows, version.data_schema, spec, personal_columns(whole, spec))
    if not columns:
        raise JobError(
            "Nothing to learn from", "No column is left that a model may use.", "Exclude fewer columns."
        )
    dialect = _dialect(version)
    columns = marked(columns, [mark for mark in dialect.missing or [] if mark])
    columns = exact.learnt(rows, columns, _chosen(spec))
    target, classes = targets.learnt(rows.column(spec.target), tasks.of(spec.task))
    made = _table(rows, columns, target, classes, spec, left_out)
    return replace(made, dialect=dialect, weight=targets.weights(rows, spec))


def _of_classes(rows: pa.Table, version: DatasetVersionRead, spec: LearningSpec) -> pa.Table:
    """The rows without those of classes that neither production knows nor the data has often enough."""
    if not isinstance(spec, TrainSpec) or spec.known_classes is None:
        return rows
    found = newcomers.of_rows(rows, spec, version)
    return rows.filter(pa.array(found.kept(rows.column(spec.target)))) if found.aside else rows


def load_for(records: Records, spec: LearningSpec, signature: Signature) -> Table:
    """The labelled rows of a dataset version before the cut, as a model with this *signature* sees them.

    Rows of a class that the model does not have are left out.
    """
    rows = _labelled(records.rows(records.version(spec.dataset, spec.dataset_version)), spec)
    classes = tuple(signature.classes or ())
    target = targets.read(rows.column(spec.target), tasks.of(spec.task), classes)
    labelled = ~np.isnan(target)
    if not labelled.any():
        detail = "No labelled row has one of the model's classes."
        raise JobError("Nothing to judge by", detail, "Add labelled data.")
    columns, rows = columns_from_signature(signature), rows.filter(pa.array(labelled))
    made = _table(rows, columns, target[labelled], classes, spec, [])
    return replace(made, groups=_groups(rows, spec))


def _groups(rows: pa.Table, spec: LearningSpec) -> dict[str, np.ndarray]:
    """The group of each row by each declared attribute that the data has; an evaluation says which it has not."""
    if not isinstance(spec, EvaluateSpec) or spec.fairness is None:
        return {}
    return {
        item.column: groups.named(rows.column(item.column).to_pylist(), item.edges)
        for item in spec.fairness.attributes
        if item.column in rows.column_names
    }


def _dialect(version: DatasetVersionRead) -> Dialect:
    """How the version's contract says that cells are written."""
    kept = DataContract.model_validate(version.contract).dialect if version.contract else None
    return kept or Dialect()


def _table(
    rows: pa.Table,
    columns: list[Column],
    target: np.ndarray,
    classes: tuple[Value, ...],
    spec: LearningSpec,
    left_out: list[str],
) -> Table:
    micros = epoch_micros(rows.column(spec.event_time)) if spec.event_time else None
    days = None if micros is None else day_numbers(micros, spec.timezone)
    return Table(from_arrow(rows, columns), target, classes, days, micros, left_out)


def _labelled(rows: pa.Table, spec: LearningSpec) -> pa.Table:
    import pyarrow.compute as pc

    wanted = [spec.target, *([spec.event_time] if spec.event_time else [])]
    for name in wanted:
        if name not in rows.column_names:
            raise JobError(
                "A column is missing", f"The data has no column {name!r}.", "Correct the loop, or the data."
            )
        column = rows.column(name)
        floating = pa.types.is_floating(column.type)
        keep = (
            pc.and_(pc.is_valid(column), pc.invert(pc.is_nan(pc.fill_null(column, 0.0))))
            if floating
            else pc.is_valid(column)
        )
        rows = rows.filter(keep)
    if spec.cut and spec.event_time:
        micros = epoch_micros(rows.column(spec.event_time))
        rows = rows.filter(pa.array(micros < round(spec.cut.timestamp() * 1_000_000)))
    if rows.num_rows == 0:
        raise JobError("Nothing to learn from", "No labelled row lies before the cut.", "Add labelled data.")
    return rows


def personal_columns(rows: pa.Table, spec: LearningSpec) -> list[str]:
    """Columns with personal data that nobody decided to keep; validation names them from the same rows."""
    kept = [spec.target, *spec.keep_personal, *spec.exclude] if isinstance(spec, TrainSpec) else [spec.target]
    return [item.column for item in personal.search(rows, kept)]


def _usable(
    rows: pa.Table, schema: list[SchemaColumn], spec: LearningSpec, private: list[str]
) -> tuple[list[Column], list[str]]:
    """The feature columns, and those left out though nobody excluded them: they name rows, or are *private*.

    A refit leaves out what its search left out: clients go on sending the same inputs.
    """
    excluded = spec.exclude if isinstance(spec, TrainSpec) else []
    reserved = {spec.target, spec.event_time, *excluded}
    fields = [field.model_dump() for field in schema if field.name in rows.column_names]
    usable = columns_of(fields, [name for name in reserved if name])
    left_out = [column.name for column in usable if _names_rows(rows, column)]
    if isinstance(spec, TrainSpec) and spec.search == "refit" and spec.configurations:
        left_out = list(spec.configurations[0].get("left_out", left_out))
    left_out += [name for name in private if name not in left_out]
    return [column for column in usable if column.name not in left_out], left_out


def _chosen(spec: LearningSpec) -> list[str] | None:
    """The exact columns of the search that is fitted again; None to choose them: clients go on sending FP64 or FP32."""
    if isinstance(spec, TrainSpec) and spec.search == "refit" and spec.configurations:
        return list(spec.configurations[0].get("exact", []))
    return None


def _names_rows(rows: pa.Table, column: Column) -> bool:
    if column.kind != "category":
        return False
    import pyarrow.compute as pc

    return is_identifier(pc.count_distinct(rows.column(column.name)).as_py(), rows.num_rows)


def day_numbers(micros: np.ndarray, zone: str) -> np.ndarray:
    """Day numbers since 1970 on the clocks of *zone*; the offset is looked up once for each UTC hour."""
    hours, place = np.unique(micros // 3_600_000_000, return_inverse=True)
    tz, epoch = ZoneInfo(zone), datetime.fromtimestamp(0, ZoneInfo("UTC"))
    offsets = [ahead(epoch + timedelta(hours=int(hour)), tz) for hour in hours]
    return (micros + np.array(offsets, np.int64)[place] * 1_000_000) // DAY


def midnight(day: int, zone: str) -> datetime:
    """The instant at which day number *day* begins in *zone*."""
    date = datetime(1970, 1, 1) + timedelta(days=int(day))
    return date.replace(tzinfo=ZoneInfo(zone))


def iso_day(day: int) -> str:
    return (datetime(1970, 1, 1) + timedelta(days=int(day))).date().isoformat()


def row_digests(table: Table) -> np.ndarray:
    """A 64-bit digest of each row's features, int64 (rows,); the same row has the same one in every dataset version.

    Columns are folded in one after the other, each value by its bits or its text's XXH64 (splitmix64's finalizer).
    """
    digest = np.zeros(table.frame.rows, np.uint64)
    for column in table.frame.columns:
        values = table.frame.values[column.name]
        if column.kind == "category":
            texts = [*table.frame.words[column.name], ""]
            bits = np.array([xxhash.xxh64_intdigest(text.encode()) for text in texts], np.uint64)[values]
        elif column.kind == "tensor":
            rows = np.asarray(values, np.float32).reshape(len(values), -1) + np.float32(0)
            bits = np.fromiter((xxhash.xxh64_intdigest(row.tobytes()) for row in rows), np.uint64, len(rows))
        else:
            whole = np.int64 if column.kind == "timestamp" else np.float64
            bits = np.asarray(values).astype(whole).view(np.uint64)
        digest = mixed(digest ^ bits)
    return digest.view(np.int64)


def copies(table: Table) -> np.ndarray:
    """A 64-bit digest of each row's features, target and event time, int64 (rows,): copies of a row share it."""
    digest = row_digests(table).view(np.uint64)
    for values in (table.target, table.micros):
        if values is not None:
            digest = mixed(digest ^ values.view(np.uint64))
    return digest.view(np.int64)


__all__ = [
    "MISSING_TIME",
    "Table",
    "copies",
    "day_numbers",
    "iso_day",
    "load",
    "midnight",
    "row_digests",
]
