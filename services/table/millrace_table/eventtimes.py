"""The column that says when a row happened: read as times whatever its looks, or refused with a cell and the remedy."""

import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.tables import Dialect
from millrace_table import columns, moments, texts
from millrace_table.refusals import Unreadable

EXCEL = (20_000, 80_000)
"""Days since 1900 from 1954 to 2119, as a spreadsheet counts them."""
FEW = 0.2
"""Share of different cells up to which they are odd ones among times."""
ISO = "Write times like 2024-05-03T12:00:00Z or 2024-05-03 12:00."


def check(column: pa.ChunkedArray, name: str, dialect: Dialect | None) -> None:
    """Raises: Unreadable if these are no times, with a cell that is none and what to do."""
    if pa.types.is_timestamp(column.type) or columns.infer(column, dialect) == "timestamp":
        return
    if pa.types.is_string(column.type):
        _check_texts(texts.valued(texts.distinct(column, dialect)).to_pylist(), name, dialect)
    elif pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        _check_numbers([value for value in pc.unique(column).to_pylist() if value is not None], name)
    else:
        raise _refusal("values of type boolean, not times", ISO, name, [])


def _check_numbers(values: list[int | float], name: str) -> None:
    finite = [value for value in values if value == value and abs(value) != float("inf")]
    if finite and all(EXCEL[0] <= value <= EXCEL[1] for value in finite):
        raise _excel(name, [str(value) for value in finite])
    odd = [value for value in finite if abs(value) < moments.FIRST_EPOCH or moments.micros(value) is None]
    if odd or not finite:
        mend = f"Only seconds, milliseconds, microseconds and nanoseconds since 1970 are read as times. {ISO}"
        raise _refusal(
            f"numbers like {odd[0] if odd else 'none'}, not times", mend, name, [str(value) for value in odd]
        )


def _check_texts(listed: list[str], name: str, dialect: Dialect | None) -> None:
    order = (dialect.date_order if dialect else None) or moments.proven_order(listed)
    odd = [text for text in listed if moments.moment(text, order) is None]
    if not listed:
        raise _refusal("no values at all, not times", ISO, name, [])
    if not odd:
        return
    if all(_is_excel(text) for text in listed):
        raise _excel(name, listed)
    if all(moments.ORDERED.fullmatch(text) for text in odd):
        seen = f"dates like {odd[0]!r}, and nothing says which number is the day"
        raise _refusal(seen, f"Say it: date_order dmy or mdy in the dialect. Or: {ISO}", name, odd)
    if all(moments.SHORT.fullmatch(text) for text in odd):
        seen = f"dates like {odd[0]!r}, whose years have two digits"
        raise _refusal(seen, f"Write years with four digits. {ISO}", name, odd)
    if all(moments.ISO.fullmatch(text) for text in odd):
        seen = f"times that are none, or lie beyond the years 1800 to 2199, like {odd[0]!r}"
        raise _refusal(
            seen, "Correct these rows, or leave them out: each must say when it happened.", name, odd
        )
    if len(odd) <= FEW * len(listed):
        seen = f"{len(odd)} text{'s' * (len(odd) > 1)} among its times, like {odd[0][:60]!r}"
        raise _refusal(seen, "Correct these rows, or leave them out, as totals and footnotes.", name, odd)
    raise _refusal(f"texts like {odd[0][:60]!r}, not times", ISO, name, odd)


def _is_excel(text: str) -> bool:
    return moments.DIGITS.fullmatch(text) is not None and EXCEL[0] <= float(text) <= EXCEL[1]


def _excel(name: str, shown: list[str]) -> Unreadable:
    mend = f"Format the column as a date in the spreadsheet and save it again, or convert it. {ISO}"
    return _refusal(f"numbers like {shown[0]}, which looks like an Excel date", mend, name, shown)


def _refusal(seen: str, mend: str, name: str, shown: list[str]) -> Unreadable:
    return Unreadable(
        "event time", f"The column holds {seen}.", mend, column=name, rows=len(shown), examples=shown
    )
