"""What a person should know of a sample's columns before a model learns from them: each is named with the remedy."""

import re
from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.data import ColumnContract, DataContract
from millrace_table import columns, digits, lasting, moments, numbers, texts
from millrace_table.refusals import words

MOST = 0.8
"""Share of a text column's different cells that make it look like numbers or times."""
WORDS = 200
"""Different texts up to which each is looked at for what it might stand for."""
LOOKED = 5000
"""So many different cells of a column are looked at."""
UNIT = re.compile(r"[+-]?\d[\d.,]* ?([^\d\s.,+-][^\d\s]{0,9})")


def remarks(
    raw: pa.Table,
    table: pa.Table,
    contract: DataContract,
    marked: Mapping[str, Mapping[str, int]] | None = None,
) -> list[str]:
    """Notes on columns that are read as something else than they look like, or of which a model sees little.

    Args:
        raw: columns as they came.
        table: the same in the contract's types.
        marked: words that are missing values in *raw* already, by column, and how often each stood there.
    """
    notes: list[str] = []
    for column in contract.columns:
        notes += _of(column, raw.column(column.name), table, contract)
        if column.type == "string" and column.name != contract.target:
            for mark, count in (marked or {}).get(column.name, {}).items():
                notes.append(_for_nothing(column.name, mark, count, "count as missing"))
    return notes


def _of(
    column: ColumnContract, raw: pa.ChunkedArray, table: pa.Table, contract: DataContract
) -> Iterator[str]:
    if column.type in ("number", "integer"):
        yield from _numbers(column.name, raw, table.column(column.name), contract)
    if column.type == "string" and pa.types.is_string(raw.type):
        yield from _texts(column, raw, table, contract)


def _numbers(
    name: str, raw: pa.ChunkedArray, values: pa.ChunkedArray, contract: DataContract
) -> Iterator[str]:
    lost = digits.lost(values)
    if lost is not None and not lost.mended and name != contract.event_time:
        yield f"'{name}' {lost.words}. {lost.mend}"
    endless = columns.convert(raw, "number", "UTC", name, contract.dialect).infinite
    if endless:
        yield f"{endless} cells of '{name}' are infinite, or too large for a model: they count as missing."


def _texts(
    column: ColumnContract, raw: pa.ChunkedArray, table: pa.Table, contract: DataContract
) -> Iterator[str]:
    distinct = texts.valued(texts.distinct(raw, contract.dialect))
    listed = distinct.slice(0, LOOKED).to_pylist()
    if not listed:
        return
    looks = _looks(listed)
    if looks is not None:
        yield f"'{column.name}' is read as text: {looks}"
    yield from _spellings(column.name, listed)
    if column.name != contract.target:
        yield from _words_for_nothing(column.name, raw, contract)


def _looks(listed: list[str]) -> str | None:
    """What the cells look like though they are read as text, and the remedy."""
    for look in (_codes, _two_ways, _dates, _nearly_times, _nearly_numbers, _clocks):
        told = look(listed)
        if told is not None:
            return told
    return None


def _codes(listed: list[str]) -> str | None:
    if all(re.fullmatch(r"[+-]?\d+", text) for text in listed):
        why = (
            "some begin with 0"
            if any(re.fullmatch(texts.PADDED, text) for text in listed)
            else "they are too long"
        )
        return f"digits like {listed[0]!r} that are codes and no numbers, as {why}."
    if all(re.fullmatch(r"\d+([eE]\d+)?", text) for text in listed):
        shown = next(text for text in listed if "e" in text.lower())
        return f"codes like {shown!r}. If they are numbers, write {float(shown):g} with a point, or in full."
    return None


def _two_ways(listed: list[str]) -> str | None:
    if all(numbers.spaced(text) for text in listed):
        return f"digits like {listed[0]!r}, which may be codes. If they are numbers, say thousands in the dialect."
    odd = [text for text in listed if numbers.parts(text) is not None]
    if len(odd) < MOST * len(listed):
        return None
    style = numbers.style_of(odd, None)
    if style is None:
        shown = words([next(text for text in odd if sign in text) for sign in ",."], 2)
        return f"numbers with two decimal signs, like {shown}. Write all of them with one."
    if style.decimal is None:
        shown = next(text for text in odd if "," in text or "." in text)
        return f"numbers like {shown!r} can be read in two ways. Say which: decimal and thousands in the dialect."
    return None


def _dates(listed: list[str]) -> str | None:
    if sum(moments.SHORT.fullmatch(text) is not None for text in listed) >= MOST * len(listed):
        return f"dates like {listed[0]!r}, whose years have two digits. Write them with four."
    odd = [text for text in listed if moments.ORDERED.fullmatch(text)]
    if len(odd) < MOST * len(listed):
        return None
    mend = "Say it: date_order dmy or mdy in the dialect, or write them like 2024-05-03."
    return f"dates like {odd[0]!r}, and nothing proves which number is the day. {mend}"


def _nearly_times(listed: list[str]) -> str | None:
    order = moments.proven_order(listed)
    odd = [text for text in listed if moments.DIGITS.fullmatch(text) or moments.moment(text, order) is None]
    return _nearly("times", listed, odd)


def _nearly_numbers(listed: list[str]) -> str | None:
    style = numbers.style_of(listed, None) or numbers.Style(".", "")
    odd = [text for text in listed if numbers.value(text, style) is None]
    return _nearly("numbers", listed, odd) or (_unit(listed) if len(odd) == len(listed) else None)


def _unit(listed: list[str]) -> str | None:
    """Numbers that all have the same unit behind them."""
    matches = [UNIT.fullmatch(text) for text in listed]
    units = {match[1] for match in matches if match is not None}
    if None in matches or len(units) != 1:
        return None
    return f"numbers with the unit {units.pop()!r}, like {listed[0]!r}. Give the numbers alone."


def _nearly(what: str, listed: list[str], odd: list[str]) -> str | None:
    if not odd or len(odd) > (1 - MOST) * len(listed):
        return None
    mend = "Correct them, or name them as missing marks in the dialect."
    return (
        f"most of it looks like {what}, but {words(odd, 3)} {'is' if len(odd) == 1 else 'are'} none. {mend}"
    )


def _clocks(listed: list[str]) -> str | None:
    if any(lasting.seconds(text) is None for text in listed):
        return None
    return f"times of day or durations, like {listed[0]!r}. With the type number in the contract they are seconds."


def _spellings(name: str, listed: list[str]) -> Iterator[str]:
    """Words that differ in their capitals only are different words."""
    if len(listed) > WORDS:
        return
    alike: dict[str, list[str]] = {}
    for text in listed:
        alike.setdefault(text.lower(), []).append(text)
    several = [together for together in alike.values() if len(together) > 1]
    if several:
        yield f"'{name}' has words that differ in capitals only, like {words(several[0], 3)}: they are different words."


def _words_for_nothing(name: str, raw: pa.ChunkedArray, contract: DataContract) -> Iterator[str]:
    """Words like NA that stand there as words, because nobody said that they mean missing."""
    trimmed = texts.trimmed(raw)
    marks = [mark for mark in (contract.dialect.missing if contract.dialect else None) or [] if mark]
    for mark in (*marks, *(mark for mark in texts.MARKS if mark and mark not in marks)):
        count = int(pc.sum(pc.equal(trimmed, mark)).as_py() or 0)
        if count:
            means = "count as missing" if mark in marks else "are taken for a word, not for missing"
            yield _for_nothing(name, mark, count, means)


def _for_nothing(name: str, mark: str, count: int, means: str) -> str:
    return f"{count} cells of '{name}' are {mark!r} and {means}: `missing` in the contract's dialect says so."
