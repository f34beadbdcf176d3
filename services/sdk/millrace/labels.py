"""Reads labels from a file: whose row, its value, and when it became known.

Values stay as they are written: `01` may be a class, and only the model's signature says so.
"""

import csv
import io
import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from millrace_contracts.formats import FORMATS, PACKED
from millrace_contracts.labels import LabelWrite
from millrace_contracts.tables import Dialect

COLUMNS = ("request_id", "index", "value", "at")
Line = dict[str, object]


class BadLabels(Exception):
    """A line of the file is not a label."""


def read(path: Path) -> list[LabelWrite]:
    """Labels as monitoring takes them, from CSV or JSON lines, however their text is written or packed.

    `request_id` and `value` are needed. `index` (the row's place in its request) is 0 when it is left out; `at` is
    then the time at which the file was written, and a microsecond more for each line before: of two words about one
    row the later line holds, and the same file again changes nothing.
    Raises: BadLabels with file and line.
    """
    moment = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    with tempfile.TemporaryDirectory(prefix="millrace-") as folder:
        lines = _lines(path, Path(folder))
        labels = [
            _label(path, number, line, moment + timedelta(microseconds=place))
            for place, (number, line) in enumerate(lines)
        ]
    if not labels:
        raise BadLabels(f"{path}: there are no labels in it")
    return labels


def spelled(labels: list[LabelWrite], dialect: Dialect | None) -> list[LabelWrite]:
    """Labels of a regression whose texts are numbers as programs write them, where they are numbers as people do.

    They are read as a column of the data is: by themselves, then by its *dialect*. What is no number stays as it is.
    """
    try:
        from millrace_table import numbers
    except ModuleNotFoundError:
        return labels
    style = numbers.style_of((label.value for label in labels if isinstance(label.value, str)), dialect)
    if style is None:
        return labels
    read = ((label, numbers.value(str(label.value).strip(), style)) for label in labels)
    return [
        label.model_copy(update={"value": str(number)})
        if isinstance(label.value, str) and number is not None and number.is_finite()
        else label
        for label, number in read
    ]


def _lines(path: Path, folder: Path) -> Iterator[tuple[int, Line]]:
    """Each line with its number; *folder* is for what has to be written meanwhile."""
    names = path.suffixes[:-1] if path.suffix.lower() in PACKED else path.suffixes
    if names and FORMATS.get(names[-1].lower()) == "jsonl":
        return _jsonl(path, _text(path, folder).read_text(encoding="utf-8-sig"))
    text = _text(path, folder)
    return _csv(path, text.read_text(encoding="utf-8-sig"), _dialect(path, text, folder))


def _text(path: Path, folder: Path) -> Path:
    """The file unpacked and in UTF-8; as it is for a client that was installed without the part that reads tables."""
    try:
        from millrace_table import opening
        from millrace_table.refusals import Unreadable
    except ModuleNotFoundError:
        return path
    try:
        return opening.text(opening.unpacked(path, folder), folder, None).path
    except Unreadable as error:
        raise BadLabels(f"{path}: {error.check.observed} {error.check.mend}") from error


def _dialect(path: Path, text: Path, folder: Path) -> Dialect:
    """What separates the cells, and in which line the names are."""
    plain = Dialect(delimiter=",", quote='"', header_line=1)
    try:
        from millrace_table import layouts
        from millrace_table.refusals import Unreadable
    except ModuleNotFoundError:
        return plain
    try:
        return layouts.find(text, folder, Dialect(comment=""), COLUMNS).dialect
    except Unreadable:  # a line below says what is wrong with it
        return plain


def _csv(path: Path, text: str, dialect: Dialect) -> Iterator[tuple[int, Line]]:
    above = max((dialect.header_line or 1) - 1, 0)
    file = io.StringIO(text, newline="")
    for _ in range(above):
        file.readline()
    lines = csv.DictReader(file, delimiter=(dialect.delimiter or ",")[0], quotechar=dialect.quote or '"')
    names = lines.fieldnames or []
    lacking = [name for name in ("request_id", "value") if name not in names]
    if lacking:
        raise BadLabels(
            f"{path}: the column {lacking[0]!r} is missing; the first line must be {','.join(COLUMNS)}"
        )
    for line in lines:
        yield (
            above + lines.line_num,
            {name: value for name, value in line.items() if value not in ("", None)},
        )


def _jsonl(path: Path, text: str) -> Iterator[tuple[int, Line]]:
    for number, written in enumerate(io.StringIO(text), 1):
        if written.strip():
            try:
                line = json.loads(written)
            except ValueError as error:
                raise BadLabels(f"{path}:{number}: is not JSON") from error
            if not isinstance(line, dict):
                raise BadLabels(f"{path}:{number}: is not an object with {', '.join(COLUMNS)}")
            yield number, line


def _label(path: Path, number: int, line: Line, moment: datetime) -> LabelWrite:
    place = f"{path}:{number}"
    unknown = sorted(str(name) for name in set(line) - set(COLUMNS))
    if unknown:
        raise BadLabels(f"{place}: {', '.join(unknown)} is no part of a label; use {', '.join(COLUMNS)}")
    if "request_id" not in line or "value" not in line:
        raise BadLabels(f"{place}: request_id and value are needed")
    if _is_missing(line["value"]):
        raise BadLabels(f"{place}: {line['value']!r} is not a finite number; leave out rows without a label")
    try:
        at = datetime.fromisoformat(str(line["at"])) if "at" in line else moment
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return LabelWrite.model_validate(line | {"request_id": str(line["request_id"]), "at": at})
    except ValidationError as error:
        first = error.errors()[0]
        raise BadLabels(f"{place}: {first['loc'][0]}: {first['msg']}") from error
    except ValueError as error:
        raise BadLabels(f"{place}: {error}") from error


def _is_missing(value: object) -> bool:
    """Whether a table's mark for no number stands there: NaN, however it is written."""
    return value != value or (isinstance(value, str) and value.lower() == "nan")
