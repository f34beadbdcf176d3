"""The command that drafts a loop and its contract from a look at data: init."""

import re
import shlex
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli.command import fail
from millrace.cli.dialects import written
from millrace.cli.session import client

if TYPE_CHECKING:
    from millrace.drafting import Sample
    from millrace_contracts.names import TaskName
    from millrace_contracts.sources import Source
    from millrace_contracts.tables import Dialect


class Task(StrEnum):
    """Kinds of answers."""

    REGRESSION = "regression"
    BINARY = "binary"
    MULTICLASS = "multiclass"


@written
def init(
    name: Annotated[str, typer.Argument(help="Name of the loop, its model and its endpoint.")],
    target: Annotated[str, typer.Option(help="The column to predict.")],
    sample: Annotated[
        Path | None,
        typer.Option(
            "--data", help="A file of good data, of any size: CSV, Parquet, JSON lines, Excel, Arrow."
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            help="Where the rows are instead: postgresql://…, sqlite:///…, s3://…, https://…, or env:VARIABLE that "
            "keeps a database's URI; the platform reads them."
        ),
    ] = None,
    table: Annotated[str | None, typer.Option(help="Of a database: the table.")] = None,
    query: Annotated[str | None, typer.Option(help="Of a database: one SELECT instead.")] = None,
    secret: Annotated[
        list[str] | None,
        typer.Option(help="Where a secret is kept: password=env:SHOP_PASSWORD, bearer=file:/PATH, …"),
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="What a bucket needs: region=eu-central-1; pattern='*.csv'.")
    ] = None,
    every: Annotated[str | None, typer.Option(help="How often the source is looked at, like 15m.")] = None,
    time: Annotated[str | None, typer.Option(help="The column that says when a row happened.")] = None,
    timezone: Annotated[str, typer.Option(help="Time zone in which days begin.")] = "UTC",
    task: Annotated[
        Task | None, typer.Option(help="What to predict; left out, the target's values decide.")
    ] = None,
    folder: Annotated[Path, typer.Option("--into", help="Where the two files are written.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Write over files that exist.")] = False,
    dialect: "Dialect | None" = None,
) -> None:
    """Write a commented loop and an inferred data contract for a table.

    No platform is needed for a file. Rows of a source are read by the platform, which has its secrets and may reach it.
    """
    from millrace import source_drafts
    from millrace.drafting import NoDraft

    if (sample is None) == (source is None):
        fail("say where the data is", "Use --data FILE, or --source ADDRESS.")
    _check_name(name)
    _check_zone(timezone)
    draft = _Draft(name, target, time, timezone, None if task is None else task.value, folder)
    draft.check_room(force)
    try:
        if sample is not None:
            draft.write(draft.look(sample, dialect), sample)
        else:
            assert source is not None
            named = source_drafts.declared(source, table, query, secret or [], option or [], every, dialect)
            whole, found = source_drafts.look(client(), named, target, time, timezone, draft.task)
            draft.write(found, whole, source)
    except NoDraft as error:
        fail(str(error), error.mend)


@dataclass(frozen=True)
class _Draft:
    """What is to be drafted, and the *folder* that its two files go into."""

    name: str
    target: str
    time: str | None
    timezone: str
    task: "TaskName | None"
    folder: Path

    @property
    def loop_file(self) -> Path:
        return self.folder / f"{self.name}.yaml"

    @property
    def contract_file(self) -> Path:
        return self.folder / f"{self.name}.contract.yaml"

    def check_room(self, force: bool) -> None:
        """Exit if a file is there already that is not to be written over."""
        there = [path for path in (self.loop_file, self.contract_file) if path.exists() and not force]
        if there:
            fail(f"{there[0]} exists already", "Use --force to write over it, or --into another folder.")

    def look(self, data: Path, dialect: "Dialect | None") -> "Sample":
        """Look at a file, and show how far that is. Raises: NoDraft."""
        from millrace import drafting
        from millrace.cli.progress import Now, job_bar

        with job_bar(data.name) as bar:

            def told(what: str, rows: int) -> None:
                bar(Now(f"{rows:,} rows {what}"))

            return drafting.look(data, self.target, self.time, self.timezone, self.task, dialect, told)

    def write(self, found: "Sample", data: "Path | Source", address: str = "") -> None:
        """Write both files, and tell what was *found* of the *data*, which a source has at an *address*."""
        from millrace import drafting
        from millrace.documents import load

        title = data.name if isinstance(data, Path) else address
        self.folder.mkdir(parents=True, exist_ok=True)
        self.contract_file.write_text(drafting.contract_text(found, title), encoding="utf-8")
        text = drafting.loop_text(self.name, found, data, self.contract_file, self.folder, self.timezone)
        self.loop_file.write_text(text, encoding="utf-8")
        load(self.loop_file)
        _tell(found)
        typer.echo(
            f"Wrote {self.loop_file} (the loop) and {self.contract_file} (what its data must fulfil). "
            "Look at both, then:"
        )
        typer.echo(f"  millrace apply -f {self.loop_file}")
        if self.time is not None and isinstance(data, Path):
            typer.echo("Or see first what this loop would have done with these rows, day by day:")
            typer.echo(
                f"  millrace backtest -f {self.loop_file} --data {shlex.quote(str(data))} --out backtest"
            )


def _tell(found: "Sample") -> None:
    typer.echo(
        f"{found.rows} rows, {len(found.contract.columns)} columns: {found.task} of '{found.contract.target}'."
    )
    if found.contract.dialect is not None and found.contract.dialect.delimiter:
        typer.echo(f"Written with {found.contract.dialect.words}.")
    for note in found.notes:
        typer.echo(f"Note: {note}")


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", name):
        fail(f"{name!r} cannot be a name", "Use small letters, digits and hyphens, 63 at most.")


def _check_zone(timezone: str) -> None:
    from millrace_contracts import zones

    try:
        zones.check(timezone)
    except ValueError as error:
        fail(f"--timezone: {error}", "The names are those of the IANA time zone database.")
