"""`list` and `show` of what there is: loops, runs, models, endpoints."""

from collections.abc import Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli.command import command, group
from millrace.cli.output import EVENT_TIME, RECORDED, Columns, Format, Output, dump, fields, items, one
from millrace.cli.session import client

if TYPE_CHECKING:
    from millrace_contracts.endpoints import EndpointRead, RevisionRead, ServedForm
    from millrace_contracts.loop_runs import LoopRunRead
    from millrace_contracts.loops import LoopRead
    from millrace_contracts.models import ModelRead, ModelVersionRead
    from millrace_contracts.searching import SearchFront
    from millrace_contracts.variants import ModelVariant

loops = group("loops", "Declared loops and where they stand.")
runs = group("runs", "Passes of a loop's pipeline: what opened them, their steps and verdicts.")
models = group("models", "Models, their versions and aliases.")
endpoints = group("endpoints", "Inference endpoints, their revisions and rollouts.")
GROUPS = (loops, runs, models, endpoints)

Name = Annotated[str, typer.Argument(help="Its name.")]


@command(loops, "list", "millrace loops list", "millrace loops list -o json")
def list_loops(output: Output = Format.TABLE) -> None:
    """All loops: phase, champion, newest run, and what is in the way."""
    columns: Columns[LoopRead] = (
        ("NAME", lambda loop: loop.name),
        ("PHASE", lambda loop: loop.phase),
        ("CHAMPION", lambda loop: loop.champion),
        ("CANDIDATE", lambda loop: loop.candidate and loop.candidate.version),
        ("RUN", lambda loop: loop.run and loop.run.number),
        ("RUN STATE", lambda loop: loop.run and loop.run.state),
        (EVENT_TIME, lambda loop: loop.settled_through),
        (RECORDED, lambda loop: loop.updated_at),
        ("MESSAGE", _in_the_way),
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
    names = [loop] if loop else [item.name for item in platform.controller.loops()]
    runs = [(name, run) for name in names for run in platform.controller.runs(name)]
    if output != Format.TABLE:
        return dump([{"loop": name} | fields(run) for name, run in runs], output)
    columns: Columns[tuple[str, LoopRunRead]] = (
        ("LOOP", lambda item: item[0]),
        ("RUN", lambda item: item[1].number),
        ("STATE", lambda item: item[1].state),
        ("OPENED BY", lambda item: item[1].cause.kind),
        (EVENT_TIME, lambda item: item[1].opened_at),
        (RECORDED, lambda item: item[1].created_at),
        ("ENDED", lambda item: item[1].ended_at),
        ("VERDICT", lambda item: item[1].verdict and item[1].verdict.verdict),
        ("VERSION", lambda item: item[1].version),
        ("MESSAGE", lambda item: _waits(item[1]) or item[1].message),
    )
    return items(runs, columns, output, "There are no runs yet.")


@command(runs, "show", "millrace runs show my-loop", "millrace runs show my-loop 3 -o json")
def show_run(
    loop: Annotated[str, typer.Argument(help="The loop.")],
    number: Annotated[int | None, typer.Argument(help="The run; the newest if left out.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """One run, with its steps and the gates' verdict."""
    controller = client().controller
    newest = None if number else controller.loop(loop).run
    one(controller.run(loop, number or (newest.number if newest else 1)), output)


@command(models, "list", "millrace models list", "millrace models list my-loop    # its versions")
def list_models(
    model: Annotated[str | None, typer.Argument(help="List this model's versions instead.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Models; with a name, that model's versions."""
    registry = client().registry
    if model is not None:
        return _list_versions(model, registry.versions(model), output)
    models = [(item, registry.aliases(item.name)) for item in registry.models()]
    if output != Format.TABLE:
        return dump([fields(item) | {"aliases": aliases} for item, aliases in models], output)
    columns: Columns[tuple[ModelRead, dict[str, int | None]]] = (
        ("NAME", lambda item: item[0].name),
        ("VERSIONS", lambda item: item[0].latest),
        ("ALIASES", lambda item: item[1]),
        ("DESCRIPTION", lambda item: item[0].description),
    )
    return items(models, columns, output, "There are no models yet.")


def _list_versions(model: str, versions: "list[ModelVersionRead]", output: Format) -> None:
    columns: Columns[ModelVersionRead] = (
        ("VERSION", lambda version: version.number),
        ("DIGEST", lambda version: version.digest[:19]),
        ("CLASSES", lambda version: _some(version.signature.classes or ())),
        ("DATA VERSION", lambda version: version.lineage.dataset_version),
        ("RUN", lambda version: version.lineage.loop_run),
        (EVENT_TIME, lambda version: version.lineage.trained_through),
        (RECORDED, lambda version: version.created_at),
    )
    items(versions, columns, output, f"{model} has no versions yet.")


def _some(classes: Sequence[object]) -> str:
    """The first classes of a model by name, and how many more there are."""
    more = f" and {len(classes) - 5} more" if len(classes) > 5 else ""
    return ", ".join(map(str, classes[:5])) + more


@command(models, "show", "millrace models show my-loop", "millrace models show my-loop 2 -o json")
def show_model(
    name: Name,
    number: Annotated[
        int | None, typer.Argument(help="A version; the champion or newest if left out.")
    ] = None,
    version: Annotated[int | None, typer.Option(help="The same as the number.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """One model version: metrics, signature, lineage, files, its forms, and the front of loss and latency."""
    registry = client().registry
    model, aliases = registry.model(name), registry.aliases(name)
    chosen = number or version or aliases.get("champion") or model.latest
    release = registry.version(name, chosen) if chosen else None
    shown = {} if release is None else fields(release)
    if release is None or output != Format.TABLE:
        return one(fields(model) | {"aliases": aliases, "version": shown}, output)
    told = {key: value for key, value in shown.items() if key not in ("variants", "front")}
    one(fields(model) | {"aliases": aliases, "version": told}, output)
    if release.variants:
        _forms(release.variants)
    if release.front is not None:
        _front(release.front, _served(name, release.number))
    return None


def _forms(variants: "list[ModelVariant]") -> None:
    """The forms of a version, one a line: loss, speed with so many rows in a call, and why it is kept or refused."""
    from millrace.pages.forms import HEADER, lines

    columns: Columns[tuple[str, ...]] = [
        (heading.upper(), itemgetter(place)) for place, heading in enumerate(HEADER)
    ]
    items(lines(variants), columns, Format.TABLE, "")


def _front(front: "SearchFront", served: "ServedForm | None") -> None:
    """What the search found of loss and latency, and the latency of what was taken, there and where it serves."""
    from millrace.pages.front import FIGURES, figures, header, lines

    headings = header(front)
    columns: Columns[tuple[str, ...]] = [
        (heading.upper(), itemgetter(place)) for place, heading in enumerate(headings)
    ]
    items(lines(front), columns, Format.TABLE, "")
    print(f"{front.chosen} was taken: {front.reason}. Measured on {front.node.key}.")
    sides: Columns[tuple[str, ...]] = [
        (heading.upper(), itemgetter(place)) for place, heading in enumerate(FIGURES)
    ]
    items(figures(front, None if served is None else served.latency), sides, Format.TABLE, "")
    if served is not None and served.latency:
        print(f"It serves as {served.target} on {', '.join(served.nodes)}.")


def _served(name: str, number: int) -> "ServedForm | None":
    """The form in which a version serves; None if it does not, or serving does not answer."""
    from millrace.client import ApiError

    try:
        endpoint = client().serving.endpoint(name)
    except ApiError:
        return None
    revision = endpoint.of_version(number)
    return None if revision is None else revision.form


@command(endpoints, "list", "millrace endpoints list")
def list_endpoints(output: Output = Format.TABLE) -> None:
    """Endpoints: which version answers, what is being rolled out, and the URL."""
    columns: Columns[EndpointRead] = (
        ("NAME", lambda endpoint: endpoint.name),
        ("VERSION", lambda endpoint: endpoint.stable_version),
        ("REVISIONS", lambda endpoint: _weights(endpoint.revisions)),
        ("ROLLOUT", lambda endpoint: endpoint.rollout and endpoint.rollout.state),
        (EVENT_TIME, lambda endpoint: endpoint.event_time),
        (RECORDED, lambda endpoint: endpoint.created_at),
        ("URL", lambda endpoint: endpoint.url),
    )
    items(client().serving.endpoints(), columns, output, "There are no endpoints yet.")


def _in_the_way(loop: "LoopRead") -> str:
    """What keeps the loop from going on; without a champion also why its newest run brought none."""
    words = loop.message or (_waits(loop.run) if loop.run else "")
    if words or loop.champion or not loop.run:
        return words
    return loop.run.message or ""


def _waits(run: "LoopRunRead") -> str:
    """What a pod of the run waits for, like `Unschedulable: 0/3 nodes are available`."""
    return f"{run.waiting.reason}: {run.waiting.message}" if run.waiting else ""


def _weights(revisions: "list[RevisionRead]") -> str:
    """`r2 95%, r3 5%, r1 loaded`."""
    shown = [item for item in revisions if item.state in ("ready", "loading")]
    return ", ".join(
        f"r{item.number} {f'{item.weight / 100:g}%' if item.weight else 'loaded'}{_form(item)}"
        for item in sorted(shown, key=lambda item: -item.weight)
    )


def _form(item: "RevisionRead") -> str:
    """The form that a revision serves, where it is another than the base form."""
    from millrace_contracts.variants import BASE_TARGET

    return "" if item.form is None or item.form.target == BASE_TARGET else f" {item.form.target}"


@command(endpoints, "show", "millrace endpoints show my-loop")
def show_endpoint(name: Name, output: Output = Format.TABLE) -> None:
    """One endpoint, with all revisions and the rollout."""
    one(client().serving.endpoint(name), output)
