"""`list` and `show` of what there is: loops, runs, models, endpoints."""

from typing import Annotated, Any

import typer

from millrace.cli.command import command, group
from millrace.cli.output import Columns, Format, Output, items, one
from millrace.cli.session import client

loops = group("loops", "Declared loops and where they stand.")
runs = group("runs", "Passes of a loop's pipeline: what opened them, their steps and verdicts.")
models = group("models", "Models, their versions and aliases.")
endpoints = group("endpoints", "Inference endpoints, their revisions and rollouts.")
GROUPS = (loops, runs, models, endpoints)

Name = Annotated[str, typer.Argument(help="Its name.")]
Json = dict[str, Any]


@command(loops, "list", "millrace loops list", "millrace loops list -o json")
def list_loops(output: Output = Format.TABLE) -> None:
    """All loops: phase, champion, newest run, and what is in the way."""
    columns: Columns = (
        ("NAME", "name"),
        ("PHASE", "phase"),
        ("CHAMPION", "champion"),
        ("CANDIDATE", lambda item: (item.get("candidate") or {}).get("version")),
        ("RUN", "run.number"),
        ("RUN STATE", "run.state"),
        ("SETTLED THROUGH", "settled_through"),
        ("MESSAGE", lambda item: item.get("message") or _waits(item.get("run") or {})),
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
        ("MESSAGE", lambda item: _waits(item) or item.get("message")),
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


def _waits(run: Json) -> str:
    """What a pod of the run waits for, like `Unschedulable: 0/3 nodes are available`."""
    found = run.get("waiting")
    return f"{found['reason']}: {found['message']}" if found else ""


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
