"""Which kind of table a file is, by its ending."""

from pathlib import Path

from millrace_contracts.names import DataFormat

FORMATS: dict[str, DataFormat] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".xlsx": "xlsx",
}
PACKED = (".gz", ".zst", ".bz2")
"""Endings of packed files, behind the one that says what is in them."""


MENDS = {
    ".zip": "Unpack the archive: a folder of files can be pushed as it is.",
    ".xls": "Save the workbook as .xlsx.",
    ".ods": "Save the sheet as .xlsx or .csv.",
    ".db": "Rows of a database are fetched by a source, like sqlite:///PATH.",
}
"""What to do with files whose endings are known, and not read."""


class UnknownFormat(Exception):
    """The file's ending says nothing that is known."""


def format_of(path: Path) -> DataFormat:
    """What the file's ending says that it is. Raises: UnknownFormat."""
    ending = path.suffix.lower()
    if ending in PACKED:
        ending = path.with_suffix("").suffix.lower()
    if ending not in FORMATS:
        packed = f"one of {', '.join(FORMATS)}, and behind it {' or '.join(PACKED)} if it is packed"
        mend = MENDS.get(ending, "")
        raise UnknownFormat(f"{path.name}: the ending must be {packed}. {mend}".strip())
    return FORMATS[ending]


def tables(paths: list[Path]) -> list[Path]:
    """The files among *paths*, and those in their folders whose endings are known, in the order of their names.

    Raises: UnknownFormat for a folder without any.
    """
    files: list[Path] = []
    for path in paths:
        inside = sorted(item for item in path.iterdir() if _known(item)) if path.is_dir() else [path]
        if not inside:
            raise UnknownFormat(f"{path}: no file in this folder ends in one of {', '.join(FORMATS)}")
        files += inside
    return files


def _known(path: Path) -> bool:
    try:
        return path.is_file() and not path.name.startswith(".") and bool(format_of(path))
    except UnknownFormat:
        return False
