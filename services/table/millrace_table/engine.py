"""DuckDB, in the one place that opens it: no network, no extensions, little memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

MEMORY = "512MB"
"""What DuckDB may hold at once; the rest waits on disk."""


@contextmanager
def engine(folder: Path, *others: Path) -> "Iterator[duckdb.DuckDBPyConnection]":
    """A database in memory that reads and writes below *folder*, and may read *others*."""
    import duckdb

    settings: dict[str, Any] = {
        "memory_limit": MEMORY,
        "temp_directory": str(folder / "spill"),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    with duckdb.connect(config=settings) as connection:
        connection.execute(f"SET allowed_directories = [{literal(str(folder.resolve()))}]")
        connection.execute(f"SET allowed_paths = [{', '.join(literal(str(path)) for path in others)}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET enable_progress_bar = false")
        yield connection


def literal(text: str) -> str:
    """*text* as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def name(text: str) -> str:
    """*text* as the name of a column in SQL."""
    return '"' + text.replace('"', '""') + '"'
