"""A JSON file that is one array, item by item: whoever reads lines of any number need not hold it at once."""

from pathlib import Path

import orjson
import pyarrow as pa

from millrace_table.engine import engine, literal

AT_ONCE = 1 << 12
"""Items that are held at once; DuckDB tells where each begins and ends."""
INVALID = "Invalid Input Error"
"""How DuckDB calls what is no array, when Arrow hands its words on."""


def as_lines(source: Path, folder: Path) -> Path | None:
    """A file with a line for each object of the array in *source*; None if that is not an array of objects alone."""
    import duckdb

    target = folder.resolve() / "items.jsonl"
    query = f"SELECT json FROM read_json_objects({literal(str(source.resolve()))}, format = 'array')"  # noqa: S608
    try:
        with engine(folder, source.resolve()) as database, target.open("wb") as out:
            for batch in database.sql(query).to_arrow_reader(AT_ONCE):
                for text in batch.column(0).to_pylist():
                    item = orjson.loads(text)
                    if not isinstance(item, dict):
                        return None
                    out.write(orjson.dumps(item) + b"\n")
    except (duckdb.Error, orjson.JSONDecodeError):
        return None
    except (OSError, pa.ArrowException) as error:
        if INVALID not in str(error):
            raise
        return None
    return target
