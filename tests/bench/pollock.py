"""Scores the reader by Pollock, a public benchmark of polluted CSV files, with Pollock's own metrics.

    python -m tests.bench.pollock PATH-TO-CHECKOUT [EVERY]

With EVERY, only every n-th of the files that differ in one row is read; of all other ones, each.

The checkout is HPI-Information-Systems/Pollock; nothing of it is kept here. Its metrics need `multiset`, `chardet`,
`joblib`, `price-parser` and `python-dateutil`, in whatever environment this runs. A score is the mean over all files of
ten measures from 0 to 1 (loaded; precision, recall and F1 of header, records and cells), so 10 is the best.
"""

import csv
import importlib
import io
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb

from millrace_table import reading
from millrace_table.refusals import Unreadable

Rows = list[list[str]]
Measured = dict[str, tuple[float, float]]
KEPT = Path("out/pollock.jsonl")
"""Where each file's measures are kept, so that an interrupted run goes on; delete it to begin anew."""
FAILED = [["Application Error"]]
"""What Pollock takes for a file that was not loaded."""


@dataclass
class Score:
    """The measures of one way to read, file by file."""

    sums: dict[str, float] = field(default_factory=dict)
    loaded: int = 0

    def told(self, weights: dict[str, float]) -> dict[str, float]:
        """The simple and the weighted score."""
        whole = sum(weights.get(name, 0.0) for name in self.sums)
        weighted = sum(total * weights.get(name, 0.0) for name, total in self.sums.items()) / whole
        return {
            "simple": sum(self.sums.values()) / len(self.sums),
            "weighted": weighted,
            "loaded": self.loaded,
        }


@lru_cache(maxsize=1)
def _load(path: Path) -> reading.Loaded:
    return reading.load(path, "csv")


def ours(path: Path) -> Rows:
    """The table alone: what was rejected counts as lost."""
    try:
        return _rows(_load(path))
    except Unreadable as error:
        return [] if "empty" in error.check.observed else FAILED


def ours_with_rejects(path: Path) -> Rows:
    """The table and the rejects that are kept beside it, split as they stand."""
    try:
        loaded = _load(path)
    except Unreadable as error:
        return [] if "empty" in error.check.observed else FAILED
    delimiter = (loaded.dialect.delimiter if loaded.dialect else None) or ","
    kept = [next(csv.reader(io.StringIO(line.text), delimiter=delimiter), []) for line in loaded.rejects.kept]
    return [*_rows(loaded), *kept]


def duckdbs(path: Path) -> Rows:
    """DuckDB's own reader, which is told nothing but to take what it can."""
    options = "all_varchar=true, null_padding=true, strict_mode=false, ignore_errors=true"
    with duckdb.connect() as database:
        try:
            found = database.execute(f"SELECT * FROM read_csv(?, {options})", [str(path)])
            names = [column[0] for column in found.description]
            return [names, *([cell or "" for cell in row] for row in found.fetchall())]
        except duckdb.Error:
            return FAILED


def _rows(loaded: reading.Loaded) -> Rows:
    table = loaded.table
    cells = [[cell or "" for cell in column.to_pylist()] for column in table.columns]
    names = [] if loaded.dialect is not None and loaded.dialect.header_line == 0 else [table.column_names]
    return [*names, *(list(row) for row in zip(*cells, strict=True))]


WAYS: dict[str, Callable[[Path], Rows]] = {
    "millrace": ours,
    "millrace, rejects seen": ours_with_rejects,
    f"duckdb {duckdb.__version__}": duckdbs,
}


def main(checkout: Path, every: int = 1, kept: Path = KEPT) -> None:
    """Print the scores, and the files with rows that nobody wrote and nobody was told of."""
    metrics = _metrics(checkout)
    folder = checkout / "polluted_files"
    weights = json.loads((checkout / "pollock_weights.json").read_text())
    files = sorted((folder / "csv").glob("*.csv"))
    of_rows = [path for path in files if path.name.startswith("row_")][::every]
    wanted = [*(path for path in files if not path.name.startswith("row_")), *of_rows]
    done = _done(kept)
    for path in wanted:
        if path.name not in done:
            done[path.name] = _measured(metrics, path, folder / "clean" / path.name)
            with kept.open("a") as file:
                file.write(json.dumps({path.name: done[path.name]}) + "\n")
    for way in WAYS:
        score = Score()
        for path in wanted:
            loaded, score.sums[path.name] = done[path.name][way]
            score.loaded += int(loaded)
        print(f"{way:<24}", json.dumps({key: round(value, 3) for key, value in score.told(weights).items()}))
    wrong = [path.name for path in wanted if done[path.name]["unsaid"][0]]
    print(f"{len(wanted)} files; {len(wrong)} with a row that is not in the clean file: {', '.join(wrong)}")


def _done(kept: Path) -> dict[str, Measured]:
    """What an interrupted run has measured."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    done: dict[str, Measured] = {}
    for line in kept.read_text().splitlines() if kept.exists() else []:
        done |= json.loads(line)
    return done


def _measured(metrics: Any, path: Path, clean: Path) -> Measured:
    """Whether it was loaded and the sum of its measures, by the way to read; the same rows are scored once."""
    known: list[tuple[Rows, tuple[float, float]]] = []
    measured: Measured = {}
    for name, way in WAYS.items():
        rows = way(path)
        same = next((score for others, score in known if others == rows), None)
        measured[name] = same or _score(metrics, clean, rows)
        known.append((rows, measured[name]))
    return measured | {"unsaid": (float(any(_unsaid(path, clean))), 0.0)}


def _metrics(checkout: Path) -> Any:
    """Pollock's metrics, with a memory for cells that come again and again."""
    sys.path.insert(0, str(checkout))
    metrics = importlib.import_module("pollock.metrics")
    metrics.normalize_cell = lru_cache(maxsize=200_000)(metrics.normalize_cell)  # type: ignore[attr-defined]
    return metrics


def _score(metrics: Any, clean: Path, rows: Rows) -> tuple[float, float]:
    with tempfile.NamedTemporaryFile("w", suffix=".csv", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
        file.flush()
        loaded = metrics.successful_csv(file.name)
        measures = metrics.header_record_cell_measures_csv(str(clean), file.name) if loaded else ()
    return float(loaded), float(loaded + sum(measures))


def _unsaid(path: Path, clean: Path) -> Iterator[list[str]]:
    """Rows of the table that the clean file does not have."""
    with clean.open(newline="", encoding="utf-8-sig") as file:
        there = {tuple(cell.strip() for cell in row) for row in csv.reader(file)}
    rows = ours(path)
    if rows != FAILED:
        yield from (row for row in rows if tuple(cell.strip() for cell in row) not in there)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
