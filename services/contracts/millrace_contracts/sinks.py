"""Where predictions go: a folder of this machine, an object store, or a table of a database."""

from pathlib import PurePosixPath
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from millrace_contracts.formats import FORMATS
from millrace_contracts.names import WrittenFormat
from millrace_contracts.parts import Part
from millrace_contracts.sources import DatabaseAccess, FilePath, Secret, StoreAccess, TableName

WRITABLE = r"^(postgresql|postgres|sqlite)://[\x21-\x7e]*$"
WRITTEN: dict[str, WrittenFormat] = {"csv": "csv", "parquet": "parquet", "jsonl": "jsonl"}


class TableSink(DatabaseAccess):
    """A table of a PostgreSQL or SQLite database; made when it is not there, else rows are added."""

    uri: str | None = Field(
        default=None,
        max_length=2000,
        pattern=WRITABLE,
        description="The database without a password, like postgresql://writer@db.example/shop.",
    )
    table: TableName = Field(description="Like scored or shop.scored.")


class Sink(Part):
    """One place that predictions go to."""

    path: FilePath | None = Field(
        default=None,
        description="A folder of this machine: a new file for each scoring. With an ending like .csv: one file, "
        "replaced each time.",
    )
    bucket: StoreAccess | None = Field(
        default=None,
        description="A place of an object store, likewise: a prefix, or one object with an ending.",
    )
    sql: TableSink | None = Field(default=None, description="A table of a database.")
    format: WrittenFormat | None = Field(
        default=None, description="What files in a folder or below a prefix are; parquet if left out."
    )

    @model_validator(mode="after")
    def _one(self) -> "Sink":
        if sum(item is not None for item in (self.path, self.bucket, self.sql)) != 1:
            raise ValueError("a sink is one of path, bucket and sql")
        if self.format is not None and self.sql is not None:
            raise ValueError("format is for files; a table has none")
        return self

    def secrets(self) -> dict[str, Secret]:
        """What it needs that a document does not hold, by its place in the sink."""
        named = {"bucket": self.bucket, "sql": self.sql}
        return {
            f"{kind}.{name}": secret
            for kind, item in named.items()
            if item is not None
            for name, secret in item.secrets().items()
        }

    def one_file(self) -> WrittenFormat | None:
        """What the file is that is replaced each time; None for a folder, a prefix or a table."""
        place = self.path or (urlsplit(self.bucket.url).path if self.bucket else "")
        ending = PurePosixPath(place).suffix.lower()
        return WRITTEN.get(FORMATS.get(ending, ""))

    def written(self) -> WrittenFormat:
        """What its files are."""
        return self.one_file() or self.format or "parquet"

    def told(self) -> str:
        """Its place in words, without anything secret."""
        if self.sql is not None:
            return f"table {self.sql.table}"
        return self.path or (self.bucket.url if self.bucket else "")
