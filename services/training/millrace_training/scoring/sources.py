"""The files that are scored, as Parquet in the job's folder, cut into parts that are the same in every attempt."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as parquet

from millrace_contracts.deliveries import ArtifactSource
from millrace_contracts.tables import KEPT, Dialect, Reject, Rejects
from millrace_table import reading
from millrace_table.names import check_names
from millrace_table.reading import Loaded
from millrace_table.refusals import Unreadable, words
from millrace_table.streamed import Streamed
from millrace_training.runtime.errors import JobError

PART_ROWS = 65_536
"""Rows of a part; small row groups go together until they are so many."""
REJECTS = ".rejects.json"


class Store(Protocol):
    """Where the bytes of files are."""

    def artifact_chunks(self, digest: str, /) -> Iterable[bytes]:
        """The bytes of an artifact, as they come."""


@dataclass(frozen=True)
class Stretch:
    """Neighbouring row groups of one source, finished together.

    Attributes:
        number: place among all parts of the job; it names the piece that holds the answers.
        source: place of the source among those of the job.
        path: the source as Parquet.
        groups: row groups, in order.
        first: number of the part's first row in its source, from 0.
    """

    number: int
    source: int
    path: Path
    groups: list[int]
    first: int


@dataclass(frozen=True)
class Place:
    """Where sources come from and go to, how they are written, which columns they are expected to have, the share of
    their lines that may be unreadable, and whether one may have no rows."""

    store: Store
    scratch: Path
    dialect: Dialect | None
    wanted: list[str]
    rejects_at_most: float = 0.0
    may_be_empty: bool = False


def fetch(sources: list[ArtifactSource], place: Place, told: Callable[[int], None]) -> list[Path]:
    """Every source as a Parquet file in the scratch folder; *told* is called with how many are there.

    Raises: JobError for a file that cannot be read, in the words of the reader.
    """
    paths = []
    for number, source in enumerate(sources):
        path = place.scratch / f"source-{number:06}.parquet"
        if not path.exists():
            _bring(source, place, path)
        paths.append(path)
        told(number + 1)
    return paths


def rejects(names: list[str], paths: list[Path]) -> Rejects:
    """The lines of all sources that could not be read, each with its file's name; the first of them are kept."""
    count, kept = 0, list[Reject]()
    for name, path in zip(names, paths, strict=True):
        noted = path.with_suffix(REJECTS)
        if noted.exists():
            here = Rejects.model_validate_json(noted.read_bytes())
            count += here.count
            kept += [line.model_copy(update={"file": name}) for line in here.kept]
    return Rejects(count=count, kept=kept[:KEPT])


def _note(lost: Rejects, path: Path) -> None:
    """Before the source itself is there, so that an attempt that finds it finds them too."""
    if lost.count:
        path.with_suffix(REJECTS).write_text(lost.model_dump_json())


def parts(paths: list[Path]) -> list[Stretch]:
    """How the sources are cut: by their row groups alone, so that every attempt cuts them alike."""
    cut: list[Stretch] = []
    for source, path in enumerate(paths):
        about = parquet.read_metadata(path)
        rows = [about.row_group(group).num_rows for group in range(about.num_row_groups)]
        first = 0
        for groups in _together(rows):
            cut.append(Stretch(len(cut), source, path, groups, first))
            first += sum(rows[group] for group in groups)
    return cut


def check(
    name: str, path: Path, wanted: list[str], keep: list[str] | None, may_be_empty: bool = False
) -> None:
    """Whether the model can be asked about a source; *wanted*: what it takes, *keep*: what stands beside the answers.

    Raises: JobError that names the column and the remedy.
    """
    about = parquet.read_metadata(path)
    if not about.num_rows and may_be_empty:
        return
    there = parquet.read_schema(path).names
    for asked, mend in ((wanted, f"The model takes {words(wanted, 50)}."), (keep or [], "Keep others.")):
        if lacking := [column for column in asked if column not in there]:
            raise JobError("A column is missing", f"{name} has no column {words(lacking, 10)}.", mend)
    if not about.num_rows:
        raise JobError("A file is empty", f"{name} has columns and no rows.", "Send the rows too.")


def _together(rows: list[int]) -> Iterable[list[int]]:
    some: list[int] = []
    for group, count in enumerate(rows):
        if not count:
            continue
        if some and sum(rows[item] for item in some) + count > PART_ROWS:
            yield some
            some = []
        some.append(group)
    if some:
        yield some


def _bring(source: ArtifactSource, place: Place, path: Path) -> None:
    """Put the source under *path* at once and as a whole."""
    came, staged = path.with_suffix(".came"), path.with_suffix(".staged")
    with came.open("wb") as file:
        for chunk in place.store.artifact_chunks(source.digest):
            file.write(chunk)
    try:
        if source.format == "parquet":
            check_names(parquet.read_schema(came).names)
        else:
            read = _staged(came, source, place, staged)
            reading.refuse_rejects(read, place.rejects_at_most)
            _note(read.rejects, path)
            staged.replace(came)
    except Unreadable as error:
        raise _refusal(source.name, error) from error
    except (pa.ArrowException, OSError) as error:
        seen = f"{source.name} is not a Parquet file, or it is damaged."
        raise JobError("A file cannot be read", seen, "Write it again.") from error
    came.replace(path)


def _staged(came: Path, source: ArtifactSource, place: Place, staged: Path) -> Loaded | Streamed:
    """Write the rows that *came* as Parquet; those of CSV never lie in memory as a whole."""
    try:
        if source.format == "csv":
            return reading.to_parquet(came, staged, place.dialect, place.wanted)
        loaded = reading.load(came, source.format, place.dialect, place.wanted)
    except Unreadable as error:
        if not (place.may_be_empty and error.check.check == "rows"):
            raise
        loaded = Loaded(pa.table({name: pa.array([], pa.string()) for name in place.wanted}))
    parquet.write_table(loaded.table, staged, row_group_size=PART_ROWS)
    return loaded


def _refusal(name: str, error: Unreadable) -> JobError:
    """The reader's words, with the file they are about."""
    where = "" if error.check.column is None else f"'{error.check.column}': "
    shown = "; ".join(error.check.examples)
    detail = f"{name}: {where}{error.check.observed}{f' ({shown})' if shown else ''}"
    return JobError("A file cannot be read", detail, error.check.mend)
