"""Reads labels from a file: whose row, its value, and when it became known."""

import csv
import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

COLUMNS = ("request_id", "index", "value", "at")


class BadLabels(Exception):
    """A line of the file is not a label."""


def read(path: Path) -> list[dict[str, Any]]:
    """Labels as monitoring takes them, from CSV or JSON lines.

    `request_id` and `value` are needed. `index` (the row's place in its request) is 0 when it is left out; `at` is
    then the time at which the file was written, so that the same file again changes nothing.
    Raises: BadLabels with file and line.
    """
    moment = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat()
    lines = _jsonl(path) if path.suffix.lower() in (".jsonl", ".ndjson") else _csv(path)
    made = [_label(path, number, line, moment) for number, line in lines]
    if not made:
        raise BadLabels(f"{path}: there are no labels in it")
    return made


def _csv(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = csv.DictReader(file)
        names = lines.fieldnames or []
        lacking = [name for name in ("request_id", "value") if name not in names]
        if lacking:
            raise BadLabels(
                f"{path}: the column {lacking[0]!r} is missing; the first line must be {','.join(COLUMNS)}"
            )
        for line in lines:
            yield lines.line_num, {name: value for name, value in line.items() if value not in ("", None)}


def _jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if text.strip():
            try:
                line = json.loads(text)
            except ValueError as error:
                raise BadLabels(f"{path}:{number}: is not JSON") from error
            if not isinstance(line, dict):
                raise BadLabels(f"{path}:{number}: is not an object with {', '.join(COLUMNS)}")
            yield number, line


def _label(path: Path, number: int, line: dict[str, Any], moment: str) -> dict[str, Any]:
    place = f"{path}:{number}"
    unknown = sorted(str(name) for name in set(line) - set(COLUMNS))
    if unknown:
        raise BadLabels(f"{place}: {', '.join(unknown)} is no part of a label; use {', '.join(COLUMNS)}")
    if "request_id" not in line or "value" not in line:
        raise BadLabels(f"{place}: request_id and value are needed")
    try:
        index = int(line.get("index", 0))
        at = datetime.fromisoformat(str(line.get("at", moment)))
    except ValueError as error:
        raise BadLabels(f"{place}: {error}") from error
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    value = _value(line["value"])
    if isinstance(value, float) and not math.isfinite(value):
        raise BadLabels(f"{place}: {line['value']!r} is not a finite number; leave out rows without a label")
    return {
        "request_id": str(line["request_id"]),
        "index": index,
        "value": value,
        "at": at.isoformat(),
    }


def _value(value: Any) -> Any:
    """A number where it looks like one, else the class as text."""
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        return value
