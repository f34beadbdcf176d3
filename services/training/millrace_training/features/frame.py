"""A table as models see it: numbers in 32 or 64 bits, dictionary-coded texts and int64 epoch seconds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from millrace_table import tensors
from millrace_training.features.columns import Column, as_json, from_json
from millrace_training.runtime.errors import JobError

if TYPE_CHECKING:
    import pyarrow as pa

MISSING_TIME = np.iinfo(np.int64).min
"""How a missing timestamp travels."""


@dataclass(frozen=True)
class Frame:
    """Columns of equal length.

    Attributes:
        columns: the features, in order.
        values: by column name: float32 (number, boolean; NaN missing), float64 (exact number), int64 (timestamp,
            epoch seconds; MISSING_TIME missing) or int32 codes into *words* (category); of a tensor float32
            (rows, *shape).
        words: by column name: the texts that the codes of a category stand for; "" is missing.
        rows: length of every column.
    """

    columns: list[Column]
    values: dict[str, np.ndarray]
    words: dict[str, list[str]]
    rows: int

    def take(self, indices: np.ndarray) -> "Frame":
        """The rows at *indices*, in that order."""
        values = {name: np.asarray(array[indices]) for name, array in self.values.items()}
        return Frame(self.columns, values, self.words, len(indices))

    def kept_as(self, columns: Sequence[Column]) -> "Frame":
        """The same rows with numbers in the bits that *columns* of the same names say."""
        exact = {column.name: column.exact for column in columns}
        mine = [replace(column, exact=exact.get(column.name, column.exact)) for column in self.columns]
        values = {
            column.name: self.values[column.name].astype(bits(column), copy=False)
            if column.is_plain
            else self.values[column.name]
            for column in mine
        }
        return Frame(mine, values, self.words, self.rows)

    def texts(self, name: str) -> np.ndarray:
        """A category column as an object array of str."""
        return np.array([*self.words[name], ""], dtype=object)[self.values[name]]

    def feeds(self) -> dict[str, np.ndarray]:
        """What onnxruntime takes: an array of shape (rows, 1), or (rows, *shape), by tensor name."""
        return {
            column.tensor: self._feed(column).reshape(-1, *(column.shape or (1,))) for column in self.columns
        }

    def _feed(self, column: Column) -> np.ndarray:
        return self.texts(column.name) if column.kind == "category" else self.values[column.name]

    def save(self, folder: Path) -> None:
        """Write the frame as one .npy file a column, which several processes can map at once."""
        folder.mkdir(parents=True, exist_ok=True)
        for number, column in enumerate(self.columns):
            np.save(folder / f"{number}.npy", self.values[column.name])
        meta = {"columns": as_json(self.columns), "words": self.words, "rows": self.rows}
        (folder / "frame.json").write_text(json.dumps(meta))


def load(folder: Path) -> Frame:
    """The frame that `save` wrote, its columns mapped and not read."""
    meta = json.loads((folder / "frame.json").read_text())
    columns = from_json(meta["columns"])
    values = {
        column.name: np.load(folder / f"{number}.npy", mmap_mode="r") for number, column in enumerate(columns)
    }
    return Frame(columns, values, meta["words"], meta["rows"])


def from_arrow(table: "pa.Table", columns: Sequence[Column]) -> Frame:
    """The *columns* of *table* as a frame.

    Raises: KeyError for a column that the table lacks; pyarrow.ArrowInvalid for one of another type.
    """
    values: dict[str, np.ndarray] = {}
    words: dict[str, list[str]] = {}
    for column in columns:
        array = table.column(column.name)
        if column.kind == "category":
            values[column.name], words[column.name] = _coded(array)
        elif column.kind == "timestamp":
            values[column.name] = epoch_seconds(array)
        elif column.kind == "tensor":
            values[column.name] = _tensors(array, column)
        else:
            values[column.name] = numbers(array).astype(bits(column), copy=False)
    return Frame(list(columns), values, words, table.num_rows)


def from_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> Frame:
    """A frame of JSON-like rows: None is missing, timestamps are epoch seconds."""
    values: dict[str, np.ndarray] = {}
    words: dict[str, list[str]] = {}
    for column in columns:
        cells = [row.get(column.name) for row in rows]
        if column.kind == "category":
            texts = [cell or "" for cell in cells]
            words[column.name] = sorted(set(texts))
            place = {text: code for code, text in enumerate(words[column.name])}
            values[column.name] = np.array([place[text] for text in texts], dtype=np.int32)
        elif column.kind == "timestamp":
            seconds = [MISSING_TIME if cell is None else int(cell) for cell in cells]
            values[column.name] = np.array(seconds, dtype=np.int64)
        elif column.kind == "tensor":
            missing = [np.nan] * prod(column.shape)
            flat = np.array([missing if cell is None else np.ravel(cell) for cell in cells], np.float32)
            values[column.name] = flat.reshape(-1, *column.shape)
        else:
            numbers_ = [np.nan if cell is None else float(cell) for cell in cells]
            values[column.name] = np.array(numbers_, dtype=bits(column))
    return Frame(list(columns), values, words, len(rows))


def _tensors(array: "pa.ChunkedArray", column: Column) -> np.ndarray:
    values = tensors.to_numpy(array)
    if values.shape[1:] != column.shape:
        given, wanted = list(values.shape[1:]), list(column.shape)
        raise JobError(
            "A tensor has another shape",
            f"'{column.name}' has the shape {given}, the model takes {wanted}.",
            "Send cells of that shape, or train a model of these.",
        )
    return values


def bits(column: Column) -> type[np.float32] | type[np.float64]:
    """In how many bits the numbers of a column are kept."""
    return np.float64 if column.exact else np.float32


def numbers(array: "pa.ChunkedArray") -> np.ndarray:
    """Any numeric or boolean Arrow column as float64, null as NaN."""
    import pyarrow as pa

    if pa.types.is_boolean(array.type):
        array = array.cast(pa.int8())
    return np.asarray(array.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)


def epoch_seconds(array: "pa.ChunkedArray") -> np.ndarray:
    """A timestamp column as int64 epoch seconds, rounded down, null as MISSING_TIME."""
    micros = epoch_micros(array)
    return np.where(micros == MISSING_TIME, MISSING_TIME, micros // 1_000_000)


def epoch_micros(array: "pa.ChunkedArray") -> np.ndarray:
    """A timestamp column as int64 microseconds since 1970 UTC, null as MISSING_TIME."""
    import pyarrow as pa
    import pyarrow.compute as pc

    unit = array.type.unit
    whole = array.cast(pa.int64()).combine_chunks()
    missing = pc.is_null(whole).to_numpy(zero_copy_only=False)
    ticks = pc.fill_null(whole, 0).to_numpy(zero_copy_only=False)
    scale = {"s": 1_000_000, "ms": 1_000, "us": 1}.get(unit)
    micros = ticks * scale if scale else ticks // 1_000
    return np.where(missing, MISSING_TIME, micros)


def _coded(array: "pa.ChunkedArray") -> tuple[np.ndarray, list[str]]:
    """int32 codes and their words, sorted; null is the empty text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(array.type):
        array = array.cast(pa.string())
    coded = pc.fill_null(array.cast(pa.string()), "").combine_chunks().dictionary_encode()
    words = coded.dictionary.to_pylist()
    order = sorted(range(len(words)), key=words.__getitem__)
    place = np.empty(len(words), dtype=np.int32)
    place[order] = np.arange(len(words), dtype=np.int32)
    codes = coded.indices.to_numpy(zero_copy_only=False)
    return place[codes] if len(words) else codes.astype(np.int32), [words[index] for index in order]
