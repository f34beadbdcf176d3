"""Files of an object store or a folder: each taken once, in the order of their names; a changed one is taken again."""

import re
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import obstore
import pyarrow as pa
from obstore.exceptions import BaseError
from obstore.store import from_url

from millrace_contracts.datasets import RowsOrigin
from millrace_contracts.formats import UnknownFormat, format_of
from millrace_contracts.names import DataFormat
from millrace_contracts.sources import BucketSource, Source
from millrace_table import reading
from millrace_table.refusals import Unreadable
from millrace_training.rows.delivery import Delivery
from millrace_training.runtime.errors import JobError
from millrace_training.sources import hosts
from millrace_training.sources.kit import Kit
from millrace_training.sources.past import Past
from millrace_training.sources.retries import Passing, patiently

LISTED, STORE = "listed", "store"
LASTING = (
    "Unauthenticated",
    "PermissionDenied",
    "NotFound",
    "InvalidPath",
    "UnknownConfigurationKey",
    "NotSupported",
)
"""Errors of a store that another try does not mend."""


@dataclass(frozen=True)
class Lying:
    """A file of the store: its name below the source, what it is, and what changes when its content does."""

    name: str
    format: DataFormat
    version: str
    size: int


def read(source: Source, before: Past, kit: Kit) -> Delivery | None:
    """The first file that is not in yet."""
    asked = source.bucket
    assert asked is not None
    if LISTED not in kit.kept:
        kit.kept[LISTED] = patiently(_listed, asked, kit)
    for lying in kit.kept[LISTED]:
        key = before.key("file", lying.name, lying.version)
        if key not in before.digests:
            data = patiently(_content, asked, kit, lying)
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


def sample(source: Source, kit: Kit, rows: int) -> pa.Table:
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
    return table(patiently(_content, asked, kit, files[0]), files[0].format, files[0].name).slice(0, rows)


def table(data: bytes, format: DataFormat, name: str) -> pa.Table:
    """The rows of a file. Raises: JobError."""
    try:
        return reading.read(data, format)
    except Unreadable as error:
        raise JobError("A file cannot be read", f"{name}: {error.check.observed}", error.check.mend) from None


def _listed(asked: BucketSource, kit: Kit) -> list[Lying]:
    """Every file of the source, by name; what has an unknown ending is left aside, and said."""
    found, other = [], []
    try:
        for page in _store(asked, kit).list():
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
    except BaseError as error:
        raise _failed(asked, kit, error) from None
    note = f"{len(other)} files with other endings are left aside, like {other[0]}." if other else ""
    if note and note not in kit.notes:
        kit.notes.append(note)
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
        return bytes(obstore.get(_store(asked, kit), lying.name).bytes())
    except BaseError as error:
        raise _failed(asked, kit, error) from None


def _store(asked: BucketSource, kit: Kit) -> Any:
    if STORE not in kit.kept:
        hosts.check(asked.options.get("endpoint"))
        options: dict[str, Any] = dict(asked.options)
        for name in asked.secrets_by_option:
            options[name] = kit.secrets.get(f"bucket.secrets.{name}")
        client = {"allow_http": True} if options.get("endpoint", "").startswith("http://") else {}
        local = asked.url.startswith("file:")
        try:
            kit.kept[STORE] = (
                from_url(asked.url) if local else from_url(asked.url, client_options=client, **options)
            )
        except (BaseError, ValueError, TypeError) as error:
            told = kit.secrets.problem(
                "The bucket cannot be opened", str(error), "Look at its url and options."
            )
            raise told from None
    return kit.kept[STORE]


def _failed(asked: BucketSource, kit: Kit, error: BaseError) -> JobError | Passing:
    told = kit.secrets.problem(
        "The bucket cannot be read",
        f"{asked.url}: {_own_words(str(error))}",
        "Look at its url, options and secrets.",
    )
    return told if any(sign in type(error).__name__ for sign in LASTING) else Passing(told)


def _own_words(text: str) -> str:
    """What the store said, without the request that it answers."""
    said = re.search(r"<Message>(.*?)</Message>", text)
    return said[1] if said else text.partition(" Debug source")[0][:600]
