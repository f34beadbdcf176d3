"""What the bytes of a column of text show at a glance, so that plain cells are spared what only odd ones need."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

DIGITS = b"0123456789"


def among(signs: bytes) -> np.ndarray:
    """Whether a byte is one of *signs*, (256,)."""
    table = np.zeros(256, bool)
    table[list(signs)] = True
    return table


OUTSIDE = ~among(bytes(range(0x21, 0x7F)))
"""Bytes of white space, of signs that are not seen, and of letters beyond ASCII."""
ENDLESS = among(b"eEiI\xe2")
"""Bytes that an infinite number, or a very large one, is written with: e, E, inf, ∞."""
NOT_OF_NUMBERS = ~among(DIGITS + b".-")
NOT_OF_INTEGERS = ~among(DIGITS + b"-")
PLUS = among(b"+")


def has(column: pa.ChunkedArray, table: np.ndarray) -> bool:
    """Whether a byte that *table* marks may stand in a cell."""
    return any(bool(table[letters].any()) for _, letters in _parts(column))


def longest(column: pa.ChunkedArray) -> int:
    """Bytes of the longest cell."""
    return max((int(np.diff(ends).max()) for ends, _ in _parts(column) if len(ends) > 1), default=0)


def may_be_padded(column: pa.ChunkedArray) -> bool:
    """Whether a cell of digits and minus signs may begin with a 0 before others."""
    for ends, letters in _parts(column):
        begins = ends[:-1] - ends[0]
        long = begins[np.diff(ends) > 1]
        first = letters[long] if len(long) else letters[:0]
        if bool(((first == ord("0")) | ((first == ord("-")) & (letters[long + 1] == ord("0")))).any()):
            return True
    return False


def _parts(column: pa.ChunkedArray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Where the cells of each chunk end, before the first of them too, and their bytes from the first end on."""
    for chunk in column.chunks:
        _, ends, letters = chunk.buffers()
        if not len(chunk) or ends is None:
            continue
        offsets = np.frombuffer(ends, np.int32, len(chunk) + 1, 4 * chunk.offset)
        whole = np.frombuffer(letters, np.uint8) if letters is not None else np.zeros(0, np.uint8)
        yield offsets, whole[offsets[0] : offsets[-1]]
