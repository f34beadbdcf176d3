"""Reads labels from a file: whose row, its value, and when it became known.

Values stay as they are written: `01` may be a class, and only the model's signature says so.
"""

import csv
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from millrace_contracts.formats import FORMATS, PACKED
from millrace_contracts.labels import LabelWrite
from millrace_contracts.tables import Dialect

COLUMNS = ("request_id", "index", "value", "at")
KNOWN = frozenset(COLUMNS)
Line = dict[str, object]


class BadLabels(Exception):
    """A line of the file is not a label."""


@dataclass(frozen=True)
class Label:
    """A label of a file; *said*: whether its line says when it became known."""

    write: LabelWrite
    said: bool


@dataclass(frozen=True)
class LabelFile:
    """A file of labels, which is read a line at a time, as often as it is asked for its labels.

    Attributes:
        path: as it is told in mistakes. text: the same unpacked and in UTF-8. dialect: None for JSON lines.
        moment: when the file was written.
    """

    path: Path
    text: Path
    dialect: Dialect | None
    moment: datetime

    def __iter__(self) -> Iterator[Label]:
        """Its labels in their order. Raises: BadLabels with file and line."""
        lines = _jsonl(self) if self.dialect is None else _csv(self, self.dialect)
        for place, (number, line) in enumerate(lines):
            yield _label(self.path, number, line, self.moment + timedelta(microseconds=place))


@contextmanager
def opened(path: Path) -> Iterator[LabelFile]:
    """Labels as monitoring takes them, from CSV or JSON lines, however their text is written or packed.

    `request_id` and `value` are needed. `index` (the row's place in its request) is 0 when it is left out; `at` is
    then the time at which the file was written, and a microsecond more for each line before: of two words about one
    row the later line holds, and the same file again changes nothing.
    Raises: BadLabels.
    """
    moment = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    with tempfile.TemporaryDirectory(prefix="millrace-") as folder:
        text = _text(path, Path(folder))
        names = path.suffixes[:-1] if path.suffix.lower() in PACKED else path.suffixes
        jsonl = bool(names) and FORMATS.get(names[-1].lower()) == "jsonl"
        yield LabelFile(path, text, None if jsonl else _dialect(text, Path(folder)), moment)


def read(path: Path) -> list[LabelWrite]:
    """All labels of a file. Raises: BadLabels with file and line, also for a file without any."""
    with opened(path) as file:
        labels = [label.write for label in file]
    if not labels:
        raise no_labels(path)
    return labels


def no_labels(path: Path) -> BadLabels:
    """The refusal of a file that has none."""
    return BadLabels(f"{path}: there are no labels in it")


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


def _dialect(text: Path, folder: Path) -> Dialect:
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


def _csv(labels: LabelFile, dialect: Dialect) -> Iterator[tuple[int, Line]]:
    above = max((dialect.header_line or 1) - 1, 0)
    with labels.text.open(encoding="utf-8-sig") as file:
        for _ in range(above):
            file.readline()
        lines = csv.DictReader(file, delimiter=(dialect.delimiter or ",")[0], quotechar=dialect.quote or '"')
        try:
            names = lines.fieldnames or []
            lacking = [name for name in ("request_id", "value") if name not in names]
            if lacking:
                raise BadLabels(
                    f"{labels.path}: the column {lacking[0]!r} is missing; the first line must be {','.join(COLUMNS)}"
                )
            for line in lines:
                cells = {name: value for name, value in line.items() if value not in ("", None)}
                yield above + lines.line_num, cells
        except csv.Error as error:
            place = f"{labels.path}:{above + lines.line_num}"
            raise BadLabels(f"{place}: {error}; does a quote before it have no end?") from error


def _jsonl(labels: LabelFile) -> Iterator[tuple[int, Line]]:
    with labels.text.open(encoding="utf-8-sig") as file:
        for number, written in enumerate(file, 1):
            if written.strip():
                yield number, _object(f"{labels.path}:{number}", written)


def _object(place: str, written: str) -> Line:
    try:
        line = json.loads(written)
    except ValueError as error:
        raise BadLabels(f"{place}: is not JSON") from error
    if not isinstance(line, dict):
        raise BadLabels(f"{place}: is not an object with {', '.join(COLUMNS)}")
    return line


def _label(path: Path, number: int, line: Line, moment: datetime) -> Label:
    place = f"{path}:{number}"
    if not line.keys() <= KNOWN:
        unknown = sorted(str(name) for name in line.keys() - KNOWN)
        raise BadLabels(f"{place}: {', '.join(unknown)} is no part of a label; use {', '.join(COLUMNS)}")
    if "request_id" not in line or "value" not in line:
        raise BadLabels(f"{place}: request_id and value are needed")
    if _is_missing(line["value"]):
        raise BadLabels(f"{place}: {line['value']!r} is not a finite number; leave out rows without a label")
    try:
        at = datetime.fromisoformat(str(line["at"])) if "at" in line else moment
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        whole = line | {"request_id": str(line["request_id"]), "at": at}
        return Label(LabelWrite.model_validate(whole), "at" in line)
    except ValidationError as error:
        first = error.errors()[0]
        raise BadLabels(f"{place}: {first['loc'][0]}: {first['msg']}") from error
    except ValueError as error:
        raise BadLabels(f"{place}: {error}") from error


def _is_missing(value: object) -> bool:
    """Whether a table's mark for no number stands there: NaN, however it is written."""
    return value != value or (isinstance(value, str) and value.lower() == "nan")
