"""Files of an object store or a folder: each taken once, in the order of their names; a changed one is taken again."""

from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from millrace_contracts.datasets import RowsOrigin
from millrace_contracts.formats import UnknownFormat, format_of
from millrace_contracts.names import DataFormat
from millrace_contracts.sources import BucketSource, RowSource
from millrace_contracts.tables import Dialect
from millrace_table import reading
from millrace_table.refusals import Unreadable
from millrace_training.rows.delivery import Delivery
from millrace_training.runtime.errors import JobError
from millrace_training.sources import stores, unfinished
from millrace_training.sources.kit import Kit
from millrace_training.sources.past import Past
from millrace_training.sources.retries import Passing, patiently
from millrace_training.sources.unfinished import State

LISTED, STORE = "listed", "store"


@dataclass(frozen=True)
class Lying:
    """A file of the store: its name below the source, what it is, and what changes when its content does."""

    name: str
    format: DataFormat
    version: str
    size: int


def read(source: RowSource, before: Past, kit: Kit) -> Delivery | None:
    """The first file that is not in yet."""
    asked = source.bucket
    assert asked is not None
    if LISTED not in kit.kept:
        kit.kept[LISTED] = patiently(_listed, asked, kit)
    for lying in kit.kept[LISTED]:
        key = before.key("file", lying.name, lying.version)
        if key not in before.digests:
            data = patiently(_content, asked, kit, lying)
            if not unfinished.is_done(data, lying.format, partial(_state, asked, kit, lying.name)):
                kit.note(f"{lying.name} is being written; the next look takes it.")
                continue
            origin = RowsOrigin(
                kind="source",
                name=lying.name[:500],
                digest=key,
                source=before.identity,
                cursor=lying.version[:1000],
                format=lying.format,
            )
            return Delivery(data, lying.format, origin)
    return None


def sample(source: RowSource, kit: Kit, rows: int) -> pa.Table:
    """The first rows of the first file."""
    asked = source.bucket
    assert asked is not None
    files = patiently(_listed, asked, kit)
    if not files:
        raise JobError(
            "There is no file",
            f"Nothing below {asked.url} is called {asked.pattern}.",
            "Look at url and pattern.",
        )
    size = sum(item.size for item in files)
    kit.notes.append(
        f"{len(files)} files, {size / 2**20:.1f} MiB; these are the first rows of {files[0].name}."
    )
    data = patiently(_content, asked, kit, files[0])
    kit.first = (data, files[0].format, files[0].name)
    return table(data, files[0].format, files[0].name, kit.dialect).slice(0, rows)


def table(data: bytes, format: DataFormat, name: str, dialect: Dialect | None) -> pa.Table:
    """The rows of a file that is written in *dialect*. Raises: JobError."""
    try:
        loaded = reading.load(data, format, dialect)
        reading.refuse_rejects(loaded, 0.0)
        return loaded.table
    except Unreadable as error:
        raise JobError("A file cannot be read", f"{name}: {error.check.observed}", error.check.mend) from None


def _listed(asked: BucketSource, kit: Kit) -> list[Lying]:
    """Every file of the source, by name; what has an unknown ending is left aside, and said."""
    found, other = [], []
    try:
        for page in stores.listed(_store(asked, kit)):
            for item in page:
                name = str(item["path"])
                if not _meant(name, asked.pattern) or not item["size"]:
                    continue
                kind = _format(asked, name)
                if kind is None:
                    other.append(name)
                    continue
                version = item["e_tag"] or f"{item['last_modified'].isoformat()} {item['size']}"
                found.append(Lying(name, kind, str(version), int(item["size"])))
    except stores.FAULTS as error:
        raise _failed(asked, kit, error) from None
    if other:
        kit.note(f"{len(other)} files with other endings are left aside, like {other[0]}.")
    return sorted(found, key=lambda item: item.name)


def _meant(name: str, pattern: str) -> bool:
    """Names that begin with a dot or an underline are a tool's own, like _SUCCESS."""
    hidden = any(part.startswith((".", "_")) for part in name.split("/"))
    return not hidden and (fnmatch(name, pattern) or fnmatch(name.rpartition("/")[2], pattern))


def _format(asked: BucketSource, name: str) -> DataFormat | None:
    try:
        return asked.format or format_of(Path(name))
    except UnknownFormat:
        return None


def _content(asked: BucketSource, kit: Kit, lying: Lying) -> bytes:
    """The bytes of the version that was listed; one that has changed since is listed again by the next look."""
    kit.context.report("read", message=f"{lying.name} ({lying.size / 2**20:.1f} MiB)")
    try:
        return stores.content(_store(asked, kit), lying.name)
    except stores.FAULTS as error:
        raise _failed(asked, kit, error) from None


def _state(asked: BucketSource, kit: Kit, name: str) -> State | None:
    """Of a file of a folder as it is now; None for an object, which is there as a whole or not at all."""
    if not asked.url.startswith("file:"):
        return None
    try:
        return State(*stores.state(_store(asked, kit), name))
    except stores.FAULTS as error:
        raise _failed(asked, kit, error) from None


def _store(asked: BucketSource, kit: Kit) -> Any:
    if STORE not in kit.kept:
        kit.kept[STORE] = stores.opened(asked, kit.secrets)
    return kit.kept[STORE]


def _failed(asked: BucketSource, kit: Kit, error: Exception) -> JobError | Passing:
    return stores.failed(asked, kit.secrets, error, "The bucket cannot be read")
