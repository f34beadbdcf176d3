"""What a label says: a class that the version knows, one that it does not know and may be told of, or nothing."""

from collections.abc import Iterable
from dataclasses import dataclass

from millrace_contracts.data import ColumnContract
from millrace_contracts.labels import LabelValue
from millrace_monitoring.ingest.answers import Answers
from millrace_monitoring.newcomers.queries import NEWS
from millrace_monitoring.tables import Monitor
from millrace_stats.tasks import Refusal, class_text
from millrace_stats.tasks.newcomers import named

SAID = "the contract says which values '{}' has: add it there and apply the loop, or say `guessed: true`"
MANY = Refusal("is one class more than can be told apart: are these names of rows?")
MISSING = Refusal("means that there is no value")


@dataclass(frozen=True)
class Newcomer:
    """A class by its text that the version in production does not know."""

    name: str


Said = float | Newcomer | Refusal
"""A number or the place of a class; a class that is unknown; or why it is no label."""


@dataclass(frozen=True)
class Reader:
    """Reads labels of one endpoint: the same at every entrance."""

    answers: Answers
    promise: ColumnContract | None

    @classmethod
    def of(cls, monitor: Monitor) -> "Reader":
        spec = monitor.declared
        return cls(Answers.of(spec.task, spec.signature), spec.promise)

    def read(self, values: Iterable[LabelValue]) -> list[Said]:
        """What each value says; a text means what it means in a table: without blanks around it."""
        parse = self.answers.task.parser(self.answers.classes)
        found, seen = list[Said](), dict[tuple[type, LabelValue], Said]()
        for value in values:
            number = parse(value)
            if not isinstance(number, Refusal):
                found.append(float(number))
                continue
            key = (type(value), value)
            if key not in seen:
                seen[key] = self._unknown(value, number)
            found.append(seen[key])
        return found

    def _unknown(self, value: LabelValue, refusal: Refusal) -> Said:
        """What a value says that names no class as it stands."""
        if self.answers.task.name != NEWS or self.promise is None:
            return refusal
        cell = value.strip() if isinstance(value, str) else value
        if cell == "":
            return MISSING
        number = self.answers.task.parse(cell, self.answers.classes)
        if not isinstance(number, Refusal):
            return number
        new = named(cell, self.answers.classes)
        if isinstance(new, Refusal):
            return new
        if not _takes(self.promise, new):
            return Refusal(f"{refusal.words}; {SAID.format(self.promise.name)}")
        return Newcomer(class_text(new))


def _takes(promise: ColumnContract, value: LabelValue) -> bool:
    """Whether the contract lets the target have a value that no version knows: a guess does."""
    if promise.guessed:
        return True
    if isinstance(value, str):
        return promise.allowed is None or value in promise.allowed
    low = promise.minimum is None or value >= promise.minimum
    return low and (promise.maximum is None or value <= promise.maximum)
