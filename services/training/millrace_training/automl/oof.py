"""Out-of-fold predictions as a file: by the digest of each row, so that another data version finds its rows again."""

import io
from typing import Any

import numpy as np

from millrace_training.automl.table import Table, copies, row_digests


def write(table: Table, predicted: np.ndarray) -> bytes:
    """A Parquet file: `row` and `copy`, and `prediction` as a number, or as a list of float32 if it is a vector.

    `row` is a digest of the features, `copy` of the target too: rows that differ in the target alone lie in folds of
    their own, and the prediction of one is by a model that was fitted on the other.
    """
    import pyarrow as pa

    from millrace_training.rows.files import to_parquet

    numbers = predicted
    if predicted.ndim == 2:
        flat = pa.array(predicted.astype(np.float32).ravel())
        numbers = pa.FixedSizeListArray.from_arrays(flat, predicted.shape[1]).cast(pa.list_(pa.float32()))
    columns = {"row": row_digests(table), "copy": copies(table), "prediction": numbers}
    return to_parquet(pa.table(columns))


def read(stored: bytes, table: Table) -> np.ndarray:
    """The stored prediction of each row, (rows,) or (rows, classes); NaN for rows that are not there.

    A row whose target was corrected since is found by its features.
    """
    import pyarrow.parquet as parquet

    held = parquet.read_table(io.BytesIO(stored))
    column = held["prediction"].combine_chunks()
    values = column.to_numpy(zero_copy_only=False)
    if values.dtype == object:
        values = np.asarray(column.flatten(), np.float64).reshape(held.num_rows, -1)
    place, there = _placed(held["row"], row_digests(table))
    if "copy" in held.column_names:
        exact, same = _placed(held["copy"], copies(table))
        place, there = np.where(same, exact, place), there | same
    return np.where(there if values.ndim == 1 else there[:, None], values[place], np.nan)


def holds(stored: bytes, table: Table) -> np.ndarray:
    """Which rows are in the file, bool (rows,), also those without a prediction: their model was fitted on them."""
    import pyarrow.parquet as parquet

    held = parquet.read_table(io.BytesIO(stored))
    there = _placed(held["row"], row_digests(table))[1]
    return there | _placed(held["copy"], copies(table))[1] if "copy" in held.column_names else there


def _placed(kept: Any, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each of the *wanted* digests stands in the column *kept*, and whether it stands there at all."""
    digests = kept.to_numpy()
    order = np.argsort(digests, kind="stable")
    place = order[np.minimum(np.searchsorted(digests[order], wanted), len(digests) - 1)]
    return place, digests[place] == wanted
