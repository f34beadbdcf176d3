"""Finished pieces of work in a job's scratch folder: `X.json`, written last, and every file of the same stem.

They are what another attempt, on another machine, finds again under the name of its work. What goes with them is data
only: JSON, arrays, graphs and tables, never a pickle; a checkpoint is bytes that nobody but the code of a user's own
opens again.
"""

from pathlib import Path

SUFFIXES = (".npy", ".onnx", ".parquet", ".ckpt", ".json")
"""Kinds of files that a piece may have."""
NAME = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,150}\.(npy|onnx|parquet|ckpt|json)$"


def finished(scratch: Path) -> list[Path]:
    """The files of all finished pieces, oldest piece first, each piece's JSON last."""
    done = sorted(scratch.glob("*.json"), key=lambda path: (path.stat().st_mtime_ns, path.name))
    return [path for last in done for path in (*_beside(last), last)]


def _beside(last: Path) -> list[Path]:
    paths = [last.with_suffix(suffix) for suffix in SUFFIXES if suffix != last.suffix]
    return [path for path in paths if path.is_file()]
