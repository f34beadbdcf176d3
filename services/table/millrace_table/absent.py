"""Words that say there is no value: found by their length and first letter, and made null without a copy of the cells.

It is done for every cell of every text file, so it is done on the bytes of a column.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Counts = dict[str, int]


@dataclass(frozen=True)
class Marks:
    """The words that mean a missing value, and what they may begin with."""

    words: pa.Array
    longest: int
    firsts: np.ndarray
    """Whether a word begins with a byte, (256,)."""
    empty: bool
    folded: bool = False
    """Whether the words are meant in any case; they are given in lower case."""

    @classmethod
    def of(cls, missing: list[str]) -> "Marks | None":
        """Those called *missing*; None for none."""
        return cls.one(missing) if missing else None

    @classmethod
    def one(cls, words: list[str], folded: bool = False) -> "Marks":
        """Those called *words*, of which there are some."""
        encoded = [word.encode() for word in [*words, *(map(str.upper, words) if folded else ())]]
        firsts = np.zeros(256, bool)
        firsts[[word[0] for word in encoded if word]] = True
        return cls(pa.array(words, pa.string()), max(map(len, encoded)), firsts, "" in words, folded)

    def without(self, cells: pa.ChunkedArray) -> tuple[pa.ChunkedArray, Counts]:
        """The cells with null for these words, and how often each stood there."""
        counts: Counts = {}
        chunks = [self._without(chunk, counts) for chunk in cells.chunks]
        return (pa.chunked_array(chunks, cells.type) if counts else cells), counts

    def _without(self, cells: pa.Array, counts: Counts) -> pa.Array:
        places = self._likely(cells)
        if not len(places):
            return cells
        among = cells.take(pa.array(places))
        compared = pc.utf8_lower(among) if self.folded else among
        absent = pc.is_in(compared, value_set=self.words).to_numpy(zero_copy_only=False)
        if not absent.any():
            return cells
        for item in pc.value_counts(among.filter(pa.array(absent))).to_pylist():
            counts[item["values"]] = counts.get(item["values"], 0) + item["counts"]
        return _null_at(cells, places[absent])

    def _likely(self, cells: pa.Array) -> np.ndarray:
        """Places of the cells that are as short as a word, and begin like one."""
        _, ends, letters = cells.buffers()
        offsets = (
            np.frombuffer(ends, np.int32, len(cells) + 1, 4 * cells.offset) if ends else np.zeros(1, int)
        )
        lengths = np.diff(offsets)
        short = np.flatnonzero(lengths <= self.longest)
        if not len(short):
            return short
        blank = lengths[short] == 0
        if letters is None or not len(letters):
            return short[blank] if self.empty else short[:0]
        begins = np.minimum(offsets[short], len(letters) - 1)
        likely = self.firsts[np.frombuffer(letters, np.uint8)[begins]]
        return short[np.where(blank, self.empty, likely)]


def _null_at(cells: pa.Array, places: np.ndarray) -> pa.Array:
    """The same cells in the same memory, without those at *places*."""
    valid = np.ones(cells.offset + len(cells), bool)
    if cells.null_count:
        valid[cells.offset :] = cells.is_valid().to_numpy(zero_copy_only=False)
    valid[cells.offset + places] = False
    bits = pa.py_buffer(np.packbits(valid, bitorder="little").tobytes())
    return pa.Array.from_buffers(cells.type, len(cells), [bits, *cells.buffers()[1:]], offset=cells.offset)


def nulled(table: pa.Table, missing: list[str]) -> tuple[pa.Table, dict[int, Counts]]:
    """Null where a word stands that means *missing*, and by the place of a column how often each stood there."""
    marks = Marks.of(missing)
    if marks is None:
        return table, {}
    told = [marks.without(cells) for cells in table.columns]
    counts = {place: seen for place, (_, seen) in enumerate(told) if seen}
    spoken = {place: {word: count for word, count in seen.items() if word} for place, seen in counts.items()}
    return pa.table([cells for cells, _ in told], names=table.column_names), spoken
