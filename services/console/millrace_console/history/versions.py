"""What pages show of a model's versions: one line each, and nested documents as lines of names and values."""

import asyncio

from markupsafe import Markup

from millrace.aio import AsyncMillrace
from millrace_console.asking import Asked
from millrace_console.drawing.gaps import Gap, gaps
from millrace_console.history import evaluations, months
from millrace_console.nested import flat
from millrace_contracts.endpoints import EndpointRead, RevisionRead
from millrace_contracts.models import AliasMoveRead, ModelVersionRead

COMPARED = 12
"""Newest versions whose groups are shown one below the other."""
DRAWN = 12
"""Groups and metrics whose months are drawn; those that a gate bounds first."""
LEADING = ("rmse", "mae", "r2", "log_loss", "auc", "brier", "accuracy", "skill", "macro_f1")


async def every(asked: Asked, clients: AsyncMillrace, project: str, loop: str) -> dict[str, object]:
    """All versions, the newest first, where aliases point, and the champion's history."""
    registry = clients.registry
    found, aliases, moves, by_month = await asyncio.gather(
        asked.of("registry", registry.versions(loop, project=project), list[ModelVersionRead]()),
        asked.of("registry", registry.aliases(loop, project=project), dict[str, int | None]()),
        asked.of(
            "registry", registry.alias_history(loop, "champion", project=project), list[AliasMoveRead]()
        ),
        months.groups(asked, clients, project, loop),
    )
    named: dict[int, list[str]] = {}
    for name, number in aliases.items():
        named.setdefault(number or 0, []).append(name)
    return {
        "versions": found[::-1],
        "named": named,
        "moves": moves[::-1],
        "figures": {item.number: figures(item) for item in found},
        "months": by_month,
        "gaps": [] if by_month is None else pictures(by_month),
        "groups": await evaluations.groups(asked, clients, project, found[: -COMPARED - 1 : -1]),
    }


def pictures(found: months.GroupsByMonth) -> list[tuple[str, Markup | None]]:
    """A title and a picture for each group and metric, its months from the first on."""
    drawn = []
    for line in found.lines()[:DRAWN]:
        attribute, group, metric = line
        months_of = [
            Gap(item.month) if gap is None else Gap(item.month, gap.difference, gap.lower, gap.upper)
            for item in found.months
            for gap in [item.gap(line)]
        ]
        what = f"{metric}, less that of the reference group"
        drawn.append((f"{attribute} = {group}: {metric}", gaps(months_of, what, found.bounds.get(metric))))
    return drawn


async def serving(
    asked: Asked, clients: AsyncMillrace, project: str, version: ModelVersionRead
) -> list[RevisionRead]:
    """Where a version answers: the revisions of its loop's endpoint that serve it, or did."""
    endpoint = await asked.of("serving", _endpoint(clients, project, version.model), None)
    return [item for item in endpoint.revisions if item.version == version.number] if endpoint else []


async def _endpoint(clients: AsyncMillrace, project: str, name: str) -> EndpointRead | None:
    return await clients.serving.endpoint(name, project=project)


def figures(version: ModelVersionRead) -> list[tuple[str, float]]:
    """The few numbers by which a version is known."""
    numbers = {
        name.rpartition(".")[2]: value
        for name, value in flat(version.metrics)
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    return [(name, float(numbers[name])) for name in LEADING if name in numbers][:3]
