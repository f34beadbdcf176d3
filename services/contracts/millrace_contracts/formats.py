"""Which kind of table a file is, by its ending."""

from pathlib import Path

from millrace_contracts.names import DataFormat

FORMATS: dict[str, DataFormat] = {
    ".csv": "csv",
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}


class UnknownFormat(Exception):
    """The file's ending says nothing that is known."""


def format_of(path: Path) -> DataFormat:
    """csv, parquet or jsonl, by the file's ending. Raises: UnknownFormat."""
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        endings = ", ".join(FORMATS)
        raise UnknownFormat(f"{path.name}: the ending must be one of {endings}") from None
