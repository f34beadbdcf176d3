"""Nested documents as lines of names and values."""

from collections.abc import Iterator

from millrace_contracts.digits import legible

LINES = 300
"""Lines of one document that are shown."""


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
    return legible(value, 5) if isinstance(value, float) else str(value)
