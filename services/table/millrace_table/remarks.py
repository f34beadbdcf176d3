"""What a person should know of a sample's columns before a model learns from them: each is named with the remedy."""

from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.counting import counted
from millrace_contracts.data import ColumnContract, DataContract
from millrace_table import columns, digits, looks, spans, texts
from millrace_table.facts import Facts
from millrace_table.refusals import words

WORDS = 200
"""Different texts up to which each is looked at for what it might stand for."""
FEW, NAMING = 20, 0.5
"""Rows from which on a text is suspected, and the share of different values that makes it a name."""
EXCLUDE = "exclude it, or give what it stands for as a column of its own"


def remarks(
    raw: pa.Table,
    table: pa.Table,
    contract: DataContract,
    marked: Mapping[str, Mapping[str, int]] | None = None,
    all_rows: Mapping[str, Facts] | None = None,
    odd_times: list[str] | None = None,
) -> list[str]:
    """Notes on columns that are read as something else than they look like, or of which a model sees little.

    Args:
        raw: columns as they came.
        table: the same in the contract's types.
        marked: words that are missing values in *raw* already, by column, and how often each stood there.
        all_rows: what is known of all rows, by column, where *table* has some of them only.
        odd_times: what is to be said of all event times, where that is so.
    """
    notes = _of_times(table, contract) if odd_times is None else list(odd_times)
    notes += _of_values(raw, table, contract, {} if all_rows is None else all_rows)
    for column in contract.columns:
        notes += _of(column, raw.column(column.name), table, contract)
        if column.type == "string" and column.name != contract.target:
            for mark, count in (marked or {}).get(column.name, {}).items():
                notes.append(_for_nothing(column.name, mark, count, True))
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
        yield (
            counted(endless, f"cell of '{name}' is", f"cells of '{name}' are")
            + " infinite, or too large, and count as missing."
        )


def _texts(
    column: ColumnContract, raw: pa.ChunkedArray, table: pa.Table, contract: DataContract
) -> Iterator[str]:
    listed = looks.cells(raw, contract.dialect)
    if not listed:
        return
    seen = looks.look(listed)
    if seen is not None:
        yield f"'{column.name}' is read as text: {seen.words}"
    yield from _spellings(column.name, listed)
    if column.name != contract.target:
        yield from _words_for_nothing(column.name, raw, contract)


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
            yield _for_nothing(name, mark, count, mark in marks)


def _for_nothing(name: str, mark: str, count: int, is_missing: bool) -> str:
    if is_missing:
        means = "counts as missing" if count == 1 else "count as missing"
    else:
        means = f"{'is' if count == 1 else 'are'} taken for a word, not for missing"
    seen = counted(count, f"cell of '{name}' is", f"cells of '{name}' are")
    return f"{seen} {mark!r} and {means}: `missing` in the contract's dialect says so."


def _of_times(table: pa.Table, contract: DataContract) -> list[str]:
    time = contract.event_time
    return spans.told(table.column(time), time) if time is not None else []


def _of_values(
    raw: pa.Table, table: pa.Table, contract: DataContract, known: Mapping[str, Facts]
) -> list[str]:
    """What the values show: too few, none, one, or names of rows."""
    found = _few_rows(table.num_rows, contract.rows.minimum)
    for column in contract.columns:
        values = table.column(column.name)
        rows, missing = len(values), values.null_count
        if column.name in known:
            rows, missing = known[column.name].rows, known[column.name].missing
        if missing == rows:
            found.append(f"'{column.name}' has no values at all.")
        elif column.name == contract.target and missing:
            found.append(
                f"{counted(missing, 'row has', 'rows have')} no '{column.name}', the target, and will be refused. "
                "Remove them, or raise its missing_at_most to have them left out."
            )
        elif column.unique:
            found.append(f"'{column.name}' looks like an identifier: exclude it from the features.")
        elif column.type == "tensor":
            continue
        elif len(pc.unique(values)) == 1:
            found.append(f"'{column.name}' has one value only.")
        elif (
            column.type == "string"
            and column.name != contract.target
            and not looks.measures(raw.column(column.name), contract.dialect)
        ):
            found += _nearly_names(column.name, pc.unique(values.drop_null()).to_pylist(), table.num_rows)
    return found


def _few_rows(rows: int, least: int) -> list[str]:
    if rows >= least:
        return []
    return [
        f"{counted(rows, 'row is', 'rows are')} fewer than the {least} that a dataset must have: "
        "nothing is trained before more are pushed."
    ]


def _nearly_names(name: str, texts: list[str], rows: int) -> list[str]:
    """A text that is another one in most rows: a model can learn nothing from it that holds for the next row."""
    if rows < FEW or len(texts) <= NAMING * rows:
        return []
    seen = f"'{name}' has {len(texts)} different texts in {rows} rows, like {words(texts, 2)}"
    return [f"{seen}: it names rows rather than describes them. Better {EXCLUDE}."]
