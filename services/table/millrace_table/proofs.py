"""Cells of a column of text that prove what the others leave open: which number is the day, what a comma means."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace_table import moments, numbers, texts
from millrace_table.columns import Mask

FIRST = 1000
"""So many different texts say whether a column leaves something open."""
DAY = r"^((1[3-9]|2\d|3[01])[./-]\d{1,2}|\d{1,2}[./-](1[3-9]|2\d|3[01]))[./-]\d{4}"
"""A date that can be read in one way only."""
Proof: TypeAlias = Callable[[pa.ChunkedArray], Mask]


def of(present: pa.Array) -> Proof | None:
    """What finds the cells that prove how the texts *present* are to be read; None if they leave nothing open."""
    listed = pc.unique(present).slice(0, FIRST).to_pylist()
    if not listed:
        return None
    if all(moments.ORDERED.fullmatch(text) for text in listed):
        return _days
    if all(numbers.parts(text) is not None for text in listed) and any(
        sign in text for text in listed for sign in ",."
    ):
        return _signs
    return None


def _days(cells: pa.ChunkedArray) -> Mask:
    return np.asarray(pc.match_substring_regex(texts.trimmed(cells), DAY).fill_null(False))


def _signs(cells: pa.ChunkedArray) -> Mask:
    coded = texts.trimmed(cells).combine_chunks().dictionary_encode()
    proven = np.array([_is_plain(text) for text in coded.dictionary.to_pylist()], bool)
    places = np.asarray(coded.indices.fill_null(0))
    found = proven[places] if len(proven) else np.zeros(len(places), bool)
    return np.asarray(found & np.asarray(coded.is_valid()), bool)


def _is_plain(text: str) -> bool:
    """Whether a number says by itself which sign is the decimal one."""
    style = numbers.style_of([text], None) if numbers.parts(text) is not None else None
    return style is not None and style.decimal is not None and any(sign in text for sign in ",.")
