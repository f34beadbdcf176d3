"""`python -m tests.bench.csvspeed [MB] [ROUNDS]`: a CSV file into Parquet, beside DuckDB's own `read_csv`, in one run.

Both read the same file of a time, words, numbers and missing values, one after the other, ROUNDS times. The clock
counts, the best of each: what else the machine does meanwhile is in it.
"""

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv

ROWS = 200_000
"""Rows that are written at once; a million are about 124 MB."""


def block(draw: np.random.Generator, first: int) -> pa.Table:
    """Some rows of a shop's till."""
    columns = {
        "at": pa.array(times(first)),
        "shop": pa.array(draw.choice(["north", "south", "west", "east"], ROWS)),
        "item": pa.array(draw.choice([f"item-{number:04}" for number in range(2000)], ROWS)),
        "open": pa.array(draw.random(ROWS) < 0.7),
        "visitors": pa.array(draw.integers(0, 500, ROWS)),
        "note": pa.array(draw.choice(["", "NA", "late delivery, again", "ok"], ROWS)),
    }
    for number in range(8):
        values = np.round(draw.normal(50, 20, ROWS), 2 if number % 2 else 5)
        columns[f"x{number}"] = pa.array(values, mask=draw.random(ROWS) < 0.03)
    return pa.table(columns | {"revenue": pa.array(np.round(draw.gamma(3, 40, ROWS), 2))})


def times(first: int) -> np.ndarray:
    """When some rows behind the *first* ones happened, as texts."""
    at = np.datetime64("2015-01-01T00:00:00") + (first + np.arange(ROWS)) * np.timedelta64(7, "s")
    return np.datetime_as_string(at)


def write(path: Path, size: int, seed: int = 7) -> None:
    """A file of at least *size* bytes."""
    draw, rows = np.random.default_rng(seed), 0
    with path.open("wb") as out:
        while out.tell() < size:
            form = csv.WriteOptions(include_header=not rows, quoting_style="needed")
            csv.write_csv(block(draw, rows), out, form)
            rows += ROWS


def millrace(source: Path, target: Path) -> None:
    """Every cell kept as it is written, rejects with their lines, marks of missing values as null."""
    from millrace_table import reading

    reading.to_parquet(source, target)


def duckdb(source: Path, target: Path) -> None:
    """What its documentation shows."""
    from duckdb import connect

    with connect() as database:
        database.execute("SET enable_progress_bar = false")
        database.execute(f"COPY (SELECT * FROM read_csv('{source}')) TO '{target}' (FORMAT parquet)")


def clocked(way: Callable[[Path, Path], None], source: Path, target: Path) -> dict[str, float]:
    """Seconds on the clock and of processors, and the most memory so far (MiB)."""
    began, used = time.monotonic(), time.process_time()
    way(source, target)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds, cpu = time.monotonic() - began, time.process_time() - used
    return {"seconds": round(seconds, 1), "cpu_seconds": round(cpu, 1), "peak_mib": round(peak)}


def main() -> int:
    """Both ways in turn, after a small file for the imports; 0 within 1.5 of DuckDB's time on the clock."""
    size, rounds = (int(given) for given in (*sys.argv[1:], *("1000", "3")[len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory(prefix="csvspeed-") as place:
        folder = Path(place)
        small, source, target = folder / "small.csv", folder / "in.csv", folder / "out.parquet"
        small.write_text("a,b\n1,2\n")
        write(source, size * 1_000_000)
        figures: dict[str, list[dict[str, float]]] = {}
        for name, way in [("millrace", millrace), ("duckdb", duckdb)] * rounds:
            way(small, target)
            figures.setdefault(name, []).append(clocked(way, source, target))
    print(json.dumps(figures, indent=2))
    best = {name: min(told["seconds"] for told in told_all) for name, told_all in figures.items()}
    print(json.dumps({"best seconds": best, "ratio": round(best["millrace"] / best["duckdb"], 2)}))
    return 0 if best["millrace"] <= 1.5 * best["duckdb"] else 1


if __name__ == "__main__":
    sys.exit(main())
