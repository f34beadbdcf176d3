"""`python -m tests.bench.largefile [MB] [bare]`: a CSV file through the whole ingest, in a process that is watched.

The file is read, typed, held to a contract, put in order, compared, described and kept as a version; the registry's
part is played by a folder. What it is to show is the most memory; the clock and the processor are told.
"""

import hashlib
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
from tests.bench import csvspeed
from tests.bench.deliveries import Registry
from tests.bench.job import context

MOST = 1024
"""MiB of memory that the process may hold at most, whatever the file's size."""
CHUNK = 1 << 22
BLOCKS = 5
"""Blocks of rows that are made; the others repeat their numbers and words."""


class Folder(Registry):
    """The registry's part, for artifacts that are files."""

    def put_artifact(self, data: bytes | Path, media_type: str = "") -> str:
        """Keep bytes, or a file."""
        if isinstance(data, bytes):
            return super().put_artifact(data, media_type)
        with data.open("rb") as file:
            digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
        shutil.copyfile(data, self.folder / digest)
        return digest

    def artifact_chunks(self, digest: str) -> Iterator[bytes]:
        """The bytes in pieces."""
        with (self.folder / digest).open("rb") as file:
            while piece := file.read(CHUNK):
                yield piece


def peak() -> int:
    """The most memory that this process has held so far (MiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def ingest(folder: Path) -> None:
    """The job's own code; prints what it took, and how far it is meanwhile."""
    from millrace_contracts.rows import IngestSpec
    from millrace_training.rows import ingest as job

    spec = json.loads((folder / "spec.json").read_text())
    made, began = context(Folder(folder), "ingest", folder / "job"), time.monotonic()

    def told(news: Any) -> None:
        print(f"{time.monotonic() - began:6.0f} s {peak():5} MiB {news.step} {news.message}", file=sys.stderr)

    made.emit = told
    result = job.run(IngestSpec.model_validate(spec), made)
    assert result.accepted, result.reason
    used = resource.getrusage(resource.RUSAGE_SELF)
    figures = {
        "rows": result.rows,
        "seconds": round(time.monotonic() - began),
        "cpu_seconds": round(used.ru_utime + used.ru_stime),
        "peak_mib": peak(),
    }
    print(json.dumps(figures))


def write(path: Path, size: int) -> None:
    """A file of at least *size* bytes: the rows of a few blocks again and again, each at a time of its own."""
    blocks, first = [], 0
    for number in range(BLOCKS):
        csvspeed.write(path, 1, seed=number)
        head, *lines = path.read_bytes().splitlines(keepends=True)
        blocks.append([line[line.index(b",") :] for line in lines])
    with path.open("wb") as out:
        out.write(head)
        while out.tell() < size:
            cells = blocks[(first // csvspeed.ROWS) % BLOCKS]
            times = csvspeed.times(first).astype(bytes).tolist()
            out.write(b"".join(part for pair in zip(times, cells, strict=True) for part in pair))
            first += csvspeed.ROWS


def asked(folder: Path, size: int, bare: bool) -> Any:
    """Write the file, and what is asked of the job: to hold it to a contract that its first rows suggest.

    Args:
        bare: there is no contract, so all rows are asked for one.
    """
    from millrace_table import inference, reading

    small, large = folder / "small.csv", folder / "large.csv"
    csvspeed.write(small, 1)
    write(large, size * 1_000_000)
    contract = inference.infer(reading.read(small.read_bytes(), "csv"), "revenue", "at", "UTC")
    with large.open("rb") as file:
        digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    large.rename(folder / digest)
    source = {"kind": "artifact", "digest": digest, "name": "large.csv", "format": "csv"}
    if bare:
        return {"dataset": "d", "source": source, "target": "revenue", "event_time": "at"}
    return {"dataset": "d", "source": source, "contract": contract.model_dump(mode="json")}


def main() -> int:
    """0 if every row was kept in less than a GiB."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    with tempfile.TemporaryDirectory(prefix="largefile-") as place:
        folder = Path(place)
        spec = asked(folder, size, "bare" in sys.argv[2:])
        (folder / "spec.json").write_text(json.dumps(spec))
        command = [sys.executable, "-m", "tests.bench.largefile", "ingest", place]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        figures = json.loads(done.stdout)
        kept = max(parquet.read_metadata(path).num_rows for path in folder.glob("sha256:*") if _is_rows(path))
    print(json.dumps(figures | {"mb": size}, indent=2))
    return 0 if figures["peak_mib"] < MOST and kept == figures["rows"] else 1


def _is_rows(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


if __name__ == "__main__":
    if sys.argv[1:2] == ["ingest"]:
        ingest(Path(sys.argv[2]))
    else:
        sys.exit(main())
