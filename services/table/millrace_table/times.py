"""Instants from text: naive clock times are cut in the loop's time zone, everything is kept in UTC."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.tables import DateOrder, Dialect
from millrace_table import moments
from millrace_table.hands import Hand
from millrace_table.refusals import Unreadable

EPOCH = datetime(1970, 1, 1)
FIRST, LAST = ((end - EPOCH) // timedelta(microseconds=1) for end in (datetime.min, datetime.max))
"""The first and last microsecond of the years 1 to 9999; beyond them databases write what never ends."""
SLOT = 15 * 60 * 1_000_000
"""Offsets of time zones change on quarters of an hour (microseconds)."""
TYPE = pa.timestamp("us", "UTC")
CLOCKS = r"^(1[89]|2[01])\d{2}-\d{2}-\d{2}[ T]([01]\d|2[0-3]):[0-5]\d:[0-5]\d$"
"""How programs write clock times of the years that are read, 1800 to 2199."""
INSTANTS = CLOCKS.replace("$", "Z$")
Integers = npt.NDArray[np.int64]


AT_ONCE = 1 << 16
"""Texts that Python holds at once: a file may have as many different times as rows."""


def looks_like_time(texts: pa.Array, dialect: Dialect | None) -> bool:
    """Whether every text is a date or time in a form that means nothing else (a few are tried before all are)."""
    if any(_clocks(texts, form) is not None for form in (CLOCKS, INSTANTS)):
        return True
    first = texts.slice(0, 1000).to_pylist()
    order = order_of(first, dialect) or _proven(texts)
    return all(_is_time(text, order) for text in first[:20]) and all(
        _is_time(text, order) for some in _slices(texts) for text in some
    )


def _proven(texts: pa.Array) -> DateOrder | None:
    proof = moments.Proof()
    for some in _slices(texts):
        proof.add(some)
    return proof.order


def _slices(texts: pa.Array) -> Iterator[list[str]]:
    return (texts.slice(first, AT_ONCE).to_pylist() for first in range(0, len(texts), AT_ONCE))


def order_of(texts: list[str], dialect: Dialect | None) -> DateOrder | None:
    """Which number of 03/04/2024 is the day: as the dialect says, else as these texts prove."""
    said = None if dialect is None else dialect.date_order
    return said or moments.proven_order(texts)


def _is_time(text: str, order: DateOrder | None) -> bool:
    certain = moments.DIGITS.fullmatch(text) is None and moments.MONTHLY.fullmatch(text) is None
    return certain and moments.moment(text, order) is not None


@dataclass(frozen=True)
class Zones:
    """A time with an offset and one without, where there are any: both together cannot be put in order."""

    aware: str = ""
    naive: str = ""

    def check(self, name: str) -> None:
        """Raises: Unreadable if some times of the column have an offset and others none."""
        if self.aware and self.naive:
            raise Unreadable(
                "time zones",
                "Some times have an offset and others have none.",
                "Write every time in UTC, like 2024-05-03T12:00:00Z, or every time as a clock time without offset.",
                column=name,
                allowed="one way of writing times",
                examples=[self.aware, self.naive],
            )

    def beside(self, other: "Zones") -> "Zones":
        """Those of both, the first of each."""
        return Zones(self.aware or other.aware, self.naive or other.naive)


def from_text(
    column: pa.ChunkedArray, timezone: str, name: str, dialect: Dialect | None, hand: Hand | None = None
) -> tuple[pa.Array, Zones]:
    """Instants (null where a text is no time), and how they are written.

    Args:
        hand: how the whole column is written; None: as the dialect says, and these texts show.
    Raises: Unreadable if some have an offset and others none.
    """
    plain = _plain(column, timezone)
    if plain is not None:
        return plain
    encoded = column.combine_chunks().dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    told = [text for text in texts if text is not None]
    order = order_of(told, dialect) if hand is None else hand.order
    parsed = [None if text is None else moments.moment(text, order) for text in texts]
    zones = _zones([moment for moment in parsed if moment is not None])
    zones.check(name)
    micros = np.array([_micros(moment) for moment in parsed], np.int64)
    naive = np.array([moment is not None and moment.tzinfo is None for moment in parsed], bool)
    micros[naive] = localize(micros[naive], timezone)
    readable = pa.array(micros, pa.int64(), mask=np.array([moment is None for moment in parsed], bool))
    return readable.cast(TYPE).take(encoded.indices), zones


def _clocks(column: pa.ChunkedArray | pa.Array, form: str) -> pa.ChunkedArray | None:
    """Microseconds since 1970 of texts that are all written in a *form* and are times of the calendar; else None."""
    if not pc.all(pc.match_substring_regex(column, form), min_count=0).as_py():
        return None
    try:
        return pc.utf8_slice_codeunits(column, 0, 19).cast(pa.timestamp("us")).cast(pa.int64())
    except pa.ArrowInvalid:
        return None


def _plain(column: pa.ChunkedArray, timezone: str) -> tuple[pa.Array, Zones] | None:
    """The same by Arrow, where every text is written like 2024-05-03 12:00:00 or 2024-05-03T12:00:00Z; else None."""
    for form, marked in ((CLOCKS, ""), (INSTANTS, "Z")):
        local = _clocks(column, form)
        if local is None:
            continue
        single = local.combine_chunks()
        none, micros = np.asarray(single.is_null()), np.asarray(single.fill_null(0), np.int64)
        utc = micros if marked else localize(micros, timezone)
        first = next((text.as_py() for text in column if text.is_valid), "")
        said = datetime.fromisoformat(first).isoformat() if first else ""
        zones = Zones(aware=said) if marked else Zones(naive=said)
        return pa.array(utc, pa.int64(), mask=none).cast(TYPE), zones
    return None


def localize(local: Integers, timezone: str) -> Integers:
    """Microseconds since 1970 in UTC of clock times in *timezone*; of an hour that comes twice the first."""
    slots, inverse = np.unique(local // SLOT, return_inverse=True)
    zone = ZoneInfo(timezone)
    offsets = [
        (EPOCH + timedelta(microseconds=int(slot) * SLOT)).replace(tzinfo=zone).utcoffset() for slot in slots
    ]
    micros = np.array([(offset or timedelta()) // timedelta(microseconds=1) for offset in offsets], np.int64)
    return local - micros[inverse] if len(local) else local


def from_numbers(values: npt.NDArray[np.float64] | Integers) -> Integers:
    """Microseconds since 1970 of seconds to nanoseconds, by their size; the smallest INT64 for no instant."""
    none = np.iinfo(np.int64).min
    distinct, inverse = np.unique(values, return_inverse=True)
    told = [moments.micros(number) for number in distinct.tolist()]
    return np.array([none if micros is None else micros for micros in told], np.int64)[inverse]


def _micros(moment: datetime | None) -> int:
    if moment is None:
        return 0
    plain = moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
    return (plain - EPOCH) // timedelta(microseconds=1)


def _zones(parsed: list[datetime]) -> Zones:
    aware = next((moment.isoformat() for moment in parsed if moment.tzinfo is not None), "")
    return Zones(aware, next((moment.isoformat() for moment in parsed if moment.tzinfo is None), ""))
