"""Labels and classes: which class a value names, and how a class is written; nothing is turned into another class."""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

Value = bool | int | float | str
"""A label or a class, as JSON, CSV or a table gives it."""
SHOWN = 8
"""So many classes are named in a refusal."""
PLAIN = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,3})?")
"""A number as one writes it; a code like 01 is none."""
FLAGS = {"true": True, "false": False, "1": True, "0": False}
"""How a boolean class may be written, in any case: as in a table of rows."""


@dataclass(frozen=True)
class Refusal:
    """Why a value is no label, in words that follow the value: `is no number`."""

    words: str


def class_text(value: Value) -> str:
    """A class as text: texts as they are, true and false, whole numbers plainly, other numbers by repr."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def ordered(values: Iterable[Value]) -> tuple[Value, ...]:
    """Distinct classes in the order of a model's outputs: by value where all are numbers, else by text."""
    distinct = {(isinstance(value, bool), class_text(value)): value for value in values}.values()
    if any(isinstance(value, str) for value in distinct):
        return tuple(sorted(distinct, key=class_text))
    return tuple(sorted(distinct, key=float))


def index(value: Value, classes: Sequence[Value]) -> int | None:
    """The place of the class that *value* names, or None. Texts go by class text, numbers by value."""
    return _by_text(value, classes) if isinstance(value, str) else _by_value(value, classes)


def unknown_class(classes: Sequence[Value]) -> Refusal:
    """The refusal of a value that names no class."""
    more = f" and {len(classes) - SHOWN} more" if len(classes) > SHOWN else ""
    return Refusal(f"is none of the classes {', '.join(map(class_text, classes[:SHOWN]))}{more}")


def _by_text(text: str, classes: Sequence[Value]) -> int | None:
    exact = _first(classes, lambda known: class_text(known) == text)
    if exact is not None:
        return exact
    flag = FLAGS.get(text.lower())
    if flag is not None and any(isinstance(known, bool) for known in classes):
        return _first(classes, lambda known: known is flag)
    if PLAIN.fullmatch(text) is None:
        return None
    return _first(classes, lambda known: _is_number(known) and _same_number(text, known))


def _by_value(value: bool | int | float, classes: Sequence[Value]) -> int | None:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    equal = _first(classes, lambda known: not isinstance(known, str) and known == value)
    if equal is not None:
        return equal
    texts = {class_text(value), *_other_texts(value)}
    return _first(classes, lambda known: isinstance(known, str) and known in texts)


def _other_texts(value: bool | int | float) -> tuple[str, ...]:
    """True as Python writes it, and a whole float as an integer."""
    if isinstance(value, float):
        return (str(int(value)),) if value.is_integer() else ()
    return (str(value),)


def _is_number(known: Value) -> bool:
    return isinstance(known, int | float) and not isinstance(known, bool)


def _same_number(text: str, known: Value) -> bool:
    return float(text) == known if isinstance(known, float) else Decimal(text) == known


def _first(classes: Sequence[Value], fits: Callable[[Value], bool]) -> int | None:
    return next((place for place, known in enumerate(classes) if fits(known)), None)
