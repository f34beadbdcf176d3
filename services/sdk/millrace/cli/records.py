"""`list` and `show` of what was recorded: decisions, datasets, jobs."""

from typing import TYPE_CHECKING, Annotated, cast

import typer

from millrace.cli.command import command, group
from millrace.cli.output import EVENT_TIME, RECORDED, Columns, Format, Output, fields, items, one, span
from millrace.cli.session import client

if TYPE_CHECKING:
    from millrace_contracts.batches import ScoringRead
    from millrace_contracts.datasets import DatasetRead, DatasetVersionRead, QuarantineRead
    from millrace_contracts.decisions import DecisionRead
    from millrace_contracts.jobs import JobRead, JobState

decisions = group("decisions", "Everything that was decided, by whom, and why.")
datasets = group("datasets", "Datasets, their versions and their quarantine.")
jobs = group("jobs", "Jobs that check data, train and evaluate.")
scores = group("scores", "What was scored by itself: rows, rejects and cost.")
GROUPS = (decisions, datasets, jobs, scores)

LoopFilter = Annotated[str | None, typer.Option("--loop", help="Only of this loop.")]
Name = Annotated[str, typer.Argument(help="Its name.")]


@command(
    decisions, "list", "millrace decisions list", "millrace decisions list --loop my-loop --kind gate.verdict"
)
def list_decisions(
    loop: LoopFilter = None,
    kind: Annotated[str | None, typer.Option(help="Only of this kind, like gate.verdict.")] = None,
    run: Annotated[int | None, typer.Option(help="Only of this run.")] = None,
    last: Annotated[int, typer.Option(help="How many, counted from the newest; 0: all.")] = 50,
    output: Output = Format.TABLE,
) -> None:
    """Decisions in the order in which they were recorded."""
    columns: Columns[DecisionRead] = (
        ("NO", lambda decision: decision.number),
        ("ID", lambda decision: decision.id[:8]),
        (EVENT_TIME, lambda decision: decision.event_time),
        (RECORDED, lambda decision: decision.recorded_at),
        ("LOOP", lambda decision: decision.loop),
        ("RUN", lambda decision: decision.run),
        ("KIND", lambda decision: decision.kind),
        ("OUTCOME", lambda decision: decision.outcome),
        ("BY", lambda decision: decision.author),
        ("REASON", lambda decision: decision.reason),
    )
    decisions = client().registry.decisions(loop=loop, kind=kind, run=run)
    items(decisions[-last:] if last else decisions, columns, output, "Nothing has been decided yet.")


@command(
    decisions, "show", "millrace decisions show 4be1c2d0", "millrace explain 4be1c2d0   # in plain words"
)
def show_decision(
    decision: Annotated[str, typer.Argument(help="Its number, its id, or the id's first characters.")],
    output: Output = Format.TABLE,
) -> None:
    """One decision as it is recorded, with its evidence and what followed."""
    from millrace.cli.choosing import decision_of

    one(decision_of(client(), decision), output)


@command(datasets, "list", "millrace datasets list", "millrace datasets list my-loop    # its versions")
def list_datasets(
    dataset: Annotated[str | None, typer.Argument(help="List this dataset's versions instead.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Datasets; with a name, that dataset's versions."""
    registry = client().registry
    if dataset is None:
        columns: Columns[DatasetRead] = (
            ("NAME", lambda item: item.name),
            ("VERSIONS", lambda item: item.latest),
            ("DESCRIPTION", lambda item: item.description),
        )
        return items(registry.datasets(), columns, output, "There are no datasets yet.")
    of_version: Columns[DatasetVersionRead] = (
        ("VERSION", lambda version: version.number),
        ("ROWS", lambda version: version.rows),
        ("SOURCE", lambda version: version.source.kind),
        ("NAME", lambda version: version.source.name),
        (EVENT_TIME, lambda version: span(version.first_event, version.last_event)),
        (RECORDED, lambda version: version.created_at),
        ("DIGEST", lambda version: version.digest[:19]),
    )
    return items(registry.dataset_versions(dataset), of_version, output, f"{dataset} has no versions yet.")


@command(
    datasets, "show", "millrace datasets show my-loop", "millrace datasets show my-loop --version 1 -o json"
)
def show_dataset(
    name: Name,
    version: Annotated[int | None, typer.Option(help="A version; the newest if left out.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """One dataset: its newest (or the given) version, and what lies in quarantine."""
    registry = client().registry
    found = fields(registry.dataset(name))
    if registry.dataset_versions(name):
        found = found | {"version": registry.dataset_version(name, version)}
    refused = registry.quarantined(name)
    told = list(map(_broken, refused)) if output == Format.TABLE else refused
    one(found | {"quarantine": told}, output)


def _broken(refused: "QuarantineRead") -> dict[str, object]:
    """What a refused delivery was, and why, in short."""
    why = [
        f"{check['check']} {check['column'] or ''}".strip()
        for check in refused.report.get("checks", [])
        if check["verdict"] == "failed"
    ]
    return {
        "id": refused.id,
        "name": refused.source.get("name"),
        "at": refused.created_at,
        "failed": ", ".join(why),
    }


@command(jobs, "list", "millrace jobs list", "millrace jobs list --state running")
def list_jobs(
    loop: LoopFilter = None,
    state: Annotated[
        str | None, typer.Option(help="queued, running, succeeded, failed or cancelled.")
    ] = None,
    last: Annotated[int, typer.Option(min=1, max=500, help="How many.")] = 50,
    output: Output = Format.TABLE,
) -> None:
    """Jobs, the newest first."""
    columns: Columns[JobRead] = (
        ("ID", lambda job: job.id[:8]),
        ("KIND", lambda job: job.kind),
        ("LOOP", lambda job: job.loop),
        ("RUN", lambda job: job.loop_run),
        ("STATE", lambda job: job.state),
        ("STEP", lambda job: job.progress and job.progress.step),
        ("PEAK MiB", lambda job: job.peak_rss_bytes >> 20),
        (RECORDED, lambda job: job.created_at),
        ("MESSAGE", _message),
    )
    jobs = client().training.jobs(state=cast("JobState | None", state), loop=loop, limit=last).items
    items(jobs, columns, output, "There are no jobs.")


def _message(job: "JobRead") -> str | None:
    """Why a job failed, what its pod waits for, or how far it is."""
    if job.waiting is not None:
        return f"{job.waiting.reason}: {job.waiting.message}"
    if job.error is not None:
        return job.error.detail
    return None if job.progress is None else job.progress.message


@command(jobs, "show", "millrace jobs show 5d41402a")
def show_job(
    id: Annotated[str, typer.Argument(help="Its id, or the first characters.")], output: Output = Format.TABLE
) -> None:
    """One job: what it was asked, how far it is, its result or error."""
    from millrace.cli.choosing import by_prefix

    training = client().training
    whole = len(id) == 32
    one(training.job(id) if whole else by_prefix(id, training.jobs(limit=500).items, "job"), output)


@command(scores, "list", "millrace scores list my-loop", "millrace scores list")
def list_scores(
    loop: Annotated[str | None, typer.Argument(help="Only of this loop.")] = None,
    last: Annotated[int, typer.Option(min=1, help="How many of each loop.")] = 50,
    output: Output = Format.TABLE,
) -> None:
    """Scorings of what loops declare, the newest first."""
    columns: Columns[ScoringRead] = (
        ("LOOP", lambda item: item.loop),
        ("NO", lambda item: item.number),
        ("STATE", lambda item: item.state),
        (EVENT_TIME, lambda item: item.due_at or "by hand"),
        (RECORDED, lambda item: item.created_at),
        ("ENDED", lambda item: item.ended_at),
        ("VERSION", lambda item: item.version),
        ("ROWS", lambda item: item.rows),
        ("REJECTS", lambda item: item.rejects),
        ("SECONDS", lambda item: item.seconds),
        ("ROWS/S", lambda item: item.rows_per_second and round(item.rows_per_second)),
        ("MESSAGE", lambda item: item.message),
    )
    controller = client().controller
    names = [loop] if loop else [item.name for item in controller.loops() if item.batch is not None]
    found = [item for name in names for item in controller.scores(name, last)]
    items(found, columns, output, "Nothing was scored yet; see spec.predict.batch.")


@command(scores, "show", "millrace scores show my-loop", "millrace scores show my-loop 3")
def show_score(
    loop: Annotated[str, typer.Argument(help="Name of the loop.")],
    number: Annotated[int | None, typer.Argument(help="Which; the newest if left out.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """One scoring: why it was opened, what it wrote and what it cost."""
    from millrace.cli.command import fail

    controller = client().controller
    if number is not None:
        return one(controller.scoring(loop, number), output)
    known = controller.scores(loop, 1)
    return (
        one(known[0], output) if known else fail(f"{loop} has scored nothing yet", "See spec.predict.batch.")
    )
