"""Commands that declare a loop and bring it data: apply, data push."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli.coding import with_code
from millrace.cli.command import command, fail, group
from millrace.cli.dialects import written
from millrace.cli.exits import REFUSED
from millrace.cli.output import Format, Output, dump
from millrace.cli.session import client
from millrace_contracts.counting import counted

if TYPE_CHECKING:
    from millrace.client import Millrace
    from millrace_contracts.rows import IngestResult
    from millrace_contracts.tables import Dialect

data = group("data", "Bring rows into a loop's dataset.")
LoopName = Annotated[str, typer.Argument(help="Name of the loop.")]


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
        _say(
            output,
            f"{path.name}: {counted(result.new_rows, 'row')} accepted, data version {result.dataset_version}.",
        )
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
