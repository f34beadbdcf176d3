"""What a column that is read as text looks like: numbers, times or codes of which something is not as it is read."""

import re
from dataclasses import dataclass

import pyarrow as pa

from millrace_contracts.tables import Dialect
from millrace_table import lasting, moments, numbers, texts
from millrace_table.refusals import words

MOST = 0.8
"""Share of a text column's different cells that make it look like numbers or times."""
LOOKED = 5000
"""So many different cells of a column are looked at."""
UNIT = re.compile(r"[+-]?\d[\d.,]* ?([^\d\s.,+-][^\d\s]{0,9})")
WEEK = re.compile(r"\d{4}-?W\d{2}")
WORDED = re.compile(
    r"(?:[^\W\d]{2,10}\.?,? )?\d{1,2}(?:\.|st|nd|rd|th)?[ -](?:de )?[^\W\d]{3,10}\.?,?[ -](?:de )?\d{4}(?:\D.*)?"
    r"|[^\W\d]{3,10}\.? [^\W\d]{3,10}\.? +\d{1,2} \d{1,2}:\d{2}:\d{2} .*\d{4}"
)
"""Dates with a month in words: 3. Mai 2024, 3 de mayo de 2024, Fri May 3 12:00:00 2024."""


@dataclass(frozen=True)
class Look:
    """What the cells look like, and the remedy; *measures*: they are numbers or times, which name nothing."""

    words: str
    measures: bool = True


def cells(raw: pa.ChunkedArray, dialect: Dialect | None) -> list[str]:
    """Different cells of a column of text that say something; none of one whose file has types."""
    if not pa.types.is_string(raw.type):
        return []
    listed: list[str] = texts.valued(texts.distinct(raw, dialect)).slice(0, LOOKED).to_pylist()
    return listed


def measures(raw: pa.ChunkedArray, dialect: Dialect | None) -> bool:
    """Whether a column of text is likely to be one of numbers or times, so that its cells name no rows."""
    seen = look(cells(raw, dialect))
    return seen is not None and seen.measures


def look(listed: list[str]) -> Look | None:
    """What different cells look like though they are read as text; None: words."""
    code = _codes(listed)
    if code is not None or not listed:
        return code
    for told in (_two_ways, _dates, _nearly_times, _nearly_numbers, _clocks, _worded):
        seen = told(listed)
        if seen is not None:
            return Look(seen)
    return None


def _codes(listed: list[str]) -> Look | None:
    """Digits and exponents that may as well name things."""
    if listed and all(re.fullmatch(r"[+-]?\d+", text) for text in listed):
        why = (
            "some begin with 0"
            if any(re.fullmatch(texts.PADDED, text) for text in listed)
            else "they are too long"
        )
        return Look(f"digits like {listed[0]!r} that are codes and no numbers, as {why}.", measures=False)
    if listed and all(re.fullmatch(r"\d+([eE]\d+)?", text) for text in listed):
        shown = next(text for text in listed if "e" in text.lower())
        mend = f"If they are numbers, write {float(shown):g} with a point, or in full."
        return Look(f"codes like {shown!r}. {mend}", measures=False)
    if listed and all(numbers.spaced(text) for text in listed):
        mend = "If they are numbers, say thousands in the dialect."
        return Look(f"digits like {listed[0]!r}, which may be codes. {mend}", measures=False)
    return None


def _two_ways(listed: list[str]) -> str | None:
    odd = [text for text in listed if numbers.parts(text) is not None]
    if len(odd) < MOST * len(listed):
        return None
    style = numbers.style_of(odd, None)
    if style is None:
        shown = words([next(text for text in odd if sign in text) for sign in ",."], 2)
        return f"numbers with two decimal signs, like {shown}. Write all of them with one."
    if style.decimal is None:
        shown = next(text for text in odd if "," in text or "." in text)
        return f"numbers like {shown!r} can be read in two ways. Say which: decimal and thousands in the dialect."
    return None


def _dates(listed: list[str]) -> str | None:
    if sum(moments.SHORT.fullmatch(text) is not None for text in listed) >= MOST * len(listed):
        return f"dates like {listed[0]!r}, whose years have two digits. Write them with four."
    if all(WEEK.fullmatch(text) for text in listed):
        return f"weeks like {listed[0]!r}. Write the day on which each begins, like 2024-05-03."
    odd = [text for text in listed if moments.ORDERED.fullmatch(text)]
    if len(odd) < MOST * len(listed):
        return None
    mend = "Say it: date_order dmy or mdy in the dialect, or write them like 2024-05-03."
    return f"dates like {odd[0]!r}, and nothing proves which number is the day. {mend}"


def _nearly_times(listed: list[str]) -> str | None:
    order = moments.proven_order(listed)
    odd = [text for text in listed if moments.DIGITS.fullmatch(text) or moments.moment(text, order) is None]
    return _nearly("times", listed, odd)


def _nearly_numbers(listed: list[str]) -> str | None:
    style = numbers.style_of(listed, None) or numbers.Style(".", "")
    odd = [text for text in listed if numbers.value(text, style) is None]
    return _nearly("numbers", listed, odd) or (_unit(listed) if len(odd) == len(listed) else None)


def _unit(listed: list[str]) -> str | None:
    """Numbers that all have the same unit behind them."""
    matches = [UNIT.fullmatch(text) for text in listed]
    units = {match[1] for match in matches if match is not None}
    if None in matches or len(units) != 1:
        return None
    return f"numbers with the unit {units.pop()!r}, like {listed[0]!r}. Give the numbers alone."


def _nearly(what: str, listed: list[str], odd: list[str]) -> str | None:
    if not odd or len(odd) > (1 - MOST) * len(listed):
        return None
    mend = "Correct them, or name them as missing marks in the dialect (--missing)."
    return (
        f"most of it looks like {what}, but {words(odd, 3)} {'is' if len(odd) == 1 else 'are'} none. {mend}"
    )


def _clocks(listed: list[str]) -> str | None:
    if any(lasting.seconds(text) is None for text in listed):
        return None
    return f"times of day or durations, like {listed[0]!r}. With the type number in the contract they are seconds."


def _worded(listed: list[str]) -> str | None:
    if sum(WORDED.fullmatch(text) is not None for text in listed) < MOST * len(listed):
        return None
    return f"dates like {listed[0]!r}, in a form that is not read. Write them like 2024-05-03, or 3 May 2024."
