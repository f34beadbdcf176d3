"""What pages show of a model's versions: one line each, and nested documents as lines of names and values."""

import asyncio
from collections.abc import Iterator

from millrace.aio import AsyncMillrace
from millrace_console.asking import Asked
from millrace_contracts.models import AliasMoveRead, ModelVersionRead

LINES = 300
"""Lines of one document that are shown."""
LEADING = ("rmse", "mae", "r2", "log_loss", "auc", "brier", "accuracy", "skill", "macro_f1")


async def every(asked: Asked, clients: AsyncMillrace, project: str, loop: str) -> dict[str, object]:
    """All versions, the newest first, where aliases point, and the champion's history."""
    registry = clients.registry
    found, aliases, moves = await asyncio.gather(
        asked.of("registry", registry.versions(loop, project=project), list[ModelVersionRead]()),
        asked.of("registry", registry.aliases(loop, project=project), dict[str, int | None]()),
        asked.of(
            "registry", registry.alias_history(loop, "champion", project=project), list[AliasMoveRead]()
        ),
    )
    named: dict[int, list[str]] = {}
    for name, number in aliases.items():
        named.setdefault(number or 0, []).append(name)
    return {
        "versions": found[::-1],
        "named": named,
        "moves": moves[::-1],
        "figures": {item.number: figures(item) for item in found},
    }


def figures(version: ModelVersionRead) -> list[tuple[str, float]]:
    """The few numbers by which a version is known."""
    numbers = {
        name.rpartition(".")[2]: value
        for name, value in flat(version.metrics)
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    return [(name, float(numbers[name])) for name in LEADING if name in numbers][:3]


def flat(document: object) -> list[tuple[str, object]]:
    """A nested document as lines: `slices.region=south.rmse` and its value."""
    lines: list[tuple[str, object]] = []
    for line in _flat(document, ""):
        if len(lines) == LINES:
            lines.append(("…", "more is not shown"))
            break
        lines.append(line)
    return lines


def _flat(value: object, name: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for place, item in enumerate(value):
            yield from _flat(item, f"{name}[{place}]")
    elif isinstance(value, list):
        yield name, ", ".join(map(_told, value))
    else:
        yield name, value


def _told(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)
