"""`python -m tests.bench.deliveries`: what 200 deliveries of 1,000 rows cost, beside the fifteen lines for it.

Both ways keep a dataset of which no row counts twice, each in a process of its own; the registry's part is played by a
folder. The ingest also holds every delivery to its contract. Processor time counts, as the machine may be busy.
"""

import hashlib
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
from tests.bench.job import context

DELIVERIES, ROWS, AGAIN = 200, 1_000, 50
"""Each delivery begins with the last rows of the one before, as exports do."""


def delivery(number: int, before: pa.Table | None) -> pa.Table:
    """Rows of sensors, one every minute; *before*: the delivery before it."""
    draw = np.random.default_rng([1, number])
    first = number * (ROWS - AGAIN)
    at = np.datetime64("2024-01-01T00:00") + (first + np.arange(ROWS)) * np.timedelta64(1, "m")
    rows = {"at": pa.array(at.astype("datetime64[s]").astype(str))}
    rows |= {f"x{column}": pa.array(draw.normal(50, 9, ROWS).round(2)) for column in range(8)}
    table = pa.table(rows | {"shop": pa.array(draw.choice(["north", "south", "west"], ROWS))})
    return pa.concat_tables([before.slice(ROWS - AGAIN), table.slice(AGAIN)]) if before is not None else table


def naive(folder: Path) -> int:
    """All files into pandas, the new one behind them, without the copies."""
    import pandas as pd

    count = 0
    for number in range(DELIVERIES):
        came = pd.read_csv(folder / f"{number}.csv", parse_dates=["at"])
        kept = sorted((folder / "naive").glob("*.parquet"))
        before = pd.concat([pd.read_parquet(path) for path in kept]) if kept else came.iloc[:0]
        both = pd.concat([before.assign(old=True), came.assign(old=False)])
        fresh = both[~both.duplicated(list(came.columns)) & ~both["old"]].drop(columns="old")
        fresh.to_parquet(folder / "naive" / f"{number:04}.parquet")
        count += len(fresh)
    return count


class Registry:
    """What an ingest asks of the registry, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.versions = folder, []  # type: ignore[var-annotated]

    def dataset(self, name: str) -> str:
        """It is there."""
        return name

    def dataset_version(self, name: str, number: int | None = None) -> Any:
        """The newest version."""
        from millrace.transport.errors import ApiError

        if not self.versions:
            raise ApiError(404, {}, "")
        return self.versions[-1]

    def put_artifact(self, data: bytes | Path, media_type: str = "") -> str:
        """Keep bytes."""
        content = data.read_bytes() if isinstance(data, Path) else data
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        (self.folder / digest).write_bytes(content)
        return digest

    def get_artifact(self, digest: str) -> bytes:
        """Bytes that were kept."""
        return (self.folder / digest).read_bytes()

    def artifact_chunks(self, digest: str) -> Any:
        """The same in pieces."""
        yield self.get_artifact(digest)

    def add_dataset_version(self, dataset: str, body: Any) -> Any:
        """A version behind the newest."""
        from millrace_contracts.datasets import DatasetVersionRead

        told = body.model_dump(mode="json", by_alias=True)
        told |= {"dataset": dataset, "number": len(self.versions) + 1, "digest": "d"}
        self.versions.append(DatasetVersionRead.model_validate(told | {"created_at": "2030-01-01T00:00:00Z"}))
        return self.versions[-1]


def ingest(folder: Path) -> int:
    """The job's own code."""
    from millrace_contracts.rows import IngestSpec
    from millrace_training.rows import ingest as job

    registry = Registry(folder / "kept")
    for number in range(DELIVERIES):
        digest = registry.put_artifact(folder / f"{number}.csv")
        source = {"kind": "artifact", "digest": digest, "name": f"{number}.csv", "format": "csv"}
        spec = {"dataset": "d", "source": source, "target": "x0", "event_time": "at"}
        result = job.run(
            IngestSpec.model_validate(spec), context(registry, "ingest", folder / f"job-{number}")
        )
        assert result.accepted, result.reason
    return result.rows


def one(way: str, folder: Path) -> None:
    """Run one way here and print what it took."""
    rows = {"naive": naive, "ingest": ingest}[way](folder)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"rows": rows, "cpu_seconds": round(used.ru_utime + used.ru_stime, 1)}))


def main() -> int:
    """Both ways; 0 if they keep the same number of rows."""
    with tempfile.TemporaryDirectory(prefix="deliveries-") as place:
        folder = Path(place)
        (folder / "naive").mkdir()
        (folder / "kept").mkdir()
        came = None
        for number in range(DELIVERIES):
            came = delivery(number, came)
            csv.write_csv(came, folder / f"{number}.csv")
        figures = {}
        for way in ("ingest", "naive"):
            command = [sys.executable, "-m", "tests.bench.deliveries", way, str(folder)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            figures[way] = json.loads(done.stdout)
    print(json.dumps(figures, indent=2))
    return 0 if figures["ingest"]["rows"] == figures["naive"]["rows"] else 1


if __name__ == "__main__":
    if len(sys.argv) > 1:
        one(sys.argv[1], Path(sys.argv[2]))
    else:
        sys.exit(main())
