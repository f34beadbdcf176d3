"""A file of rows as requests: its cells are read by the model's signature, never by their looks."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

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


def production(platform: "Millrace", loop: str) -> "ModelVersionRead":
    """The version that the loop's endpoint serves. Exits if there is none yet."""
    endpoint = platform.serving.endpoint(loop)
    if endpoint.stable_version is None:
        fail_unserved(loop)
    return platform.registry.version(endpoint.model, endpoint.stable_version)


def fail_unserved(loop: str, what: str | None = None) -> NoReturn:
    """Exit as nothing answers for the loop: *what* is lacking, and where to look."""
    fail(what or f"{loop} serves no version yet", f"'millrace watch {loop}' shows how far its first run is.")


def requests(
    platform: "Millrace", loop: str, path: Path, moment: datetime | None, said: "Dialect | None" = None
) -> "Iterator[tuple[datetime | None, list[dict[str, CellValue]]]]":
    """The file's rows in its order, cut where the event time changes; *moment* stands for all of them if it is given.

    *said*: how it is written, where the contract does not say it.
    What the model does not take is left out and told. Exits for a file that the model cannot be asked about.
    """
    from millrace_table import rows

    version = production(platform, loop)
    contract = _contract(platform, version)
    dialect = None if contract is None else contract.dialect
    if said is not None:
        dialect = said.over(dialect)
    try:
        asked = rows.read(path, version.signature, dialect, None if contract is None else contract.event_time)
    except rows.Unreadable as error:
        fail(f"{path}: {error.check.observed}", error.check.mend)
    if asked.unused:
        typer.echo(f"Not inputs of the model, left out: {', '.join(asked.unused)}", err=True)
    yield from _cut(asked.rows, asked.times if moment is None else [moment for _ in asked.rows])


def _cut(
    rows: "list[dict[str, CellValue]]", times: Sequence[datetime | None]
) -> "Iterator[tuple[datetime | None, list[dict[str, CellValue]]]]":
    for moment, pairs in groupby(zip(times, rows, strict=True), key=lambda pair: pair[0]):
        together = [row for _, row in pairs]
        for begin in range(0, len(together), CONTENT):
            yield moment, together[begin : begin + CONTENT]


def _contract(platform: "Millrace", version: "ModelVersionRead") -> "DataContract | None":
    """What the data promised that the version has learnt from."""
    from millrace_contracts.data import DataContract

    made = version.lineage
    if made.dataset is None or made.dataset_version is None:
        return None
    kept = platform.registry.dataset_version(made.dataset, made.dataset_version).contract
    return DataContract.model_validate(kept) if kept else None
