"""What the labels of one monitor mean: numbers, or the places of the classes that its signature names."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from prometheus_client import Counter

from millrace_contracts.labels import MOST_REFUSALS, LabelRefusal, LabelValue, LabelWrite
from millrace_contracts.monitors import MonitorWrite
from millrace_monitoring.labels.queries import Truth
from millrace_stats import tasks
from millrace_stats.tasks import Refusal, Task, class_text

SHOWN = 100
"""Characters of a refused value that are told."""
REFUSED = Counter(
    "millrace_labels_refused_total", "Labels that are no number or name no class.", ["endpoint"]
)


@dataclass(frozen=True)
class Meaning:
    """A task with the classes of its answer, in the order of its outputs; none for a regression."""

    task: Task
    classes: Sequence[LabelValue]

    def parser(self) -> Callable[[LabelValue], float | Refusal]:
        """Labels as numbers, or why they are none."""
        return self.task.parser(self.classes)

    def values(self, numbers: Iterable[float | None]) -> list[LabelValue | None]:
        """Numbers as the data has them."""
        return [None if number is None else self.task.decode(number, self.classes) for number in numbers]


@dataclass(frozen=True)
class Sorted:
    """Labels that can be stored, how many cannot, and the first of those."""

    truths: list[Truth]
    refused: int
    refusals: list[LabelRefusal]


def of(spec: MonitorWrite) -> Meaning:
    """The meaning of a monitor's labels."""
    return Meaning(tasks.of(spec.task), spec.signature.classes or ())


def sort(labels: Sequence[LabelWrite], meaning: Meaning) -> Sorted:
    """Read every label by its meaning; one that has none costs no other."""
    parse = meaning.parser()
    truths: list[Truth] = []
    refusals: list[LabelRefusal] = []
    for place, label in enumerate(labels):
        number = parse(label.value)
        if not isinstance(number, Refusal):
            truths.append(Truth(label.request_id, label.index, number, label.at))
        elif len(refusals) < MOST_REFUSALS:
            shown = class_text(label.value)[:SHOWN]
            refusals.append(LabelRefusal(place=place, value=shown, reason=number.words))
    return Sorted(truths, len(labels) - len(truths), refusals)
