"""Classes that turn up later: how one that a model does not know is written, and which values are none at all."""

from collections.abc import Sequence
from decimal import Decimal

from millrace_stats.tasks.labels import PLAIN, Refusal, Value, class_text, unknown_class

LONGEST = 200
"""Characters of a class that no version knows yet; longer texts are no names."""
LEAST_ROWS = 10
"""Rows of a class below which it can hardly be learnt, and not be tested."""
LEAST_DAYS = 2
"""Days on which a new class must come: what comes on one alone may be one mistake."""
NO_WHOLE = Refusal("is no whole number, as all classes are")
NO_NUMBER = Refusal("is no number, as all classes are")
TOO_LONG = Refusal(f"is longer than {LONGEST} characters: no name of a class")
UNPRINTABLE = Refusal("has characters that cannot be shown: no name of a class")


def named(value: Value, classes: Sequence[Value]) -> Value | Refusal:
    """The class that *value*, which is none of *classes*, would be among them: in their type, as data would have it.

    Args:
        value: texts without blanks around them; what means *missing* is none.
        classes: of one kind, at least two.
    Returns: a whole number, a number or a text; Refusal for what cannot be a class beside these, and for a known
    class in another spelling, which would be two classes for one.
    """
    new = typed(value, classes)
    return _spelled(new, classes) if isinstance(new, str) else new


def are_enough(rows: int, days: int) -> bool:
    """Whether so many rows on so many days let a model learn a class that none knew before."""
    return rows >= LEAST_ROWS and days >= LEAST_DAYS


def typed(value: Value, classes: Sequence[Value]) -> Value | Refusal:
    """A class in the type that *classes* have, or why it can have none."""
    if any(isinstance(known, bool) for known in classes):
        return unknown_class(classes)
    if all(isinstance(known, int) for known in classes):
        number = _number(value)
        whole = number is not None and number == number.to_integral_value()
        return int(number) if whole and number is not None and abs(number) < 2**53 else NO_WHOLE
    if not any(isinstance(known, str) for known in classes):
        number = _number(value)
        return NO_NUMBER if number is None or abs(number) > Decimal("1e300") else float(number)
    return _written(value)


def _spelled(text: str, classes: Sequence[Value]) -> str | Refusal:
    if len(text) > LONGEST:
        return TOO_LONG
    if not text or not text.isprintable():
        return UNPRINTABLE
    same = next((known for known in map(class_text, classes) if folded(known) == folded(text)), None)
    if same is not None:
        return Refusal(f"is {same} in another spelling: send it as the data has it")
    return text


def folded(text: str) -> str:
    """A text without what spellings of one name differ in: blanks and case."""
    return "".join(text.split()).casefold()


def _written(value: Value) -> str:
    """A value as a text of the data: 3.0 is a 3."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else class_text(value)


def _number(value: Value) -> Decimal | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return Decimal(value) if PLAIN.fullmatch(value) else None
    number = Decimal(repr(value))
    return number if number.is_finite() else None
