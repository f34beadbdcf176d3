"""Where a loop's rows come from by themselves: a database, a bucket or a web address, and how a secret is named.

A document names a secret, it never holds one: what it says is shown in the log, in decisions and to every viewer.
"""

import hashlib
import re
from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, model_validator

from millrace_contracts import durations
from millrace_contracts.names import DataFormat
from millrace_contracts.parts import Column, Duration, Int, Lasting, Part, Written
from millrace_contracts.tables import Dialect

Every = Annotated[Written, Lasting(most="366d", least="10s")]
Kind = Literal["path", "sql", "bucket", "http"]
HAS_PASSWORD: Final = r"://[^/?#]*:[^/?#@]+@|[?&](password|passwd|pwd|token|secret)="  # noqa: S105 - a pattern
"""What a URI with a password in it has."""
IS_SECRET: Final = "secret|password|token|account_key|service_account|sas|credential"  # noqa: S105 - a pattern
DATABASE: Final = r"^(postgresql|postgres|sqlite|grpc|grpc\+tls|snowflake|bigquery)://[\x21-\x7e]*$"
BUCKET: Final = r"^(s3|gs|az)://[A-Za-z0-9][A-Za-z0-9._-]*(/[\x21-\x7e]*)?$|^file:///[\x20-\x7e]*$"
WEB: Final = r"^https?://[A-Za-z0-9\[][\x21-\x7e]*$"
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
SecretName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
SecretKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,253}$")]
FilePath = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"^[^\x00-\x1f]+$")]
Sql = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
TableName = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\"]+$")]
Option = Annotated[str, StringConstraints(max_length=1000)]
OPTION: Final = "^[a-z][a-z0-9_]{0,63}$"


class SecretRef(Part):
    """One key of a Secret beside the jobs, which is called `source.PROJECT.NAME`."""

    name: SecretName = Field(description="NAME of the Secret source.PROJECT.NAME.")
    key: SecretKey = Field(description="The key within it.")


class Secret(Part):
    """Where a secret is kept: an environment variable or a file on a laptop, a Secret in a cluster."""

    env: Variable | None = Field(default=None, description="Environment variable of 'millrace up'.")
    file: FilePath | None = Field(default=None, description="A file of this machine, by its whole path.")
    secret_ref: SecretRef | None = Field(default=None, description="A Secret of the cluster.")

    @model_validator(mode="after")
    def _one(self) -> "Secret":
        if sum(item is not None for item in (self.env, self.file, self.secret_ref)) != 1:
            raise ValueError("a secret is kept in one place: env, file or secretRef")
        return self

    def variable(self) -> str:
        """The variable in which a job finds it."""
        if self.secret_ref is None:
            return self.env or ""
        named = f"{self.secret_ref.name}/{self.secret_ref.key}"
        return f"SOURCE_SECRET_{hashlib.sha256(named.encode()).hexdigest()[:16].upper()}"

    def told(self) -> str:
        """Its place in words."""
        if self.secret_ref is not None:
            return f"secretRef {self.secret_ref.name}/{self.secret_ref.key}"
        return f"env {self.env}" if self.env else f"file {self.file}"


class DatabaseAccess(Part):
    """How a database is reached: by its URI, with the password elsewhere, or by a whole URI that is a secret."""

    uri: str | None = Field(
        default=None,
        max_length=2000,
        pattern=DATABASE,
        description="The database without a password, like postgresql://reader@db.example/shop.",
    )
    connection: Secret | None = Field(default=None, description="The database's whole URI, kept as a secret.")
    password: Secret | None = Field(default=None, description="The password that the URI leaves out.")

    @model_validator(mode="after")
    def _named(self) -> "DatabaseAccess":
        if (self.uri is None) == (self.connection is None):
            raise ValueError("a database is named by either uri or connection")
        if self.uri is not None and re.search(HAS_PASSWORD, self.uri):
            raise ValueError("no password belongs in uri; name it with password, or use connection")
        if self.password is not None and self.uri is None:
            raise ValueError("password goes with uri; connection has its own")
        return self

    def secrets(self) -> dict[str, Secret]:
        """What it needs that a document does not hold, by field."""
        named = {"connection": self.connection, "password": self.password}
        return {name: secret for name, secret in named.items() if secret is not None}


class SqlSource(DatabaseAccess):
    """Rows of a table or a query."""

    query: Sql | None = Field(default=None, description="One SELECT, without a semicolon.")
    table: TableName | None = Field(default=None, description="A table instead, like sales or shop.sales.")
    cursor: Column | None = Field(
        default=None,
        description="A column that grows with every new or changed row; only what is behind it is read again.",
    )
    look_back: Duration = Field(
        default="0s", description="Time before the cursor that is read again, for rows that come late."
    )
    look_back_steps: Int = Field(
        default=0, ge=0, lt=2**53, description="The same for a cursor that is a whole number."
    )
    batch_rows: Int = Field(
        default=1_000_000, ge=1, le=10_000_000, description="Most rows of one delivery, with a cursor."
    )

    @model_validator(mode="after")
    def _whole(self) -> "SqlSource":
        if (self.query is None) == (self.table is None):
            raise ValueError("rows come from either query or table")
        return self

    def looks_back(self) -> bool:
        """Whether rows before the cursor are read again."""
        return self.look_back_steps > 0 or durations.parse(self.look_back) > timedelta(0)

    def identity(self) -> tuple[str, ...]:
        """What makes its rows other rows when it is changed."""
        where = self.uri or (self.connection.told() if self.connection else "")
        return ("sql", where, self.query or "", self.table or "", self.cursor or "")


class StoreAccess(Part):
    """How a place of an object store is reached."""

    url: str = Field(
        max_length=2000,
        pattern=BUCKET,
        description="s3://, gs:// or az:// with bucket and prefix; file:///folder on a laptop.",
    )
    options: dict[str, Option] = Field(
        default={}, max_length=20, description="What the store needs, like endpoint and region."
    )
    secrets_by_option: dict[str, Secret] = Field(
        default={},
        max_length=10,
        alias="secrets",
        description="The same kept as secrets, like access_key_id.",
    )

    @model_validator(mode="after")
    def _no_secret(self) -> "StoreAccess":
        for name in (*self.options, *self.secrets_by_option):
            if not re.search(OPTION, name):
                raise ValueError("an option's name is small letters, digits and _, like access_key_id")
        for name in self.options:
            if re.search(IS_SECRET, name):
                raise ValueError("an option that is a secret is named below secrets")
        return self

    def secrets(self) -> dict[str, Secret]:
        """What it needs that a document does not hold, by the store's option."""
        return {f"secrets.{name}": secret for name, secret in self.secrets_by_option.items()}


class BucketSource(StoreAccess):
    """Files below a place of an object store, each taken once; one that was changed is taken again."""

    pattern: Option = Field(default="*", description="Names of the files below it, like *.parquet.")
    format: DataFormat | None = Field(default=None, description="What they are; else their ending says.")

    def identity(self) -> tuple[str, ...]:
        """What makes its rows other rows when it is changed."""
        return ("bucket", self.url.rstrip("/"), self.options.get("endpoint", ""))


class HttpSource(Part):
    """One file of a web server, taken again when it has changed."""

    url: str = Field(max_length=2000, pattern=WEB, description="An address whose host is allowed.")
    bearer: Secret | None = Field(default=None, description="A token that is sent along.")
    format: DataFormat | None = Field(default=None, description="What it is; else its ending says.")

    @model_validator(mode="after")
    def _no_secret(self) -> "HttpSource":
        if re.search(HAS_PASSWORD, self.url):
            raise ValueError("no password belongs in url; name it with bearer")
        return self

    def secrets(self) -> dict[str, Secret]:
        """What it needs that a document does not hold, by field."""
        return {} if self.bearer is None else {"bearer": self.bearer}

    def identity(self) -> tuple[str, ...]:
        """What makes its rows other rows when it is changed."""
        return ("http", self.url)


Polled = SqlSource | BucketSource | HttpSource


class RowSource(Part):
    """One place that rows come from."""

    path: FilePath | None = Field(
        default=None, description="A file or a folder of files, relative to this document."
    )
    sql: SqlSource | None = Field(default=None, description="A database.")
    bucket: BucketSource | None = Field(default=None, description="Files of an object store.")
    http: HttpSource | None = Field(default=None, description="A file of a web server.")

    @model_validator(mode="after")
    def _one(self) -> "RowSource":
        if sum(item is not None for item in (self.path, self.sql, self.bucket, self.http)) != 1:
            raise ValueError("a source is one of path, sql, bucket and http")
        return self

    def polled(self) -> Polled | None:
        """What the platform itself reads; None for a path, which only the command line can."""
        return self.sql or self.bucket or self.http

    def told(self) -> str:
        """Its place in words, without anything secret."""
        if self.sql is not None:
            return f"table {self.sql.table}" if self.sql.table else "a query"
        there = self.bucket or self.http
        return self.path or (there.url if there is not None else "")

    def kind(self) -> Kind:
        """Which one it is."""
        named: tuple[tuple[Kind, object], ...] = (
            ("sql", self.sql),
            ("bucket", self.bucket),
            ("http", self.http),
        )
        return next((name for name, item in named if item is not None), "path")

    def secrets(self) -> dict[str, Secret]:
        """What it needs that a document does not hold, by its place in the source."""
        there = self.polled()
        return (
            {} if there is None else {f"{self.kind()}.{name}": item for name, item in there.secrets().items()}
        )


class Source(RowSource):
    """Where the rows of a dataset come from; a path is uploaded once, by 'millrace apply'."""

    every: Every | None = Field(
        default=None,
        description="How often it is looked at, by the clock; left out: once, and when asked to.",
    )
    dialect: Dialect | None = Field(
        default=None,
        description="How its files are written, where that is known; it goes before what the contract says.",
    )

    @model_validator(mode="after")
    def _uploaded_once(self) -> "Source":
        if self.path is not None and self.every is not None:
            raise ValueError("path is uploaded once; a folder looked at again is bucket with file:///folder")
        return self
