"""Out-of-fold predictions as a file: by the digest of each row, so that another data version finds its rows again."""

import io

import numpy as np

from millrace_training.automl.table import Table, row_digests


def write(table: Table, predicted: np.ndarray) -> bytes:
    """A Parquet file: `row`, and `prediction` as a number, or as a list of float32 if it is a vector."""
    import pyarrow as pa

    from millrace_training.rows.files import to_parquet

    numbers = predicted
    if predicted.ndim == 2:
        flat = pa.array(predicted.astype(np.float32).ravel())
        numbers = pa.FixedSizeListArray.from_arrays(flat, predicted.shape[1]).cast(pa.list_(pa.float32()))
    return to_parquet(pa.table({"row": row_digests(table), "prediction": numbers}))


def read(stored: bytes, digests: np.ndarray) -> np.ndarray:
    """The stored prediction of each row, (rows,) or (rows, classes); NaN for rows that are not there."""
    import pyarrow.parquet as parquet

    held = parquet.read_table(io.BytesIO(stored))
    rows, column = held["row"].to_numpy(), held["prediction"].combine_chunks()
    values = column.to_numpy(zero_copy_only=False)
    if values.dtype == object:
        values = np.asarray(column.flatten(), np.float64).reshape(len(rows), -1)
    order = np.argsort(rows, kind="stable")
    place = np.minimum(np.searchsorted(rows[order], digests), len(rows) - 1)
    there = rows[order][place] == digests
    return np.where(there if values.ndim == 1 else there[:, None], values[order][place], np.nan)
