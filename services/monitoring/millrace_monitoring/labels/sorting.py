"""Labels read by what the endpoint answers: a number, the place of a class that its signature names, or a new class."""

from collections import Counter as Counts
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import Counter

from millrace_contracts.labels import MOST_REFUSALS, LabelRefusal, LabelWrite
from millrace_monitoring.labels.queries import Truth
from millrace_monitoring.labels.reading import MANY, Newcomer, Said
from millrace_stats.tasks import Refusal, class_text

SHOWN = 100
"""Characters of a refused value that are told."""
REFUSED = Counter(
    "millrace_labels_refused_total", "Labels that are no number or name no class.", ["endpoint"]
)
UNKNOWN = Counter(
    "millrace_labels_of_new_classes_total",
    "Labels kept that name a class which no version knew.",
    ["endpoint"],
)


@dataclass(frozen=True)
class Sorted:
    """Labels that can be stored, how many cannot, the first of those, and how many name each new class."""

    truths: list[Truth]
    refused: int
    refusals: list[LabelRefusal]
    unknown: Counts[str]


def new_names(said: Sequence[Said]) -> set[str]:
    """The new classes that labels name."""
    return {one.name for one in said if isinstance(one, Newcomer)}


def sort(
    labels: Sequence[LabelWrite],
    said: Sequence[Said],
    numbers: Mapping[str, int],
    author: str | None = None,
    said_at: datetime | None = None,
) -> Sorted:
    """Labels and what each says; one that is no number or names no class costs no other.

    Args:
        numbers: of new classes; those without one are more than can be told apart.
    """
    truths: list[Truth] = []
    refusals: list[LabelRefusal] = []
    unknown = Counts[str]()
    for place, (label, one) in enumerate(zip(labels, said, strict=True)):
        value = _value(one, numbers)
        if not isinstance(value, Refusal):
            truths.append(Truth(label.request_id, label.index, value, label.at, author, said_at))
            unknown.update([one.name] if isinstance(one, Newcomer) else [])
        elif len(refusals) < MOST_REFUSALS:
            shown = class_text(label.value)[:SHOWN]
            refusals.append(LabelRefusal(place=place, value=shown, reason=value.words))
    return Sorted(truths, len(labels) - len(truths), refusals, unknown)


def _value(said: Said, numbers: Mapping[str, int]) -> float | Refusal:
    """As labels are kept: a new class below zero."""
    if not isinstance(said, Newcomer):
        return said
    return float(-numbers[said.name]) if said.name in numbers else MANY
