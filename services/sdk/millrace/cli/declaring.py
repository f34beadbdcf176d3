"""Commands that declare a loop and bring it data: init, apply, data push."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli.coding import with_code
from millrace.cli.command import command, fail, group
from millrace.cli.dialects import written
from millrace.cli.exits import REFUSED
from millrace.cli.output import Format, Output, dump
from millrace.cli.session import client

if TYPE_CHECKING:
    from millrace.client import Millrace
    from millrace_contracts.names import TaskName
    from millrace_contracts.rows import IngestResult
    from millrace_contracts.sources import Source
    from millrace_contracts.tables import Dialect

data = group("data", "Bring rows into a loop's dataset.")
LoopName = Annotated[str, typer.Argument(help="Name of the loop.")]


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
    from millrace import drafting, source_drafts
    from millrace.cli.progress import Now, job_bar
    from millrace.documents import load

    if (sample is None) == (source is None):
        fail("say where the data is", "Use --data FILE, or --source ADDRESS.")

    _check_name(name)
    _check_zone(timezone)
    loop_file, contract_file = folder / f"{name}.yaml", folder / f"{name}.contract.yaml"
    there = [path for path in (loop_file, contract_file) if path.exists() and not force]
    if there:
        fail(f"{there[0]} exists already", "Use --force to write over it, or --into another folder.")
    chosen: TaskName | None = None if task is None else task.value
    try:
        if source is None:
            assert sample is not None
            data: Path | Source = sample
            with job_bar(sample.name) as bar:

                def told(what: str, rows: int) -> None:
                    bar(Now(f"{rows:,} rows {what}"))

                found = drafting.look(sample, target, time, timezone, chosen, dialect, told)
        else:
            named = source_drafts.declared(source, table, query, secret or [], option or [], every, dialect)
            data, found = source_drafts.look(client(), named, target, time, timezone, chosen)
    except drafting.NoDraft as error:
        fail(str(error), error.mend)
    title = data.name if isinstance(data, Path) else source or ""
    folder.mkdir(parents=True, exist_ok=True)
    contract_file.write_text(drafting.contract_text(found, title), encoding="utf-8")
    loop_file.write_text(
        drafting.loop_text(name, found, data, contract_file, folder, timezone), encoding="utf-8"
    )
    load(loop_file)
    typer.echo(f"{found.rows} rows, {len(found.contract.columns)} columns: {found.task} of '{target}'.")
    if found.contract.dialect is not None and found.contract.dialect.delimiter:
        typer.echo(f"Written with {found.contract.dialect.words}.")
    for note in found.notes:
        typer.echo(f"Note: {note}")
    typer.echo(
        f"Wrote {loop_file} (the loop) and {contract_file} (what its data must fulfil). Look at both, then:"
    )
    typer.echo(f"  millrace apply -f {loop_file}")
    return


def _check_name(name: str) -> None:
    import re

    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", name):
        fail(f"{name!r} cannot be a name", "Use small letters, digits and hyphens, 63 at most.")


def _check_zone(timezone: str) -> None:
    from millrace_contracts import zones

    try:
        zones.check(timezone)
    except ValueError as error:
        fail(f"--timezone: {error}", "The names are those of the IANA time zone database.")


def apply(
    file: Annotated[Path, typer.Option("--file", "-f", help="The loop's YAML document.")],
    output: Output = Format.TABLE,
    wait: Annotated[float, typer.Option(help="Seconds to wait for a run to be opened.")] = 10.0,
) -> None:
    """Check a loop, store it, deliver its first data, and start the first run."""
    from millrace.documents import load

    loop = load(file)
    name, source = loop.metadata.name, loop.spec.data.source
    paths = [] if source is None or source.path is None else _beside(file, source.path)
    polled = source is not None and source.polled() is not None
    platform = client()
    loop = with_code(platform, loop, file)
    known, before = _standing(platform, name)
    stored = platform.controller.apply(loop)
    _say(output, f"{name} is declared (generation {stored.generation}).")
    for path in paths:
        _deliver(platform, name, path, output, source.dialect if source is not None else None)
    if polled:
        _say(output, f"Its rows are fetched from where they are. See:  millrace sources show {name}")
    run = _opened(platform, name, before, wait if paths or before == 0 else 0)
    if output != Format.TABLE:
        return dump(platform.controller.loop(name), output)
    if run is not None:
        typer.echo(f"Run {run} is opened. Watch it:  millrace watch {name}")
    elif polled and before == 0:
        typer.echo(f"A run is opened when the first rows are in. Watch it:  millrace watch {name}")
    elif not paths and before == 0:
        typer.echo(f"It has no data yet. Next:  millrace data push {name} FILE")
    elif stored.generation == known and not paths:
        typer.echo(f"Nothing has changed, so no run is opened. See:  millrace loops show {name}")
    else:
        typer.echo(f"No run is opened yet; one opens if it is needed. See:  millrace watch {name}")
    return None


def _beside(file: Path, named: str) -> list[Path]:
    """The file that a document names, or every file of a folder whose ending says what it is, by name."""
    from millrace_contracts.formats import FORMATS

    path = file.parent / named
    if path.is_dir():
        found = sorted(item for item in path.iterdir() if item.suffix.lower() in FORMATS)
        if not found:
            fail(f"spec.data.source.path: {path} has no file of {', '.join(FORMATS)}", "Name a file instead.")
        return found
    if not path.is_file():
        fail(f"spec.data.source.path: there is no file {path}", f"It is relative to {file}.")
    return [path]


def _standing(platform: "Millrace", name: str) -> tuple[int, int]:
    """The loop's generation and the number of its newest run; 0 for none."""
    from millrace.client import ApiError

    try:
        loop = platform.controller.loop(name)
    except ApiError as error:
        if error.status != 404:
            raise
        return 0, 0
    return loop.generation, 0 if loop.run is None else loop.run.number


def _opened(platform: "Millrace", name: str, before: int, patience: float) -> int | None:
    """Wait for a run newer than *before*."""
    import time

    deadline = time.monotonic() + patience
    while True:
        number = _standing(platform, name)[1]
        if number > before:
            return number
        if time.monotonic() >= deadline:
            return None
        time.sleep(0.2)


def _say(output: Format, text: str) -> None:
    typer.echo(text, err=output != Format.TABLE)


def _deliver(
    platform: "Millrace", name: str, path: Path, output: Format, dialect: "Dialect | None" = None
) -> "IngestResult":
    """Push a file and tell what became of it; exits with the report when it is refused."""
    from millrace.cli.progress import Now, job_bar
    from millrace.delivery import push

    with job_bar(f"{path.name} ({path.stat().st_size / 2**20:.1f} MiB)") as told:
        result = push(platform, name, path, lambda job: told(Now.of(job)), dialect)
    if not result.accepted:
        _refused(path, result)
    if result.unchanged:
        _say(output, f"{path.name} is known already: data version {result.dataset_version}.")
    else:
        _say(output, f"{path.name}: {result.new_rows} rows accepted, data version {result.dataset_version}.")
    for line in result.report.told():
        _say(output, f"  {line}")
    return result


def _refused(path: Path, result: "IngestResult") -> None:
    lines = result.report.explained()
    entry = result.quarantine
    lines.append(f"The file is kept in quarantine ({entry}); nothing was trained on it.")
    lines.append(f"Take it after all: millrace data accept {entry} --widen; or: millrace data drop {entry}")
    fail(f"{path.name} is refused", *lines, code=REFUSED)


@command(
    data,
    "push",
    "millrace data push my-loop new.csv",
    "millrace data push my-loop may.csv.gz june.xlsx exports/",
    "millrace data push my-loop old.txt --delimiter tab --encoding latin-1 --decimal ,",
)
@written
def push_data(
    loop: LoopName,
    files: Annotated[
        list[Path],
        typer.Argument(help="Files of rows, or folders of such; each is a delivery of its own.", exists=True),
    ],
    output: Output = Format.TABLE,
    dialect: "Dialect | None" = None,
) -> None:
    """Hold files of rows to the loop's contract and add them to its dataset, or refuse one with a report.

    CSV, Excel (.xlsx), JSON lines, Parquet and Arrow; also packed by gzip, zstd or bzip2.
    """
    from millrace_contracts.formats import tables

    platform = client()
    results = [_deliver(platform, loop, file, output, dialect) for file in tables(files)]
    if output != Format.TABLE:
        dump(results[0] if len(results) == 1 else results, output)
