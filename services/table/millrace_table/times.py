"""Instants from text: naive clock times are cut in the loop's time zone, everything is kept in UTC."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from millrace_table.refusals import Unreadable

PATTERN = re.compile(
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?)?( ?(Z|[+-]\d{2}(:?\d{2})?))?"
)
EPOCH = datetime(1970, 1, 1)
SLOT = 15 * 60 * 1_000_000
"""Offsets of time zones change on quarters of an hour (microseconds)."""
EARLIEST, LATEST = datetime(1800, 1, 1), datetime(2200, 1, 1)
TYPE = pa.timestamp("us", "UTC")
Integers = npt.NDArray[np.int64]


def looks_like_time(texts: pa.Array) -> bool:
    """Whether every text is an ISO 8601 date or time (a few are tried before all are)."""
    values = texts.to_pylist()
    return all(PATTERN.fullmatch(text) for text in values[:20]) and all(
        _parse(text) is not None for text in values
    )


def from_text(column: pa.ChunkedArray, timezone: str, name: str) -> pa.Array:
    """Instants (null where a text is no time).

    Raises: Unreadable if some have an offset and others none, or if offsets are of several zones.
    """
    encoded = column.combine_chunks().dictionary_encode()
    parsed = [_parse(text) for text in encoded.dictionary.to_pylist()]
    _check_zones([moment for moment in parsed if moment is not None], timezone, name)
    micros = np.array([_micros(moment) for moment in parsed], np.int64)
    naive = np.array([moment is not None and moment.tzinfo is None for moment in parsed], bool)
    micros[naive] = localize(micros[naive], timezone)
    readable = pa.array(micros, pa.int64(), mask=np.array([moment is None for moment in parsed], bool))
    return readable.cast(TYPE).take(encoded.indices)


def localize(local: Integers, timezone: str) -> Integers:
    """Microseconds since 1970 in UTC of clock times in *timezone*; of an hour that comes twice the first."""
    slots, inverse = np.unique(local // SLOT, return_inverse=True)
    zone = ZoneInfo(timezone)
    offsets = [
        (EPOCH + timedelta(microseconds=int(slot) * SLOT)).replace(tzinfo=zone).utcoffset() for slot in slots
    ]
    micros = np.array([(offset or timedelta()) // timedelta(microseconds=1) for offset in offsets], np.int64)
    return local - micros[inverse] if len(local) else local


def _parse(text: str) -> datetime | None:
    if not PATTERN.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-").replace(" Z", "Z"))
    except ValueError:
        return None
    return moment if EARLIEST <= moment.replace(tzinfo=None) < LATEST else None


def _micros(moment: datetime | None) -> int:
    if moment is None:
        return 0
    plain = moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
    return (plain - EPOCH) // timedelta(microseconds=1)


def _check_zones(moments: list[datetime], timezone: str, name: str) -> None:
    aware = [moment for moment in moments if moment.tzinfo is not None]
    mend = "Write every time in UTC, like 2024-05-03T12:00:00Z, or every time as a clock time without offset."
    if 0 < len(aware) < len(moments):
        naive = next(moment for moment in moments if moment.tzinfo is None)
        raise Unreadable(
            "time zones",
            "Some times have an offset and others have none.",
            mend,
            column=name,
            allowed="one way of writing times",
            examples=[aware[0].isoformat(), naive.isoformat()],
        )
    offsets = {moment.utcoffset(): moment for moment in aware}
    zone = ZoneInfo(timezone)
    if len(offsets) > 1 and any(
        moment.astimezone(zone).utcoffset() != moment.utcoffset() for moment in aware
    ):
        raise Unreadable(
            "time zones",
            f"Times come with {len(offsets)} offsets, which are not those of {timezone}.",
            mend,
            column=name,
            allowed=f"one offset, or those of {timezone}",
            examples=[moment.isoformat() for moment in offsets.values()],
        )
