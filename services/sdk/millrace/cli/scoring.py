"""The command `score`: every row of files to files, with the version in production."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli.command import fail
from millrace.cli.output import Format, Output, dump
from millrace.cli.session import client

if TYPE_CHECKING:
    from millrace_contracts.names import WrittenFormat
    from millrace_contracts.scoring import ScoreResult, TableSink

LoopName = Annotated[str, typer.Argument(help="Name of the loop.")]


def score(
    loop: LoopName,
    data: Annotated[
        list[Path],
        typer.Option(
            "--data", exists=True, help="A file of rows, or a folder of such; may be given several times."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="A file (.csv, .parquet, .jsonl) of all rows, or a folder with one for each."
        ),
    ] = None,
    table: Annotated[
        str | None, typer.Option(help="A table of a PostgreSQL database instead, like shop.scored.")
    ] = None,
    connection: Annotated[
        str | None,
        typer.Option(
            help="Where the jobs find its URI: env:VARIABLE, file:/PATH, or secret:NAME/KEY in a cluster."
        ),
    ] = None,
    version: Annotated[int | None, typer.Option(help="The version; that in production if left out.")] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            "--keep", help="An input column to stand beside the answers, several times; all if left out."
        ),
    ] = None,
    log: Annotated[
        bool,
        typer.Option(
            "--log", help="Log the answers as the endpoint's own: they are watched and can be labelled."
        ),
    ] = False,
    output: Output = Format.TABLE,
) -> None:
    """Predict every row of files and write them with their answers, as the endpoint would answer them.

    The columns of the input stay; prediction, class and probabilities, version, and the row's key (request_id, index)
    stand beside them; with --log labels can refer to it. A job that was interrupted goes on where it was.
    """
    from millrace import scoring
    from millrace.cli.progress import Now, job_bar

    if (out is None) == (table is None):
        fail("say where the answers go", "Use --out FILE, or --table NAME with --connection.")
    paths, sink, folder = _files(data), _sink(table, connection), out is not None and _is_folder(out)
    form = "parquet" if out is None else _form(data, out)
    platform = client()
    try:
        with job_bar(f"{len(paths)} files" if len(paths) > 1 else paths[0].name) as told:
            spec = scoring.spec_of(
                platform,
                loop,
                paths,
                form,
                version=version,
                together=not folder,
                keep=keep or None,
                table=sink,
                log=log,
            )
            result = scoring.score(platform, loop, spec, lambda job: told(Now.of(job)))
            for file in result.files:
                assert out is not None
                scoring.bring(platform, file, out / file.name if folder else out)
    except scoring.NothingServes as error:
        fail(str(error), f"'millrace watch {loop}' shows how far its first run is.")
    if output != Format.TABLE:
        return dump(result, output)
    _tell(result, str(out or table), log)
    return None


def _tell(result: "ScoreResult", out: str, logged: bool) -> None:
    cost = result.cost
    typer.echo(f"{out}: {result.answered} of {result.rows} rows answered by version {result.version}.")
    if result.repeated:
        typer.echo(f"  {result.repeated} of them were in the table already.")
    for item in result.unanswered:
        typer.echo(
            f"  '{item.column}': {item.rows} rows hold no value that the model takes: {', '.join(item.examples)}",
            err=True,
        )
    resumed = f", {cost.resumed} of them kept from an earlier attempt" if cost.resumed else ""
    typer.echo(
        f"{cost.seconds:.1f} s, {cost.rows_per_second:,.0f} rows a second, {cost.cpu_seconds:.1f} s of processor, "
        f"{cost.parts} parts{resumed}."
    )
    if logged:
        typer.echo(
            "Later, tell the truth: a CSV with request_id,index,value for 'millrace labels push'.", err=True
        )


def _sink(table: str | None, connection: str | None) -> "TableSink | None":
    from millrace_contracts.scoring import TableSink

    if table is None:
        return None
    kind, _, place = (connection or "").partition(":")
    name, _, key = place.partition("/")
    if kind not in ("env", "file", "secret") or not place:
        fail("--connection says where the database's URI is kept", "Like --connection env:SHOP_DATABASE.")
    named = {
        "secret": {"secretRef": {"name": name, "key": key}},
        "env": {"env": place},
        "file": {"file": place},
    }
    return TableSink.model_validate({"table": table, "connection": named[kind]})


def _files(data: list[Path]) -> list[Path]:
    """The files themselves, and those of the folders by name."""
    from millrace_contracts.formats import FORMATS

    files: list[Path] = []
    for path in data:
        inside = (
            sorted(item for item in path.iterdir() if item.suffix.lower() in FORMATS)
            if path.is_dir()
            else [path]
        )
        if not inside:
            fail(f"{path} holds no file of rows", f"Their names end with {', '.join(FORMATS)}.")
        files += inside
    names = [file.stem for file in files]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        fail(f"two files are called {twice}", "Score them one after the other.")
    return files


def _is_folder(out: Path) -> bool:
    return out.is_dir() or not out.suffix


def _form(data: list[Path], out: Path) -> "WrittenFormat":
    """By the ending of --out; in a folder by that of what came."""
    from millrace_contracts.formats import FORMATS, format_of

    written: dict[str, WrittenFormat] = {"csv": "csv", "parquet": "parquet", "jsonl": "jsonl"}
    if not _is_folder(out):
        form = format_of(out)
        if form not in written or out.suffix.lower() not in FORMATS:
            fail(f"{out} cannot be written", "Let its name end with .csv, .parquet or .jsonl.")
        return written[form]
    forms = {written.get(FORMATS.get(path.suffix.lower(), "csv"), "csv") for path in _files(data)}
    return forms.pop() if len(forms) == 1 else "csv"
