"""A file of rows as requests: its cells are read by the model's signature, never by their looks."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeAlias

import typer

from millrace.cli.command import fail

if TYPE_CHECKING:
    from millrace.client import Millrace
    from millrace_contracts.data import DataContract
    from millrace_contracts.models import ModelVersionRead
    from millrace_contracts.predictions import CellValue
    from millrace_contracts.tables import Dialect

CONTENT = 1000
"""Rows asked for in one request."""
Part: TypeAlias = "tuple[datetime | None, list[dict[str, CellValue]]]"
"""Rows of one request, and when they happen; None: now."""


@dataclass(frozen=True)
class Requests:
    """What is asked, a request at a time, and how many *rows* that is in all."""

    rows: int
    parts: Iterable[Part]


def production(platform: "Millrace", loop: str) -> "ModelVersionRead":
    """The version that the loop's endpoint serves. Exits if there is none yet."""
    endpoint = platform.serving.endpoint(loop)
    if endpoint.stable_version is None:
        fail_unserved(loop)
    return platform.registry.version(endpoint.model, endpoint.stable_version)


def fail_unserved(loop: str, what: str | None = None) -> NoReturn:
    """Exit as nothing answers for the loop: *what* is lacking, and where to look."""
    fail(what or f"{loop} serves no version yet", f"'millrace watch {loop}' shows how far its first run is.")


@contextmanager
def requests(
    platform: "Millrace", loop: str, path: Path, moment: datetime | None, said: "Dialect | None" = None
) -> Iterator[Requests]:
    """The file's rows in its order, cut where the event time changes; *moment* stands for all of them if it is given.

    *said*: how it is written, where the contract does not say it.
    All cells are read before there is a first request. What the model does not take is left out and told. Exits for a
    file that the model cannot be asked about.
    """
    from millrace.cli.progress import Now, job_bar
    from millrace_table import rows

    version = production(platform, loop)
    contract = _contract(platform, version)
    dialect = None if contract is None else contract.dialect
    if said is not None:
        dialect = said.over(dialect)
    time = None if contract is None else contract.event_time
    with ExitStack() as open:
        try:
            with job_bar(path.name) as bar:

                def told(count: int) -> None:
                    bar(Now(f"{count:,} rows read"))

                asked = open.enter_context(rows.opened(path, version.signature, dialect, time, told))
        except rows.Unreadable as error:
            fail(f"{path}: {error.check.observed}", error.check.mend)
        if asked.unused:
            typer.echo(f"Not inputs of the model, left out: {', '.join(asked.unused)}", err=True)
        given = asked if moment is None else ((row, moment) for row, _ in asked)
        yield Requests(len(asked), _cut(given))


def _cut(rows: "Iterable[tuple[dict[str, CellValue], datetime | None]]") -> Iterator[Part]:
    for moment, pairs in groupby(rows, key=lambda pair: pair[1]):
        while together := [row for row, _ in islice(pairs, CONTENT)]:
            yield moment, together


def _contract(platform: "Millrace", version: "ModelVersionRead") -> "DataContract | None":
    """What the data promised that the version has learnt from."""
    from millrace_contracts.data import DataContract

    made = version.lineage
    if made.dataset is None or made.dataset_version is None:
        return None
    kept = platform.registry.dataset_version(made.dataset, made.dataset_version).contract
    return DataContract.model_validate(kept) if kept else None
