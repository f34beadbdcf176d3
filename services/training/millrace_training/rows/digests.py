"""Rows as numbers of 64 bits: the same row has the same one in every process, file and version."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from millrace_table import tensors

Digests = npt.NDArray[np.uint64]


def of(table: pa.Table, names: Iterable[str]) -> Digests:
    """A number for each row, (rows,), of its values in the columns *names*, in whatever order they stand.

    Values are those of a contract's types. A missing value adds nothing, so a column that is not there at all counts
    like one that is empty. Different rows have the same number by chance only: once in 10^19 pairs.
    """
    total = np.zeros(table.num_rows, np.uint64)
    for name in names:
        seed = np.uint64(xxhash.xxh64_intdigest(name.encode()))
        column = table.column(name)
        present = np.asarray(column.is_valid())
        total += np.where(present, mixed(mixed(_bits(column)) ^ seed), np.uint64(0))
    return mixed(total)


def mixed(bits: npt.NDArray[Any]) -> Digests:
    """splitmix64's finalizer, uint64 to uint64 (Steele, Lea and Flood 2014)."""
    bits = bits + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def _bits(column: pa.ChunkedArray) -> Digests:
    """Each value as it lies in memory; a text as its XXH64."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        coded = column.combine_chunks().dictionary_encode()
        words = np.array(
            [xxhash.xxh64_intdigest(word.encode()) for word in coded.dictionary.to_pylist()], np.uint64
        )
        places = np.asarray(coded.indices.fill_null(0))
        return words[places] if len(words) else np.zeros(len(column), np.uint64)
    if tensors.shape_of(kind) is not None:
        return tensors.digests(column)
    if pa.types.is_floating(kind):
        return np.asarray(pc.add(column, 0.0).fill_null(0.0), np.float64).view(np.uint64)
    return np.asarray(column.cast(pa.int64()).fill_null(0), np.int64).view(np.uint64)
