"""Documents that differ from a loop's in fields of its spec: `schedule=7d,30d policy=strict,balanced`."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from types import UnionType
from typing import Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from millrace_contracts.backtests import BacktestRead
from millrace_contracts.loop import ModelLoop, Spec, mistakes

MOST = 12
"""Backtests of one comparison: each takes as long as the first."""
MEANT = {"schedule": ("triggers", "schedule")}
"""Names that several fields have, and which of them people mean."""
DECLARED, MONTHLY = "as declared", "monthly"


class BadComparison(ValueError):
    """What was asked for cannot be compared; the text says why and what would do."""


@dataclass(frozen=True)
class Variant:
    """A document and what people call it."""

    name: str
    loop: ModelLoop


def variants(loop: ModelLoop, fields: Sequence[str], monthly: bool) -> list[Variant]:
    """The loop as declared, then each combination of the values of *fields* (`path=value,value`), then the month's.

    Raises: BadComparison.
    """
    choices = [_choices(text) for part in fields for text in part.split()]
    count = len(list(itertools.product(*(values for _, values in choices)))) if choices else 0
    if count > MOST:
        raise BadComparison(f"{count} combinations are too many, {MOST} at most; leave some values out.")
    made = [Variant(DECLARED, loop)]
    for values in itertools.product(*(values for _, values in choices)) if choices else ():
        pairs = [(path, value) for (path, _), value in zip(choices, values, strict=True)]
        variant = _changed(loop, " ".join(f"{path[-1]}={value}" for path, value in pairs), pairs)
        if variant.loop != loop and all(variant.loop != other.loop for other in made):
            made.append(variant)
    return [*made, *([of_a_month(loop)] if monthly else [])]


def over_the_same_days(
    tried: Sequence[Variant], replay: Callable[[Sequence[Variant], date | None], list[BacktestRead]]
) -> list[BacktestRead]:
    """What came of each variant, in order, all on the days that the one with the longest holdout leaves to replay.

    A first model learns from twice its holdout, so by itself a longer one begins later, and on other rows.

    Args:
        replay: backtests of these variants, from that day on; None: from where each begins by itself.
    """
    holdouts = [variant.loop.spec.holdout_days() or 1 for variant in tried]
    if len(set(holdouts)) <= 1:
        return replay(tried, None)
    longest = holdouts.index(max(holdouts))
    rest = [*tried[:longest], *tried[longest + 1 :]]
    (ahead,) = replay([tried[longest]], None)
    if ahead.result is None:
        others = over_the_same_days(rest, replay)
    else:
        others = replay(rest, date.fromisoformat(ahead.result["from"]))
    return [*others[:longest], ahead, *others[longest:]]


def of_a_month(loop: ModelLoop) -> Variant:
    """What most people do: each month a model of all data, taken as it is, and no way back."""
    spec = loop.document()["spec"]
    spec["triggers"] = {"schedule": "day 1 of each month", "alarms": []}
    spec["cooldown"], spec["switchBack"] = "0s", {"enabled": False}
    spec["gates"] = {"champion": {"margin": 10.0, "minimumDays": 2}}
    return Variant(MONTHLY, ModelLoop.model_validate(loop.document() | {"spec": spec}))


def _choices(text: str) -> tuple[tuple[str, ...], list[str]]:
    name, sign, values = text.partition("=")
    chosen = [value for value in values.split(",") if value]
    if not sign or not chosen:
        raise BadComparison(f"{text!r} is no field with values; write it like schedule=7d,30d")
    return path_of(name), chosen


def path_of(name: str) -> tuple[str, ...]:
    """The path in a spec that a *name* means: itself where it has dots, else the one field of that name.

    Raises: BadComparison if there is none, or several.
    """
    parts = tuple(name.removeprefix("spec.").split("."))
    found = [path for path in _paths(Spec) if path[-len(parts) :] == parts]
    meant = [path for path in found if path in (parts, MEANT.get(name))] or found
    if len(meant) == 1:
        return meant[0]
    if not found:
        raise BadComparison(f"A loop's spec has no field {name!r}; write its path, like triggers.schedule")
    raise BadComparison(f"{name!r} may be {', '.join('.'.join(path) for path in found[:5])}; write the path")


def _paths(model: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    for name, info in model.model_fields.items():
        here = info.alias or name
        yield (here,)
        for part in _models(info.annotation):
            yield from ((here, *path) for path in _paths(part))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The parts that a field may be; lists and unions of several are no place for one value."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, UnionType):
        parts = [item for item in get_args(annotation) if item is not type(None)]
        if len(parts) == 1:
            yield from _models(parts[0])


def _changed(loop: ModelLoop, name: str, pairs: list[tuple[tuple[str, ...], str]]) -> Variant:
    document = loop.document()
    for path, value in pairs:
        part = document["spec"]
        for key in path[:-1]:
            if not isinstance(part.get(key), dict):
                part[key] = {}
            part = part[key]
        part[path[-1]] = yaml.safe_load(value)
        if path == ("triggers", "schedule"):
            document["spec"]["triggers"].pop("calendar", None)
    try:
        return Variant(name, ModelLoop.model_validate(document))
    except ValidationError as error:
        raise BadComparison(f"{name}: {'; '.join(mistakes(error)[:3])}") from error
