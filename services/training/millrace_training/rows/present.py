"""What a delivery is compared with: the rows of a dataset's newest version, by its index where that is enough."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np
import pyarrow as pa

from millrace_contracts.bodies import Document
from millrace_contracts.data import DataContract
from millrace_contracts.datasets import DatasetVersionRead, RowIndex, SchemaColumn
from millrace_table.columns import Mask
from millrace_table.pieces import Filed, Rows
from millrace_training.rows import files, index, profile, repeats
from millrace_training.rows.index import Shape, There
from millrace_training.rows.profile import schema
from millrace_training.rows.records import Records
from millrace_training.rows.repeats import News

GROWTH = 1.25
"""A version's rows, as a multiple of those that its profile describes, from which it gets a profile of its own."""
ZERO = datetime(1970, 1, 1, tzinfo=UTC)


class Present:
    """The rows of a version. They are read as a whole only where its index does not fit a delivery."""

    def __init__(self, records: Records, version: DatasetVersionRead) -> None:
        self.version = version
        self._records = records
        self._told: tuple[Rows, Shape, News, There | None] | None = None

    @cached_property
    def rows(self) -> pa.Table:
        """All of them."""
        return self._records.rows(self.version)

    def news(self, came: Rows, contract: DataContract) -> News:
        """What *came* adds to them; see `repeats.news`."""
        return self._compared(came, contract)[0]

    def has(self, came: Rows, contract: DataContract, name: str) -> Mask | None:
        """Which values of the unique column *name* some row has already; None: there is no such column."""
        if name not in [item.name for item in self.version.data_schema]:
            return None
        shape = Shape.of(came.column_names, contract)
        if not self._fits(came, shape):
            return repeats.among(came.column(name), self.rows.column(name))
        assert self.version.index is not None
        return index.values_there(self._records, self.version.index.parts, came, name)

    def extended(self, rows: Rows, contract: DataContract, corrected: int) -> "Extended":
        """The version with new *rows* behind its own, of which some put earlier ones right."""
        shape = Shape.of(rows.column_names, contract)
        count = self.version.rows + rows.num_rows - corrected
        fits = self._fits(rows, shape)
        if not fits or count > GROWTH * int(self.version.profile.get("rows", 0)):
            whole = repeats.latest(self._before(rows), contract.key)
            return _described(self._records, whole, contract, self.version.index if fits else None, rows)
        return Extended(
            rows=count,
            schema=_together(self.version.data_schema, rows),
            profile=self.version.profile,
            span=self._span(rows, contract, corrected),
            index=index.extended(self._records, self.version.index, rows, shape),
        )

    def _before(self, rows: Rows) -> Rows:
        """The rows of the version with new *rows* behind them."""
        if isinstance(rows, Filed):
            return rows.behind([self._records.file(file.digest) for file in self.version.files])
        return files.together([self.rows, rows])

    def _span(
        self, rows: Rows, contract: DataContract, corrected: int
    ) -> tuple[datetime | None, datetime | None]:
        """First and last event time afterwards; all rows are read only if one at an end was put right."""
        mine, new = (
            (self.version.first_event, self.version.last_event),
            profile.span(rows, contract.event_time),
        )
        ends = [_micros(moment) for moment in mine if moment is not None]
        there = self._compared(rows, contract)[1] if corrected and ends else None
        if there is not None and np.isin(there.at[there.keyed], ends).any():
            whole = repeats.latest(self._before(rows), contract.key)
            return profile.span(whole, contract.event_time)
        firsts, lasts = ([moment for moment in pair if moment] for pair in zip(mine, new, strict=True))
        return min(firsts, default=None), max(lasts, default=None)

    def _compared(self, came: Rows, contract: DataContract) -> tuple[News, There | None]:
        shape = Shape.of(came.column_names, contract)
        if self._told is not None and self._told[0] is came and self._told[1] == shape:
            return self._told[2:]
        if not self._fits(came, shape):
            return repeats.news(self.rows, came, contract.key), None
        assert self.version.index is not None
        there = index.look(self._records, index.meeting(self.version.index.parts, came, shape), came, shape)
        counted = repeats.last(came, contract.key) if contract.key else np.ones(came.num_rows, bool)
        fresh = counted & ~there.held
        corrected = int((fresh & there.keyed).sum()) if contract.key else 0
        news = News(fresh, int((~fresh).sum()), corrected)
        self._told = (came, shape, news, there)
        return news, there

    def _fits(self, came: Rows, shape: Shape) -> bool:
        """Whether the index tells rows like *came* apart: the same columns in the same types, or new ones."""
        kept = self.version.index
        if kept is None or kept.key != shape.key or not set(shape.unique) <= set(kept.unique):
            return False
        types = {item.name: item.type for item in self.version.data_schema}
        mine = {item.name: item.type for item in schema(came.schema.empty_table())}
        same = all(mine.get(name) == types.get(name) for name in kept.columns)
        return same and not any(name in types for name in mine.keys() - set(kept.columns))


@dataclass(frozen=True)
class Extended:
    """What a version says of its rows."""

    rows: int
    schema: list[SchemaColumn]
    profile: Document
    span: tuple[datetime | None, datetime | None]
    index: RowIndex


def first(records: Records, rows: Rows, contract: DataContract) -> Extended:
    """What the first version says of its *rows*."""
    return _described(records, rows, contract, None, rows)


def _described(
    records: Records, whole: Rows, contract: DataContract, kept: RowIndex | None, new: Rows
) -> Extended:
    """What is to be said of the rows *whole*; the index is *kept* with the *new* rows behind, or made anew."""
    shape = Shape.of(new.column_names, contract)
    return Extended(
        rows=whole.num_rows,
        schema=schema(whole),
        profile=profile.profile(whole),
        span=profile.span(whole, contract.event_time),
        index=index.extended(records, kept, whole if kept is None else new, shape),
    )


def _together(schema_before: list[SchemaColumn], rows: Rows) -> list[SchemaColumn]:
    new = {item.name: item for item in schema(rows)}
    kept = [
        item.model_copy(update={"nullable": item.nullable or item.name not in new or new[item.name].nullable})
        for item in schema_before
    ]
    names = {item.name for item in kept}
    return [
        *kept,
        *(item.model_copy(update={"nullable": True}) for item in new.values() if item.name not in names),
    ]


def _micros(moment: datetime) -> int:
    return (moment - ZERO) // timedelta(microseconds=1)
