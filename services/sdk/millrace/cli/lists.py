"""`list` and `show` of everything there is: loops, runs, models, endpoints, alarms, decisions, datasets, jobs."""

from typing import Annotated, Any

import typer

from millrace.cli.command import command, group
from millrace.cli.output import Columns, Format, Output, items, one
from millrace.cli.session import client

loops = group("loops", "Declared loops and where they stand.")
runs = group("runs", "Passes of a loop's pipeline: what opened them, their steps and verdicts.")
models = group("models", "Models, their versions and aliases.")
endpoints = group("endpoints", "Inference endpoints, their revisions and rollouts.")
alarms = group("alarms", "What the monitors found.")
decisions = group("decisions", "Everything that was decided, by whom, and why.")
datasets = group("datasets", "Datasets, their versions and their quarantine.")
jobs = group("jobs", "Jobs that check data, train and evaluate.")
GROUPS = (loops, runs, models, endpoints, alarms, decisions, datasets, jobs)

LoopFilter = Annotated[str | None, typer.Option("--loop", help="Only of this loop.")]
Name = Annotated[str, typer.Argument(help="Its name.")]
Json = dict[str, Any]


@command(loops, "list", "millrace loops list", "millrace loops list -o json")
def list_loops(output: Output = Format.TABLE) -> None:
    """All loops: phase, champion, newest run, and what is in the way."""
    columns: Columns = (
        ("NAME", "name"),
        ("PHASE", "phase"),
        ("CHAMPION", "champion"),
        ("RUN", "run.number"),
        ("RUN STATE", "run.state"),
        ("SETTLED THROUGH", "settled_through"),
        ("MESSAGE", "message"),
    )
    items(client().controller.loops(), columns, output, "There are no loops; make one with 'millrace init'.")


@command(loops, "show", "millrace loops show my-loop", "millrace loops show my-loop -o yaml")
def show_loop(name: Name, output: Output = Format.TABLE) -> None:
    """One loop, with the document that declares it."""
    one(client().controller.loop(name), output)


@command(runs, "list", "millrace runs list", "millrace runs list my-loop -o json")
def list_runs(
    loop: Annotated[str | None, typer.Argument(help="Only of this loop.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Loop runs, oldest first."""
    platform = client()
    names = [loop] if loop else [item["name"] for item in platform.controller.loops()]
    found = [{"loop": name} | run for name in names for run in platform.controller.runs(name)]
    columns: Columns = (
        ("LOOP", "loop"),
        ("RUN", "number"),
        ("STATE", "state"),
        ("OPENED BY", "cause.kind"),
        ("AT", "opened_at"),
        ("VERDICT", "verdict.verdict"),
        ("VERSION", "version"),
        ("MESSAGE", "message"),
    )
    items(found, columns, output, "There are no runs yet.")


@command(runs, "show", "millrace runs show my-loop", "millrace runs show my-loop 3 -o json")
def show_run(
    loop: Annotated[str, typer.Argument(help="The loop.")],
    number: Annotated[int | None, typer.Argument(help="The run; the newest if left out.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """One run, with its steps and the gates' verdict."""
    platform = client()
    chosen = number or (platform.controller.loop(loop)["run"] or {}).get("number", 1)
    one(platform.controller.run(loop, chosen), output)


@command(models, "list", "millrace models list", "millrace models list my-loop    # its versions")
def list_models(
    model: Annotated[str | None, typer.Argument(help="List this model's versions instead.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Models; with a name, that model's versions."""
    registry = client().registry
    if model is not None:
        columns: Columns = (
            ("VERSION", "number"),
            ("DIGEST", lambda item: item["digest"][:19]),
            ("DATA VERSION", "lineage.dataset_version"),
            ("RUN", "lineage.loop_run"),
            ("TRAINED THROUGH", "lineage.trained_through"),
            ("CREATED", "created_at"),
        )
        return items(registry.versions(model), columns, output, f"{model} has no versions yet.")
    found = [item | {"aliases": registry.aliases(item["name"])} for item in registry.models()]
    columns = (
        ("NAME", "name"), ("VERSIONS", "latest"), ("ALIASES", "aliases"), ("DESCRIPTION", "description")
    )  # fmt: skip
    return items(found, columns, output, "There are no models yet.")


@command(models, "show", "millrace models show my-loop", "millrace models show my-loop --version 2 -o json")
def show_model(
    name: Name,
    version: Annotated[
        int | None, typer.Option(help="A version; the champion or newest if left out.")
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """One model version: metrics, signature, lineage, files."""
    registry = client().registry
    model, aliases = registry.model(name), registry.aliases(name)
    chosen = version or aliases.get("champion") or model["latest"]
    found = registry.version(name, chosen) if chosen else {}
    one(model | {"aliases": aliases, "version": found}, output)


@command(endpoints, "list", "millrace endpoints list")
def list_endpoints(output: Output = Format.TABLE) -> None:
    """Endpoints: which version answers, what is being rolled out, and the URL."""
    columns: Columns = (
        ("NAME", "name"),
        ("VERSION", "stable_version"),
        ("REVISIONS", lambda item: _weights(item["revisions"])),
        ("ROLLOUT", lambda item: (item["rollout"] or {}).get("state")),
        ("URL", "url"),
    )
    items(client().serving.endpoints(), columns, output, "There are no endpoints yet.")


def _weights(revisions: list[Json]) -> str:
    """`r2 95%, r3 5%, r1 loaded`."""
    shown = [item for item in revisions if item["state"] in ("ready", "loading")]
    return ", ".join(
        f"r{item['number']} {item['weight'] / 100:g}%" if item["weight"] else f"r{item['number']} loaded"
        for item in sorted(shown, key=lambda item: -item["weight"])
    )


@command(endpoints, "show", "millrace endpoints show my-loop")
def show_endpoint(name: Name, output: Output = Format.TABLE) -> None:
    """One endpoint, with all revisions and the rollout."""
    one(client().serving.endpoint(name), output)


@command(alarms, "list", "millrace alarms list", "millrace alarms list --loop my-loop --state open")
def list_alarms(
    loop: LoopFilter = None,
    state: Annotated[str | None, typer.Option(help="open, acknowledged or closed.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Alarms, the newest first."""
    columns: Columns = (
        ("ID", lambda item: item["id"][:8]),
        ("ENDPOINT", "endpoint"),
        ("KIND", "kind"),
        ("STATE", "state"),
        ("OPENED", "opened_day"),
        ("DAYS", "count"),
        ("REASON", "reason"),
    )
    items(client().monitoring.alarms(endpoint=loop, state=state), columns, output, "There are no alarms.")


@command(alarms, "show", "millrace alarms show 1f0c6a52")
def show_alarm(
    id: Annotated[str, typer.Argument(help="Its id, or the first characters.")], output: Output = Format.TABLE
) -> None:
    """One alarm with its evidence."""
    from millrace.cli.choosing import by_prefix

    monitoring = client().monitoring
    one(by_prefix(id, monitoring.alarms(), "alarm"), output)


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
    columns: Columns = (
        ("NO", "number"),
        ("ID", lambda item: item["id"][:8]),
        ("EVENT TIME", "event_time"),
        ("LOOP", "loop"),
        ("RUN", "run"),
        ("KIND", "kind"),
        ("OUTCOME", "outcome"),
        ("BY", "author"),
        ("REASON", "reason"),
    )
    found = client().registry.decisions(loop=loop, kind=kind, run=run)
    items(found[-last:] if last else found, columns, output, "Nothing has been decided yet.")


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
        columns: Columns = (("NAME", "name"), ("VERSIONS", "latest"), ("DESCRIPTION", "description"))
        return items(registry.datasets(), columns, output, "There are no datasets yet.")
    columns = (
        ("VERSION", "number"),
        ("ROWS", "rows"),
        ("SOURCE", "source.kind"),
        ("NAME", "source.name"),
        ("FIRST EVENT", "first_event"),
        ("LAST EVENT", "last_event"),
        ("DIGEST", lambda item: item["digest"][:19]),
    )
    return items(registry.dataset_versions(dataset), columns, output, f"{dataset} has no versions yet.")


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
    found = registry.dataset(name)
    if registry.dataset_versions(name):
        found = found | {"version": registry.dataset_version(name, version or "latest")}
    refused = registry.quarantined(name)
    one(
        found | {"quarantine": refused if output != Format.TABLE else [_broken(item) for item in refused]},
        output,
    )


def _broken(item: Json) -> Json:
    """What a refused delivery was, and why, in short."""
    checks = item["report"].get("checks", [])
    why = [
        f"{check['check']} {check['column'] or ''}".strip()
        for check in checks
        if check["verdict"] == "failed"
    ]
    return {
        "id": item["id"],
        "name": item["source"].get("name"),
        "at": item["created_at"],
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
    columns: Columns = (
        ("ID", lambda item: item["id"][:8]),
        ("KIND", "kind"),
        ("LOOP", "loop"),
        ("RUN", "loop_run"),
        ("STATE", "state"),
        ("STEP", "progress.step"),
        ("PEAK MiB", lambda item: item["peak_rss_bytes"] >> 20),
        ("CREATED", "created_at"),
        ("MESSAGE", lambda item: (item["error"] or item["progress"] or {}).get("detail")),
    )
    found = client().training.jobs(state=state, loop=loop, limit=last)["items"]
    items(found, columns, output, "There are no jobs.")


@command(jobs, "show", "millrace jobs show 5d41402a")
def show_job(
    id: Annotated[str, typer.Argument(help="Its id, or the first characters.")], output: Output = Format.TABLE
) -> None:
    """One job: what it was asked, how far it is, its result or error."""
    from millrace.cli.choosing import by_prefix

    training = client().training
    whole = len(id) == 32
    one(training.job(id) if whole else by_prefix(id, training.jobs(limit=500)["items"], "job"), output)
