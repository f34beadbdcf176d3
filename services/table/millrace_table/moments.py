"""One instant from one cell: the forms in which dates and times are written, and numbers of seconds since 1970.

Pure Python, so that a service that knows nothing of tables reads times as tables do.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from millrace_contracts.tables import DateOrder

ZERO = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST, LATEST = datetime(1800, 1, 1), datetime(2200, 1, 1)
ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?)?( ?(Z|[+-]\d{2}(:?\d{2})?))?")
"""ISO 8601: the form that is known for a time by itself."""
CLOCK = (
    r"(?:[T ,]+ ?(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<part>\d{1,9}))?)?"
    r" ?(?P<half>[AaPp]\.?[Mm]\.?)?)?"
)
ZONE = (
    r"(?: ?(?P<offset>Z|[+-]\d{2}:?\d{2}|[+-]\d{2}|UTC|GMT)| (?P<zone>[A-Z][A-Za-z_]+/[A-Za-z_/+-]+))?"
    r"(?:\[(?P<named>[\w/+-]+)\])?"
)
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH = r"(?P<name>[A-Za-z]{3,9})\.?"
DAY = r"(?P<day>\d{1,2})"
YEAR = r"(?P<year>\d{4})"
WEEKDAY = r"(?:[A-Z][a-z]{2,8},? )?"
ORDERED = re.compile(rf"(?P<first>\d{{1,2}})(?P<sign>[./-])(?P<other>\d{{1,2}})(?P=sign){YEAR}{CLOCK}{ZONE}")
"""03/04/2024: which number is the day is not said."""
SHORT = re.compile(rf"\d{{1,2}}([./ -])(?:\d{{1,2}}|[A-Za-z]{{3}})\1\d{{2}}{CLOCK}{ZONE}")
"""03/04/24, 03-Apr-24: of which century is not said either."""
FORMS = [
    re.compile(form + CLOCK + ZONE)
    for form in (
        rf"{YEAR}(?P<sign>[-/.])(?P<month>\d{{1,2}})(?P=sign){DAY}",
        rf"{WEEKDAY}{DAY}(?:st|nd|rd|th)?[ -]{MONTH}[ -]{YEAR}",
        rf"{WEEKDAY}{MONTH} {DAY}(?:st|nd|rd|th)?,? {YEAR}",
    )
]
COMPACT = re.compile(r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})(?:T?(?P<clock>\d{6})Z?)?")
MONTHLY = re.compile(r"(?P<year>\d{4})-(?P<month>\d{2})")
DIGITS = re.compile(r"-?\d{1,19}(\.\d{1,9})?")
FIRST_EPOCH = 100_000_000
"""Digits in a text are seconds since 1970 from here on (1973): smaller ones are years, or dates like 20240503."""
END = 7_258_118_400
"""Seconds since 1970 at the end of 2199."""
UNITS = (1, 1_000, 1_000_000, 1_000_000_000)
"""Ticks a second of seconds, milliseconds, microseconds and nanoseconds."""


def moment(text: str, order: DateOrder | None) -> datetime | None:
    """The instant (aware) or clock time (naive) that *text* says, or None.

    Args:
        order: which number of 03/04/2024 is the day; None: such a text is no time.
    """
    try:
        read = _iso(text) if ISO.fullmatch(text) else _written(text, order)
    except (ValueError, OverflowError, KeyError, OSError):
        return None
    return read if read is not None and EARLIEST <= read.replace(tzinfo=None) < LATEST else None


def micros(number: int | float) -> int | None:
    """Microseconds since 1970 of a number of seconds, milliseconds, microseconds or nanoseconds, told by its size.

    From 1973 on until 2200 the four never overlap; None for what is none of them.
    """
    for unit in UNITS:
        seconds = abs(number) / unit
        if seconds < END and (unit == 1 or seconds >= FIRST_EPOCH):
            exact = (
                number * 1_000_000 // unit if isinstance(number, int) else round(number * (1_000_000 / unit))
            )
            return int(exact)
    return None


def proven_order(texts: list[str]) -> DateOrder | None:
    """Day or month first, where a number above 12 proves it in at least one text and none proves the other."""
    proof = Proof()
    proof.add(texts)
    return proof.order


class Proof:
    """What texts prove of the order of day and month, some of them at a time."""

    def __init__(self) -> None:
        self._days = self._months = False

    def add(self, texts: list[str]) -> None:
        """Hear more texts."""
        pairs = [(int(m["first"]), int(m["other"])) for m in map(ORDERED.fullmatch, texts) if m is not None]
        self._days |= any(first > 12 for first, _ in pairs)
        self._months |= any(other > 12 for _, other in pairs)

    @property
    def order(self) -> DateOrder | None:
        """What they prove together."""
        return None if self._days == self._months else "dmy" if self._days else "mdy"


def _iso(text: str) -> datetime:
    return datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-").replace(" Z", "Z"))


def _written(text: str, order: DateOrder | None) -> datetime | None:
    ordered = ORDERED.fullmatch(text)
    if ordered is not None:
        if order not in ("dmy", "mdy"):
            return None
        names = ("first", "other") if order == "dmy" else ("other", "first")
        day, month = (int(ordered[name]) for name in names)
        return _clocked(ordered, month, day)
    for form in FORMS:
        match = form.fullmatch(text)
        if match is not None:
            groups = match.groupdict()
            month = int(groups["month"]) if groups.get("month") else _month(match["name"])
            return _clocked(match, month, int(match["day"]))
    return _digits(text)


def _month(name: str) -> int:
    """Raises: ValueError for a word that is no English month."""
    if name.lower() not in _names():
        raise ValueError(name)
    return MONTHS.index(name[:3].lower()) + 1


def _names() -> set[str]:
    whole = "january february march april may june july august september october november december sept"
    return {*MONTHS, *whole.split()}


def _clocked(match: re.Match[str], month: int, day: int) -> datetime:
    """Raises: ValueError, KeyError for a date, time or zone that there is not."""
    hour = int(match["hour"] or 0)
    if match["half"]:
        if not 1 <= hour <= 12:
            raise ValueError("no such hour")
        hour = hour % 12 + (12 if match["half"][0] in "pP" else 0)
    part = int((match["part"] or "0").ljust(6, "0")[:6])
    plain = datetime(
        int(match["year"]), month, day, hour, int(match["minute"] or 0), int(match["second"] or 0), part
    )
    zone = match["zone"] or match["named"]
    if match["offset"]:
        return plain.replace(tzinfo=_offset(match["offset"]))
    return plain.replace(tzinfo=ZoneInfo(zone)) if zone else plain


def _offset(text: str) -> timezone:
    if text in ("Z", "UTC", "GMT"):
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(ahead if text[0] == "+" else -ahead)


def _digits(text: str) -> datetime | None:
    monthly = MONTHLY.fullmatch(text)
    if monthly:
        return datetime(int(monthly["year"]), int(monthly["month"]), 1)
    compact = COMPACT.fullmatch(text)
    if compact and not _is_epoch(text):
        date = datetime(int(compact["year"]), int(compact["month"]), int(compact["day"]))
        clock = compact["clock"] or "000000"
        plain = date.replace(hour=int(clock[:2]), minute=int(clock[2:4]), second=int(clock[4:]))
        return plain.replace(tzinfo=UTC) if text.endswith("Z") else plain
    if not _is_epoch(text):
        return None
    ticks = micros(int(text) if text.lstrip("-").isdigit() else float(text))
    return None if ticks is None else ZERO + timedelta(microseconds=ticks)


def _is_epoch(text: str) -> bool:
    if DIGITS.fullmatch(text) is None:
        return False
    number = float(text)
    return abs(number) >= FIRST_EPOCH and micros(number) is not None
