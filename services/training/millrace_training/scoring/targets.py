"""A table as it stands: the types of its columns, and the rows fitted to them by the rules of every entrance."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.tables import Dialect
from millrace_table import cells
from millrace_table.columns import convert
from millrace_training.runtime.errors import JobError

MEND = "Look at the table's columns and the user's rights; or name a table that is not there yet."
PLAIN: dict[str, pa.DataType] = {
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double precision": pa.float64(),
    "text": pa.string(),
    "character varying": pa.string(),
}
"""Types that the driver writes as they are; of any other one the database makes its own, of text or of a number."""
ZONED, CLOCK = "timestamp with time zone", "timestamp without time zone"
TYPES = """SELECT attname, format_type(atttypid, NULL), format_type(atttypid, atttypmod) FROM pg_attribute
    WHERE attrelid = to_regclass('{}') AND attnum > 0 AND NOT attisdropped"""


@dataclass(frozen=True)
class Target:
    """types: of a table's columns, as PostgreSQL calls them. zone: of clock times. dialect: how numbers are written.
    whole: the types with what limits them, like numeric(10,2)."""

    types: dict[str, str]
    whole: dict[str, str]
    zone: str
    dialect: Dialect | None = None

    def fitted(self, rows: pa.Table) -> pa.Table:
        """The rows as the table has them. Raises: JobError that names a column of which a value does not fit."""
        for place, name in enumerate(rows.column_names):
            if name in self.types:
                rows = rows.set_column(place, name, self._fitted(rows.column(place), name))
        return rows

    def casts(self, rows: pa.Table) -> dict[str, str]:
        """Columns that the database has to turn into a type of its own, and which."""
        return {
            name: self.whole[name]
            for name in rows.column_names
            if name in self.types and not self._as_it_is(rows.column(name).type, self.types[name])
        }

    def _as_it_is(self, kind: pa.DataType, there: str) -> bool:
        if there in PLAIN:
            return True
        if there in (ZONED, CLOCK):
            return bool(pa.types.is_timestamp(kind))
        exact = {"boolean": pa.types.is_boolean, "date": pa.types.is_date, "bytea": pa.types.is_binary}
        return there in exact and bool(exact[there](kind))

    def _fitted(self, column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
        there = self.types[name]
        if there in PLAIN:
            return self._cast(column, name, PLAIN[there])
        if there in (ZONED, CLOCK, "date"):
            return self._timed(column, name, there)
        return column

    def _cast(self, column: pa.ChunkedArray, name: str, wanted: pa.DataType) -> pa.ChunkedArray:
        if pa.types.is_nested(column.type) or (
            pa.types.is_decimal(column.type) and not pa.types.is_string(wanted)
        ):
            column = cells.raw(column)
        try:
            cast = column if column.type == wanted else column.cast(wanted)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise self._unfit(name, str(column.type)) from None
        if pa.types.is_float32(wanted) and pa.types.is_float64(column.type):
            lost = np.asarray(pc.and_(pc.is_finite(column), pc.is_inf(cast)).fill_null(False))
            if lost.any():
                raise self._unfit(name, cells.shown(column, int(np.flatnonzero(lost)[0])))
        return cast

    def _timed(self, column: pa.ChunkedArray, name: str, there: str) -> pa.ChunkedArray:
        """A time without a zone is a clock time in the loop's zone, in a row and in a column alike."""
        if there == "date" and pa.types.is_date(column.type):
            return column
        read = convert(cells.raw(column), "timestamp", self.zone, name, self.dialect)
        if read.bad.any():
            raise self._unfit(
                name, f"{cells.shown(column, int(np.flatnonzero(read.bad)[0]))}, which is no time"
            )
        instants = read.values.cast(pa.timestamp("us", "UTC"))
        if there == ZONED:
            return pa.chunked_array([instants])
        clock = pc.local_timestamp(instants.cast(pa.timestamp("us", self.zone)))
        return pa.chunked_array(
            [pc.floor_temporal(clock, unit="day").cast(pa.date32()) if there == "date" else clock]
        )

    def _unfit(self, name: str, brings: str) -> JobError:
        seen = f"The column {name} of the table holds {self.types[name]}, and a row brings {brings}; it does not fit."
        return JobError("The table takes no rows", seen, MEND)


def of(cursor: Any, quoted: str, zone: str, dialect: Dialect | None) -> Target | None:
    """Of a table of PostgreSQL; None if it is not there."""
    cursor.execute(TYPES.format(quoted.replace("'", "''")))
    found = cursor.fetchall()
    if not found:
        return None
    return Target(
        {name: kind for name, kind, _ in found}, {name: whole for name, _, whole in found}, zone, dialect
    )
