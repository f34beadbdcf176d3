"""The figures of a column that is too large to be looked at in one piece: the same as of one that is not.

Numbers and times are put in order, eight bytes each at once; different texts are counted by DuckDB, which has a disk.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from millrace_contracts.bodies import Document
from millrace_contracts.durations import iso
from millrace_table import engine, pieces, tensors
from millrace_table.pieces import Filed

TOP = 10
STEP = 1 << 20
COUNTED = """
WITH counted AS MATERIALIZED (SELECT x, count(*) AS times FROM cells WHERE x IS NOT NULL GROUP BY x)
SELECT (SELECT count(*) FROM counted), x, times FROM counted ORDER BY times DESC, x LIMIT {top}
"""


def of(rows: Filed, name: str) -> Document:
    """Type, missing and distinct values of the column *name*, and its extent or commonest values."""
    kind = rows.schema.field(name).type
    if tensors.shape_of(kind) is not None:
        return tensor(piece.column(0) for piece in rows.pieces([name]))
    if pa.types.is_string(kind) or pa.types.is_boolean(kind):
        return {"type": str(kind)} | _words(rows, name)
    values = pieces.ascending(rows, name)
    figures: Document = {
        "type": str(kind),
        "missing": rows.num_rows - len(values),
        "distinct": _distinct(values),
    }
    if not len(values):
        return figures
    if pa.types.is_timestamp(kind):
        return figures | {"minimum": _moment(values[0]), "maximum": _moment(values[-1])}
    return figures | _numbers(values)


def tensor(pieces: Iterable[pa.ChunkedArray]) -> Document:
    """Shape, missing cells, and the extent and mean of all numbers of a column of tensors."""
    missing, count, total, low, high = 0, 0, 0.0, np.inf, -np.inf
    shape: list[int] | None = None
    for piece in pieces:
        shape, missing = tensors.shape_of(piece.type), missing + piece.null_count
        values = tensors.to_numpy(piece)
        there = values[~np.isnan(values)]
        if len(there):
            low, high = min(low, float(there.min())), max(high, float(there.max()))
            count, total = count + len(there), total + float(there.sum(dtype=np.float64))
    told: Document = {"type": "tensor", "shape": shape, "missing": missing}
    return told | ({"minimum": low, "maximum": high, "mean": _six(total / count)} if count else {})


def numbers(ends: tuple[float, float], mean: float, deviation: float, quartiles: list[float]) -> Document:
    """The extent and shape of numbers."""
    return {
        "minimum": ends[0],
        "maximum": ends[1],
        "mean": _six(mean),
        "deviation": _six(deviation),
        "quartiles": [_six(value) for value in quartiles],
    }


def _numbers(values: np.ndarray) -> Document:
    mean = float(sum(part.sum(dtype=np.float64) for part in _parts(values)) / len(values))
    squares = sum(float(np.square(part - mean).sum()) for part in _parts(values))
    quartiles = [_quantile(values, share) for share in (0.25, 0.5, 0.75)]
    ends = (values[0].item(), values[-1].item())
    return numbers(ends, mean, float(np.sqrt(squares / len(values))), quartiles)


def _quantile(values: np.ndarray, share: float) -> float:
    place = (len(values) - 1) * share
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return float(values[low] * (1 - (place - low)) + values[high] * (place - low))


def _distinct(values: np.ndarray) -> int:
    """Different values among ascending ones."""
    changes = sum(
        int(
            (
                values[first + 1 : first + STEP + 1]
                != values[first : first + STEP][: len(values) - first - 1]
            ).sum()
        )
        for first in range(0, len(values), STEP)
    )
    return changes + 1 if len(values) else 0


def _parts(values: np.ndarray) -> Iterator[np.ndarray]:
    return (values[first : first + STEP] for first in range(0, len(values), STEP))


def _words(rows: Filed, name: str) -> Document:
    missing = sum(piece.column(0).null_count for piece in rows.pieces([name]))
    schema = pa.schema([("x", rows.schema.field(name).type)])
    batches = (batch for piece in rows.pieces([name]) for batch in piece.rename_columns(["x"]).to_batches())
    with engine.engine(rows.folder) as database:
        database.register("cells", pa.RecordBatchReader.from_batches(schema, batches))
        counts = database.execute(COUNTED.format(top=TOP)).fetchall()
    figures: Document = {"missing": missing, "distinct": counts[0][0] if counts else 0}
    return figures | ({"top": [[word, times] for _, word, times in counts]} if counts else {})


def _moment(micros: np.int64) -> str | None:
    return iso(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(micros)))


def _six(value: float) -> float:
    return float(f"{value:.6g}")
