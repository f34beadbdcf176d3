"""The command `score`: every row of files, or of a source, to files, a bucket or a table; and the declared one now."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli.asking import fail_unserved
from millrace.cli.command import fail
from millrace.cli.output import Format, Output, dump
from millrace.cli.places import Places, places
from millrace.cli.session import client
from millrace_contracts.counting import counted

if TYPE_CHECKING:
    from millrace.client import Millrace
    from millrace_contracts.names import WrittenFormat
    from millrace_contracts.scoring import ScoreResult, ScoreSpec

LoopName = Annotated[str, typer.Argument(help="Name of the loop.")]


def score(
    loop: LoopName,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            "--data", exists=True, help="A file of rows, or a folder of such; may be given several times."
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            help="Where rows are instead: postgresql://…, sqlite:///…, s3://…, https://…, env:VARIABLE that keeps a "
            "database's URI, or a YAML file with what stands below 'source'."
        ),
    ] = None,
    query: Annotated[str | None, typer.Option(help="Of a database: one SELECT.")] = None,
    out: Annotated[
        str | None,
        typer.Option(
            help="A file (.csv, .parquet, .jsonl) of all rows, a folder with one for each, or s3://BUCKET/PREFIX."
        ),
    ] = None,
    table: Annotated[
        str | None, typer.Option(help="A table of a PostgreSQL or SQLite database instead, like shop.scored.")
    ] = None,
    connection: Annotated[
        str | None,
        typer.Option(
            help="Where the jobs find its URI: env:VARIABLE, file:/PATH, or secret:NAME/KEY in a cluster."
        ),
    ] = None,
    secret: Annotated[
        list[str] | None,
        typer.Option(help="Where a secret is kept: password=env:SHOP_PASSWORD, access_key_id=file:/PATH, …"),
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="What a bucket needs: region=eu-central-1, endpoint=…")
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
    stand beside them; with --log labels can refer to it. A job that was interrupted goes on where it was. Without
    --data or --source, the rows that the loop declares (spec.predict.batch) are scored now.
    """
    from millrace import scoring
    from millrace.cli.progress import Now, job_bar

    if data is None and source is None:
        said: list[object] = [query, out, table, connection, secret, option, version, keep]
        return _declared(client(), loop, said, log, output)
    if (out is None) == (table is None) or (data is not None and source is not None):
        fail("say what is scored, and where the answers go", "Use --data or --source; --out or --table.")
    paths = _files(data or [])
    found = places(source, query, out, table, connection, secret or [], option or [])
    place = None if out is None or found.sink is not None else Path(out)
    platform = client()
    try:
        with job_bar(loop if len(paths) != 1 else paths[0].name) as told:
            spec = _spec(platform, loop, paths, found, place, version, keep, log)
            result = scoring.score(platform, loop, spec, lambda job: told(Now.of(job)))
            _bring(platform, result, place)
    except scoring.NothingServes as error:
        fail_unserved(loop, str(error))
    except scoring.NoRows as error:
        fail(str(error), "Look at it with 'millrace sources test'.")
    if output != Format.TABLE:
        return dump(result, output)
    _tell(result, str(out or table), log)
    return None


def _spec(
    platform: "Millrace",
    loop: str,
    paths: list[Path],
    found: Places,
    place: Path | None,
    version: int | None,
    keep: list[str] | None,
    log: bool,
) -> "ScoreSpec":
    from millrace import scoring

    return scoring.spec_of(
        platform,
        loop,
        paths,
        "parquet" if place is None else _form(paths, place),
        source=found.source,
        version=version,
        together=place is None or not _is_folder(place),
        keep=keep or None,
        sink=found.sink,
        log=log,
    )


def _bring(platform: "Millrace", result: "ScoreResult", place: Path | None) -> None:
    """Fetch the files of answers, and the lines that could not be read beside them."""
    from millrace import scoring

    if place is None:
        return
    folder = _is_folder(place)
    for file in result.files:
        scoring.bring(platform, file, place / file.name if folder else place)
    if result.rejected is not None:
        beside = place / "rejects.csv" if folder else place.with_name(f"{place.name}.rejects.csv")
        scoring.bring(platform, result.rejected, beside)


def _declared(platform: "Millrace", loop: str, said: list[object], log: bool, output: Format) -> None:
    """Score what the loop declares, and wait for it."""
    import time

    from millrace.cli.progress import Now, job_bar

    if log or any(item is not None for item in said):
        fail(
            "say what is scored",
            "Use --data or --source; without them the loop's own declaration counts alone.",
        )
    with job_bar(loop) as told:
        found = platform.controller.score(loop)
        while found.ended_at is None and found.state != "failed":
            told(Now(found.message or found.state))
            found = platform.controller.scoring(loop, found.number, wait=20)
            time.sleep(0.2)
    if output != Format.TABLE:
        return dump(found, output)
    if found.state == "failed":
        fail(
            f"scoring {found.number} failed: {found.message}",
            "It is tried again; see 'millrace scores list'.",
        )
    typer.echo(f"Scoring {found.number}: {found.message}")
    return None


def _tell(result: "ScoreResult", out: str, logged: bool) -> None:
    cost = result.cost
    typer.echo(
        f"{out}: {result.answered} of {counted(result.rows, 'row')} answered by version {result.version}."
    )
    lost = result.rejects
    if lost.count:
        first = f"; the first is line {lost.kept[0].line}: {lost.kept[0].reason}" if lost.kept else ""
        typer.echo(
            f"  {counted(lost.count, 'line')} could not be read, kept beside the output{first}", err=True
        )
    if result.repeated:
        typer.echo(f"  {result.repeated} of them were in the table already.")
    for item in result.unanswered:
        typer.echo(
            f"  '{item.column}': {counted(item.rows, 'row holds', 'rows hold')} no value that the model takes: "
            f"{', '.join(item.examples)}",
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
