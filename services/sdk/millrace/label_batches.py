"""A file of labels of any size, as the batches in which it is sent.

It is read twice: once until its end, so that nothing is sent of a file with a line that is no label, and once more
while it is sent. Of two words about one row that say the same time the later line holds: monitoring sees to it within
a batch, so lines that contradict each other at one time are put into one.
"""

import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from millrace.labels import BadLabels, Label, LabelFile, no_labels
from millrace_contracts.labels import LabelWrite
from millrace_contracts.tables import Dialect

if TYPE_CHECKING:
    from millrace_table.numbers import Claims, Style

BATCH = 10_000
"""Labels sent in one request; with those that have to travel with the last of them, so many again at most."""
MOST_WORDS = BATCH
"""Lines about one row at one time that may contradict each other."""


@dataclass(frozen=True)
class Looked:
    """What a file was found to hold.

    Attributes:
        count: its labels. worded: whether the value of one is a text that is not digits alone.
        claims: what the texts say of point and comma; None for a client without the part that reads tables.
        contradicted: rows and times of which lines say different things, and how many lines speak of them.
    """

    count: int
    worded: bool
    claims: "Claims | None"
    contradicted: dict[str, int]

    def style(self, dialect: Dialect | None) -> "Style | None":
        """How its values are written as numbers: by themselves, then by the *dialect*; None: they are no numbers."""
        return None if self.claims is None else self.claims.style(dialect)


def look(file: LabelFile, told: Callable[[int], None] = lambda labels: None) -> Looked:
    """Read all lines; *told* hears again and again how many labels were. Raises: BadLabels with file and line."""
    claims, count, worded = _claims(), 0, False
    with tempfile.TemporaryDirectory(prefix="millrace-") as folder, closing(_Words(Path(folder))) as words:
        for some in _some(file):
            texts = {label.write.value for label in some if isinstance(label.write.value, str)}
            worded = worded or not all(text.isdigit() for text in texts)
            if claims is not None:
                claims.add(texts)
            words.add(some)
            count += len(some)
            told(count)
        contradicted = words.contradicted()
    if not count:
        raise no_labels(file.path)
    _refuse_most(file.path, contradicted)
    return Looked(count, worded, claims, contradicted)


def batches(file: LabelFile, looked: Looked) -> Iterator[list[LabelWrite]]:
    """All labels, BATCH at a time and those besides that contradict the last of them. Raises: BadLabels."""
    batch: list[LabelWrite] = []
    for together in _together(file, looked.contradicted):
        batch += together
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def spelled(labels: list[LabelWrite], style: "Style | None") -> list[LabelWrite]:
    """Labels of a regression whose texts are numbers as programs write them, where they are numbers as people do.

    What is no number in this *style* stays as it is.
    """
    if style is None:
        return labels
    from millrace_table import numbers

    read = ((label, numbers.value(str(label.value).strip(), style)) for label in labels)
    return [
        label.model_copy(update={"value": str(number)})
        if isinstance(label.value, str) and number is not None and number.is_finite()
        else label
        for label, number in read
    ]


def _some(file: LabelFile) -> Iterator[list[Label]]:
    labels = iter(file)
    while some := list(islice(labels, BATCH)):
        yield some


def _claims() -> "Claims | None":
    with suppress(ModuleNotFoundError):
        from millrace_table import numbers

        return numbers.Claims()
    return None


def _refuse_most(path: Path, contradicted: dict[str, int]) -> None:
    """Raises: BadLabels for a row of which more lines speak at one time than can travel together."""
    most = max(contradicted, key=contradicted.__getitem__, default=None)
    if most is not None and contradicted[most] > MOST_WORDS:
        request, index, at = most.split("\n")
        raise BadLabels(
            f"{path}: {contradicted[most]} lines say different things of request {request}, row {index}, at {at}; "
            "keep the last of them"
        )


def _together(file: LabelFile, contradicted: dict[str, int]) -> Iterator[list[LabelWrite]]:
    """Each label, in its order; one that others contradict at its time waits for the last of these."""
    waiting: dict[str, list[LabelWrite]] = {}
    for label in file:
        word = _word(label) if contradicted else None
        if word is None or word not in contradicted:
            yield [label.write]
            continue
        held = waiting.setdefault(word, [])
        held.append(label.write)
        if len(held) == contradicted[word]:
            yield waiting.pop(word)
    yield from waiting.values()


def _word(label: Label) -> str | None:
    """Of which row at which time a line speaks; None where it says no time, as no other line has the same then."""
    if not label.said:
        return None
    write = label.write
    return f"{write.request_id}\n{write.index}\n{write.at.astimezone(UTC).isoformat()}"


class _Words:
    """Which lines say different things of one row at one time, asked on disk."""

    def __init__(self, folder: Path) -> None:
        self._database = sqlite3.connect(folder / "words", isolation_level=None)
        for statement in (
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            "CREATE TABLE words (word TEXT, value TEXT)",
        ):
            self._database.execute(statement)

    def add(self, labels: Iterable[Label]) -> None:
        """Hear the next lines."""
        said = ((_word(label), repr(label.write.value)) for label in labels if label.said)
        self._database.execute("BEGIN")
        self._database.executemany("INSERT INTO words VALUES (?, ?)", said)
        self._database.execute("COMMIT")

    def contradicted(self) -> dict[str, int]:
        """Rows and times of which lines say different things, and how many lines speak of them."""
        asked = "SELECT word, count(*) FROM words GROUP BY word HAVING min(value) <> max(value)"
        return dict(self._database.execute(asked).fetchall())

    def close(self) -> None:
        """Forget them."""
        self._database.close()
