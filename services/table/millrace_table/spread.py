"""Numbers of 64 bits on disk, those alike together, so that of very many only a few are looked at at a time."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import numpy as np

BITS = 6
"""The highest bits by which numbers are put together: so many times two heaps."""


class Spread:
    """Digests and the rows that they are of: `with Spread(folder) as spread: spread.add(…); spread.repeats()`."""

    def __init__(self, folder: Path) -> None:
        self._folder = TemporaryDirectory(prefix="spread-", dir=folder)
        self._files: list[IO[bytes]] = []
        self._rows = 0

    def __enter__(self) -> "Spread":
        place = Path(self._folder.name)
        self._files = [(place / str(number)).open("w+b") for number in range(1 << BITS)]
        return self

    def __exit__(self, *error: object) -> None:
        for file in self._files:
            file.close()
        self._folder.cleanup()

    def add(self, digests: np.ndarray, counted: np.ndarray | None = None) -> None:
        """The digests of the next rows; those that *counted* does not mark are no values, and left out."""
        rows = np.arange(self._rows, self._rows + len(digests), dtype=np.uint64)
        self._rows += len(digests)
        if counted is not None:
            digests, rows = digests[counted], rows[counted]
        heaps = (digests >> np.uint64(64 - BITS)).astype(np.intp)
        order = np.argsort(heaps, kind="stable")
        pairs = np.stack([digests[order], rows[order]], axis=1)
        ends = np.searchsorted(heaps[order], np.arange(len(self._files) + 1))
        for number, file in enumerate(self._files):
            if ends[number] < ends[number + 1]:
                file.write(pairs[ends[number] : ends[number + 1]].tobytes())

    def heaps(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Digests and their rows, ascending, (n,) each; equal digests are in one heap."""
        for file in self._files:
            file.seek(0)
            pairs = np.frombuffer(file.read(), np.uint64).reshape(-1, 2)
            yield pairs[:, 0], pairs[:, 1].astype(np.int64)

    def repeats(self) -> tuple[int, list[int]]:
        """How many rows have the digest of an earlier one, and the first five of them."""
        count, first = 0, list[int]()
        for digests, rows in self.heaps():
            again = np.ones(len(rows), bool)
            again[np.unique(digests, return_index=True)[1]] = False
            count += int(again.sum())
            first = sorted([*first, *rows[again][:5].tolist()])[:5]
        return count, first

    def last(self) -> np.ndarray:
        """Which rows are the last of their digest, (rows,)."""
        mask = np.zeros(self._rows, bool)
        for digests, rows in self.heaps():
            mask[rows[len(rows) - 1 - np.unique(digests[::-1], return_index=True)[1]]] = True
        return mask
