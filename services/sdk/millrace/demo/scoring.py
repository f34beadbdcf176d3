"""What each model version would have said: the yardsticks "never retrained" and "best in hindsight"."""

import numpy as np
import pandas as pd

from millrace.demo.summary import Rmse
from millrace.oip import columns_from_rows
from millrace_contracts.signature import Signature

ROWS = 20_000


def score(graph: bytes, signature: Signature, table: pd.DataFrame) -> np.ndarray:
    """Predictions of an ONNX *graph* for every row of *table*, shape (rows,)."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    output = signature.outputs[0].name
    parts = []
    for begin in range(0, len(table), ROWS):
        columns = columns_from_rows(table.iloc[begin : begin + ROWS], signature)
        feed = {name: values.reshape(-1, 1) for name, (_, values) in columns.items()}
        parts.append(session.run([output], feed)[0].reshape(-1))
    return np.concatenate(parts)


def hindsight(errors: dict[int, np.ndarray], since: dict[int, str], days: np.ndarray) -> np.ndarray:
    """Squared errors of the version that was best in each month, among those that existed on each day.

    Args:
        errors: squared error of every row by version; NaN where a row has no label.
        since: event day from which a version exists, by version.
        days: event day of every row.
    Returns: shape (rows,). A version that comes into being within a month counts from its first day there.
    """
    best = np.full(len(days), np.nan)
    months = pd.Series(days).astype(str).str[:7].to_numpy()
    starts = sorted({str(day) for day in since.values()})
    stretch = np.searchsorted(np.array(starts), days.astype(str), side="right")
    for place in np.unique(np.char.add(np.char.add(months.astype(str), "/"), stretch.astype(str))):
        month, part = place.split("/")
        rows = (months == month) & (stretch == int(part))
        first = min(days[rows].astype(str))
        candidates = [errors[version][rows] for version, day in since.items() if str(day) <= first]
        if candidates:
            best[rows] = min(candidates, key=np.nanmean)
    return best


def rmse(squared: np.ndarray, months: np.ndarray) -> Rmse:
    """Root mean squared error overall and by month, over the rows that have a label."""
    by_month = {
        str(month): float(np.sqrt(np.nanmean(squared[months == month]))) for month in np.unique(months)
    }
    return Rmse(overall=float(np.sqrt(np.nanmean(squared))), by_month=by_month)
