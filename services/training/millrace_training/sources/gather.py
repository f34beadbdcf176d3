"""Job `gather`: fetch what a source has and was not scored yet, and keep it as it came, before anything is scored.

What was read is fixed by that: whatever is killed afterwards, the same rows are scored, each once.
"""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.compute as pc

from millrace_contracts.batches import GatherResult, GatherSpec, ScoredBefore
from millrace_contracts.datasets import RowsOrigin
from millrace_contracts.deliveries import ArtifactSource
from millrace_contracts.formats import UnknownFormat, format_of
from millrace_contracts.sources import BucketSource, RowSource, SqlSource
from millrace_training.rows import files
from millrace_training.rows.delivery import Delivery
from millrace_training.rows.records import Records
from millrace_training.runtime.context import Context
from millrace_training.runtime.errors import JobError
from millrace_training.sources import marks
from millrace_training.sources import past as history
from millrace_training.sources.kit import Kit
from millrace_training.sources.past import Past
from millrace_training.sources.reading import Reader, reader
from millrace_training.sources.secrets import Secrets

MOST = 100
"""Files, or batches of a table, of one job; another one goes on from there."""
LONGEST = 200
"""Signs of a file's name that are kept."""


def run(spec: GatherSpec, context: Context) -> GatherResult:
    """Fetch until nothing is left, or there are MOST pieces. Raises: JobError in words for people."""
    records = Records(context)
    source = placed(spec.source)
    kit = Kit(context, Secrets(source), records.artifact)
    name, there = history.identity(spec.loop, source), _reader(spec.source, source)
    whole = source.sql is not None and source.sql.cursor is None
    before = spec.before if spec.before and spec.before.source == name and not whole else None
    scored = before or ScoredBefore(source=name)
    past, pieces = _past(scored), list[ArtifactSource]()
    while len(pieces) < MOST:
        context.report("read", message=f"piece {len(pieces) + 1}")
        came = there.read(source, past, kit)
        if came is None:
            break
        pieces.append(_kept(came, records))
        scored = _after(scored, source, came, records)
        past = past.behind(came.source)
    after = None if whole else scored
    return GatherResult(files=pieces, before=after, more=len(pieces) == MOST, notes=kit.notes)


def placed(source: RowSource) -> RowSource:
    """The source; a path as the folder that it lies in. Raises: JobError for one that is not whole, or not there."""
    if source.path is None:
        return source
    path = Path(source.path)
    if not path.is_absolute():
        raise JobError("A path is not whole", f"{source.path} is relative.", "Write it from / on.")
    if not path.exists():
        raise JobError("There is no file", f"{source.path} is not there.", "Look at source.path.")
    folder = path if path.is_dir() else path.parent
    return RowSource(bucket=BucketSource(url=folder.as_uri()))


class OneFile:
    """Reads one file of this machine: once, and again when its content has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, source: RowSource, before: Past, kit: Kit) -> Delivery | None:
        """The file, if it was not scored as it is."""
        data = self._path.read_bytes()
        key = before.key("content", hashlib.sha256(data).hexdigest())
        if key in before.digests:
            return None
        try:
            kind = format_of(self._path)
        except UnknownFormat as error:
            raise JobError("The file's kind is unknown", str(error), "Rename it.") from None
        name = self._path.name
        origin = RowsOrigin(kind="source", name=name, digest=key, source=before.identity, format=kind)
        return Delivery(data, kind, origin)


def _reader(asked: RowSource, placed: RowSource) -> Reader | OneFile:
    alone = asked.path is not None and Path(asked.path).is_file()
    return OneFile(Path(asked.path or "")) if alone else reader(placed)


def _past(scored: ScoredBefore) -> Past:
    """As readers take it: rows of the window are left out where they come again."""
    last = scored.last
    again = () if scored.window is None or last is None else ((scored.window, last.cursor or ""),)
    return Past(scored.source, frozenset(scored.digests), last, again)


def _kept(came: Delivery, records: Records) -> ArtifactSource:
    digest = records.keep(came.data, "application/octet-stream")
    name = "".join("-" if sign in "/\\" else sign for sign in came.source.name if sign.isprintable())
    return ArtifactSource(digest=digest, name=name[-LONGEST:] or "rows", format=came.format)


def _after(scored: ScoredBefore, source: RowSource, came: Delivery, records: Records) -> ScoredBefore:
    window = None if source.sql is None else _window(scored, source.sql, came, records)
    digests = [*scored.digests, came.source.digest]
    return ScoredBefore(source=scored.source, digests=digests, last=came.source, window=window)


def _window(scored: ScoredBefore, asked: SqlSource, came: Delivery, records: Records) -> str | None:
    """Of what was scored, the rows from the look-back before the cursor on, which the next reading brings again."""
    reached = marks.reached(came.source, datetime.now(UTC))
    if asked.cursor is None or reached is None:
        return None
    low = reached.back(asked)
    known = [] if scored.window is None else [records.artifact(scored.window)]
    rows = files.from_parquet([*known, came.data])
    column = rows.column(asked.cursor)
    again = rows.filter(pc.greater_equal(column, low.array().cast(column.type)[0]))
    return records.keep(files.to_parquet(again), "application/vnd.apache.parquet")
