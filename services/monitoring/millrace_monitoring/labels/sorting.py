"""Labels read by what the endpoint answers: a number, or the place of a class that its signature names."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import Counter

from millrace_contracts.labels import MOST_REFUSALS, LabelRefusal, LabelWrite
from millrace_monitoring.ingest.answers import Answers
from millrace_monitoring.labels.queries import Truth
from millrace_stats.tasks import Refusal, class_text

SHOWN = 100
"""Characters of a refused value that are told."""
REFUSED = Counter(
    "millrace_labels_refused_total", "Labels that are no number or name no class.", ["endpoint"]
)


@dataclass(frozen=True)
class Sorted:
    """Labels that can be stored, how many cannot, and the first of those."""

    truths: list[Truth]
    refused: int
    refusals: list[LabelRefusal]


def sort(
    labels: Sequence[LabelWrite], kind: Answers, author: str | None = None, said_at: datetime | None = None
) -> Sorted:
    """Read every label; one that is no number or names no class costs no other."""
    parse = kind.task.parser(kind.classes)
    truths: list[Truth] = []
    refusals: list[LabelRefusal] = []
    for place, label in enumerate(labels):
        number = parse(label.value)
        if not isinstance(number, Refusal):
            truths.append(Truth(label.request_id, label.index, number, label.at, author, said_at))
        elif len(refusals) < MOST_REFUSALS:
            shown = class_text(label.value)[:SHOWN]
            refusals.append(LabelRefusal(place=place, value=shown, reason=number.words))
    return Sorted(truths, len(labels) - len(truths), refusals)
