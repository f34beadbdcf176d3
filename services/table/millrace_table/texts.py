"""Columns of text turned into columns of values, and back: what is plain by Arrow, the rest text by text."""

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.tables import Dialect
from millrace_table import lasting, letters, numbers
from millrace_table.absent import Marks

BOOLEAN = r"^(?i:true|false)$"
INTEGER = r"^[+-]?\d+$"
SHORT = r"^[+-]?\d{1,18}$"
PADDED = r"^[+-]?0\d+$"
EXPONENT = r"^\d+[eE]\d+$"
"""How a code like 1E5 looks; programs write a number so large with a point or a sign."""
COMMA = r"^[+-]?(\d+|\d+,(\d{1,2}|\d{4,})|\d{4,},\d+|0,\d+)$"
"""A number with a decimal comma that can be read in one way only."""
TRUE, FALSE = ["true", "t", "1", "1.0"], ["false", "f", "0", "0.0"]
"""How a truth value is written, in any case."""
MARKS = ["", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "#N/A"]
"""What counts as a missing value in files that have no null of their own, if nothing else is said."""
NO_VALUE = {mark.lower() for mark in MARKS} | {"none", "nat", "<na>"}
"""What never is a number, time or truth value, in lower case: missing in such a column whatever the file."""
EMPTY = Marks.one([""])
NOTHING = Marks.one(sorted(NO_VALUE), folded=True)
INFINITE = r"^(?i:[+-]?(inf|infinity|∞))$"
MOST = 2**63


def trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts without white space around them; null for those of nothing else."""
    if letters.has(column, letters.OUTSIDE):
        column = pc.utf8_trim_whitespace(column)
    return EMPTY.without(column)[0]


def distinct(column: pa.ChunkedArray, dialect: Dialect | None) -> pa.Array:
    """The different texts of a column that are not missing."""
    found = pc.unique(trimmed(column)).drop_null()
    said = [] if dialect is None else dialect.missing or []
    return found.filter(pc.invert(pc.is_in(found, pa.array(said, pa.string()))))


def valued(distinct: pa.Array) -> pa.Array:
    """Those of them that could be numbers, times or truth values, because they do not say that there is none."""
    return distinct.filter(pc.invert(_says_nothing(distinct)))


def without_marks(column: pa.ChunkedArray, words: bool, dialect: Dialect | None) -> pa.ChunkedArray:
    """Null for what says that there is no value: in a column of *words* only what the dialect says."""
    said = Marks.of([] if dialect is None else dialect.missing or [])
    column = column if said is None else said.without(column)[0]
    return column if words else NOTHING.without(column)[0]


def _says_nothing(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    return pc.is_in(pc.utf8_lower(column), pa.array(sorted(NO_VALUE), pa.string()))


def all_match(texts: pa.Array | pa.ChunkedArray, pattern: str) -> bool:
    """Whether every text (null aside) looks so."""
    return bool(pc.all(pc.match_substring_regex(texts, pattern), min_count=0).as_py())


def any_match(texts: pa.Array | pa.ChunkedArray, pattern: str) -> bool:
    """Whether one text looks so."""
    return bool(pc.any(pc.match_substring_regex(texts, pattern), min_count=0).as_py())


def are_codes(integers: pa.Array) -> bool:
    """Whether digits name things: some begin with 0, or are too long for a number that is kept exactly."""
    if any_match(integers, PADDED):
        return True
    return not all_match(integers, SHORT) and any(abs(int(text)) >= MOST for text in integers.to_pylist())


def all_numbers(texts: pa.Array, dialect: Dialect | None) -> bool:
    """Whether every text is a number in a form that means nothing else."""
    if all_match(texts, numbers.PLAIN) and (dialect is None or dialect.decimal != ","):
        return not _look_like_codes(texts)
    listed = texts.to_pylist()
    if numbers.style_of(listed[:20], dialect) is None or any(
        numbers.INFINITE.fullmatch(text) is None and numbers.parts(text) is None for text in listed[:20]
    ):
        return False
    style = numbers.style_of(listed, dialect)
    if style is None or all(numbers.INFINITE.fullmatch(text) for text in listed):
        return False
    if all(numbers.spaced(text) for text in listed) and not _are_counts(listed, dialect):
        return False
    return all(numbers.value(text, style) is not None for text in listed)


def _are_counts(spaced: list[str], dialect: Dialect | None) -> bool:
    """Whether digits in groups, like `12 345`, are numbers: the file groups thousands so, and they vary in length."""
    said = dialect is not None and dialect.thousands in (" ", "_")
    return said and len({len(text) for text in spaced}) > 1


def _look_like_codes(texts: pa.Array) -> bool:
    """Codes like 1E5 beside whole numbers at most."""
    return any_match(texts, EXPONENT) and all_match(texts, r"^\d+([eE]\d+)?$")


def booleans(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Truth values; null for texts that are none."""
    lower = pc.utf8_lower(column)
    yes, no = pc.is_in(lower, pa.array(TRUE)), pc.is_in(lower, pa.array(FALSE))
    return pc.if_else(yes, True, pc.if_else(no, False, None))


def plain_floats(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """float64 of numbers as programs write them, -0 as 0; None if one is written otherwise."""
    if letters.has(column, letters.NOT_OF_NUMBERS) and not all_match(column, numbers.PLAIN):
        return None
    return _cast(column, pa.float64())


def plain_integers(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """int64 of whole numbers that are written plainly; None if one is written otherwise."""
    odd = letters.has(column, letters.NOT_OF_INTEGERS) or letters.longest(column) > 18
    if (odd or letters.may_be_padded(column)) and (not all_match(column, SHORT) or any_match(column, PADDED)):
        return None
    return _cast(column, pa.int64())


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray | None:
    """The numbers of texts of digits, points and signs; None if one is no number after all."""
    if letters.has(column, letters.PLUS):
        column = pc.replace_substring_regex(column, r"^\+", "")
    try:
        cells = column.cast(kind)
    except pa.ArrowInvalid:
        return None
    return pc.add(cells, 0.0) if pa.types.is_floating(kind) else cells


def floats(column: pa.ChunkedArray, style: numbers.Style | None) -> pa.ChunkedArray:
    """float64 of the texts that are numbers in a column of this *style*, null for the others; None: none is."""
    plain = pc.match_substring_regex(column, numbers.PLAIN)
    if style is None:
        return pa.chunked_array([pa.nulls(len(column), pa.float64())])
    if style.decimal == ",":
        plain = pc.match_substring_regex(column, COMMA)
    fast = pc.if_else(plain, column, None)
    slow = pc.if_else(plain, None, column)
    return pc.coalesce(
        _cast(pc.replace_substring(fast, ",", "."), pa.float64()),
        _each(slow, lambda text: _finite(text, style), pa.float64()),
    )


def integers(column: pa.ChunkedArray, style: numbers.Style | None) -> pa.ChunkedArray:
    """int64 of the texts that are whole numbers, exactly; null for the others, and for digits that begin with 0."""
    if style is None:
        return pa.chunked_array([pa.nulls(len(column), pa.int64())])
    return _each(column, lambda text: _exact(text, style), pa.int64())


def endless(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Which texts are numbers that are infinite, or beyond what a model can be asked about; None for none."""
    if not letters.has(column, letters.ENDLESS) and letters.longest(column) <= 38:
        return None
    odd = pc.or_(
        pc.match_substring_regex(column, INFINITE), pc.match_substring_regex(column, r"[eE]\+?\d{2,3}$")
    )
    odd = pc.or_(odd, pc.greater(pc.utf8_length(column), 38))
    if not pc.any(odd, min_count=0).as_py():
        return None
    beyond = _each(column, _beyond, pa.bool_())
    return pc.fill_null(beyond, False)


def whole(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Integers of the floats that are whole and exact, null for the others."""
    fits = pc.and_(pc.equal(column, pc.floor(column)), pc.less(pc.abs(column), 2.0**53))
    return pc.if_else(fits, column, None).cast(pa.int64())


def of_numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers and truth values as the texts that JSON has for them; whole floats without a fraction."""
    if pa.types.is_floating(column.type):
        return _each(
            column, lambda number: str(int(number)) if number.is_integer() else repr(number), pa.string()
        )
    return column.cast(pa.string())


def of_times(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Times as files write them: 2024-05-03 at midnight, else 2024-05-03 12:00:00, with their offset."""
    return _each(column, _written, pa.string())


def _written(moment: datetime.datetime) -> str:
    return moment.isoformat(" ").removesuffix(" 00:00:00")


def _finite(text: str, style: numbers.Style) -> float | None:
    number = numbers.value(text, style)
    return float(number) if number is not None else lasting.seconds(text)


def _exact(text: str, style: numbers.Style) -> int | None:
    number = None if _is_padded(text) else numbers.value(text, style)
    fits = number is not None and abs(number) < MOST and number == number.to_integral_value()
    return int(number) if fits and number is not None else None


def _is_padded(text: str) -> bool:
    digits = text.lstrip("+-")
    return len(digits) > 1 and digits.startswith("0") and digits.isdigit()


def _beyond(text: str) -> bool:
    number = numbers.value(text, numbers.Style(".", ","))
    return number is not None and abs(number) > Decimal(numbers.LARGEST)


def _each(column: pa.ChunkedArray, turn: Callable[[Any], object], kind: pa.DataType) -> pa.ChunkedArray:
    """*turn* for each different value of a column."""
    coded = column.combine_chunks().dictionary_encode()
    values = [None if value is None else turn(value) for value in coded.dictionary.to_pylist()]
    return pa.chunked_array([pa.array(values, kind).take(coded.indices)])
