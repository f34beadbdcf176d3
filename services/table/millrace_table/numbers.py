"""Numbers as people write them: signs of currency, per cent, thousands, brackets, and either decimal sign.

A cell that can be read in one way only is read so. `1,234` can be read in two: then the other cells decide (no column
has two decimal signs), else the dialect, and where nothing does it is no number.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Literal, cast

from millrace_contracts.tables import Dialect

Decimals = Literal[".", ","]
Thousands = Literal["", ",", "."]
PLAIN = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$"
"""A number as programs write it."""
LARGEST = 3.4028234663852886e38
"""The largest number that a model can be asked about (float32); what is beyond is infinite."""
SPACES = "\u00a0\u2009\u202f '\u2019_"
"""What else may stand between groups of three digits."""
CODES = "AUD|BRL|CAD|CHF|CNY|CZK|DKK|EUR|GBP|HUF|INR|JPY|KRW|MXN|NOK|NZD|PLN|RUB|SEK|TRY|USD|ZAR"
CURRENCY = rf"(?:(?:US|CA|AU|HK|NZ|[AR])?\$|[€£¥₹₽₩₺₴₫₪฿]|{CODES}|kr\.?|Fr\.|zł|Kč|Rs\.?)"
WRITTEN = re.compile(
    rf"(?P<open>\()?\s*(?P<sign>[+-])?\s*(?P<before>{CURRENCY})?\s*(?P<inner>[+-])?"
    rf"(?P<body>[\d.,{SPACES}]*\d[.,]?)(?P<exponent>[eE][+-]?\d{{1,3}})?"
    rf"\s*(?P<after>{CURRENCY}|%)?\s*(?P<behind>-)?\s*(?P<close>\))?"
)
INFINITE = re.compile(r"[+-]?(inf|infinity|∞)", re.IGNORECASE)
GROUPED = re.compile(
    rf"\d{{1,3}}(?:(?P<sign>[.,{SPACES}])\d{{3}})(?:(?P=sign)\d{{3}})*|\d{{1,2}}(?:,\d{{2}})+,\d{{3}}"
)
ALIKE = str.maketrans("\u2212\u2013\uff0d\uff0b\uff0e\uff0c\uff05\u066b\u066c\u066a", "--" + "-+.,%.,%")
"""Signs of other scripts that mean what ASCII has: dashes, full-width signs, and Arabic decimal and thousands signs."""
PROOF = 10
"""Different cells like `1,234` that prove thousands, where shorter numbers stand beside them without a sign."""


@dataclass(frozen=True)
class Style:
    """What a column's point and comma mean; None: not known, then what can be read in two ways is no number."""

    decimal: Decimals | None = None
    thousands: Thousands | None = None


@dataclass(frozen=True)
class Parts:
    """A written number taken apart: its digits as they stand, what it is multiplied with, and its sign."""

    body: str
    exponent: int
    negative: bool
    dressed: bool
    """Whether a sign of currency, per cent or brackets stand around it."""


def parts(text: str) -> Parts | None:
    """The parts of what may be a number, or None."""
    match = WRITTEN.fullmatch(text.translate(ALIKE))
    if match is None or (match["open"] is None) != (match["close"] is None):
        return None
    signs = [sign for sign in (match["sign"], match["inner"], match["behind"], match["open"]) if sign]
    if len(signs) > 1 or (match["before"] and match["after"]):
        return None
    exponent = int((match["exponent"] or "e0")[1:]) - (2 if match["after"] == "%" else 0)
    dressed = bool(match["before"] or match["after"] or match["open"] or match["behind"])
    return Parts(match["body"], exponent, bool(signs and signs[0] != "+"), dressed)


def value(text: str, style: Style) -> Decimal | None:
    """The number that *text* is, exactly; infinity for what is written so; None for what is no number."""
    if INFINITE.fullmatch(text):
        return Decimal("-Infinity") if text.startswith("-") else Decimal("Infinity")
    seen = parts(text)
    digits = None if seen is None else _digits(seen.body, style)
    if seen is None or digits is None:
        return None
    try:
        number = Decimal(digits).scaleb(seen.exponent)
    except InvalidOperation:
        return None
    return -number if seen.negative and number else number


def is_plain(body: str) -> bool:
    """Whether what is a decimal sign in a number's digits can be read in one way only, like `0.5` and `1.234,5`."""
    return bool(_claim(body).decimal)


def in_two_ways(text: str) -> bool:
    """Whether it is a number whose one sign may be decimal as well as for thousands, like `1,234`."""
    seen = parts(text)
    return seen is not None and bool(_claim(seen.body).either)


def spaced(text: str) -> bool:
    """Whether digits in groups are all there is: `555 123` may as well be a code."""
    return re.fullmatch(r"\d{1,3}([ _]\d{3})+", text) is not None


def grouping(text: str) -> Literal["", " ", "'", "_"]:
    """What stands between groups of three digits in what can be nothing but a number, like `1 234,50` or `1 234 €`."""
    seen = parts(text)
    grouped = None if seen is None else re.match(rf"\d{{1,3}}([{SPACES}])\d{{3}}(?!\d)", seen.body)
    if seen is None or grouped is None or not (seen.dressed or re.search(r"[.,]\d", seen.body)):
        return ""
    return "'" if grouped[1] in "'\u2019" else "_" if grouped[1] == "_" else " "


def style_of(texts: Iterable[str], dialect: Dialect | None) -> Style | None:
    """What point and comma mean in a column, by its own cells first, then by the *dialect*.

    Args:
        texts: its different cells.
    Returns: None if the cells contradict each other, so that the column is not one of numbers.
    """
    claims = Claims()
    claims.add(texts)
    return claims.style(dialect)


class Claims:
    """What the cells of a column say of its point and comma, some of them at a time."""

    def __init__(self) -> None:
        self._decimals: set[str] = set()
        self._thousands: set[str] = set()
        self._either: dict[str, str] = {}
        self._lengths: set[bool] = set()

    def add(self, texts: Iterable[str]) -> None:
        """Hear different cells."""
        for text in texts:
            seen = parts(text)
            if seen is None:
                continue
            claim = _claim(seen.body)
            if claim.either:
                self._hear(text, claim.either)
                continue
            self._lengths.add(claim.digits > 3)
            self._decimals |= {claim.decimal} - {""}
            self._thousands |= {claim.thousands} - {""}

    def _hear(self, text: str, sign: str) -> None:
        """Remember who may be read in two ways: as many as prove something, and every sign."""
        if len(self._either) < PROOF or sign not in self._either.values():
            self._either[text] = sign

    def style(self, dialect: Dialect | None) -> Style | None:
        """What they mean together; None if they contradict each other."""
        decimals, thousands = self._decimals, self._thousands
        if len(decimals) > 1 or len(thousands) > 1 or decimals & thousands:
            return None
        own = next(iter(decimals), None) or _other(next(iter(thousands), None))
        said = dialect or Dialect()
        if own is not None:
            other = _other(own)
            grouped = bool(thousands) or said.thousands == other or other in self._either.values()
            return _style(own, other if grouped else "")
        if said.decimal is not None:
            return _style(said.decimal, said.thousands if said.thousands == _other(said.decimal) else "")
        return self._likely()

    def _likely(self) -> Style:
        """The style where every cell with a sign could be read in two ways."""
        either = set(self._either.values())
        if either <= {"."}:
            return Style(".", "")  # as programs write it
        if len(either) > 1 or not self._lengths:
            return Style()
        if True in self._lengths:
            return Style(",", "")
        return Style(".", ",") if len(self._either) >= PROOF else Style()


def _style(decimal: str, thousands: str | None) -> Style:
    return Style(cast("Decimals", decimal), cast("Thousands", thousands or ""))


@dataclass(frozen=True)
class Claim:
    """What one cell says: a sign that must be decimal, one that must be thousands, or one that may be either."""

    decimal: str = ""
    thousands: str = ""
    either: str = ""
    digits: int = 0


def _claim(body: str) -> Claim:
    signs = [sign for sign in body if sign in ".,"]
    if not signs:
        return Claim(digits=len(body))
    last = signs[-1]
    if len(set(signs)) == 2:
        return Claim(decimal=last, thousands=signs[0]) if signs.count(last) == 1 else Claim()
    if len(signs) > 1:
        return Claim(thousands=last)
    grouped = GROUPED.fullmatch(body) is not None and not body.startswith("0")
    return Claim(either=last) if grouped else Claim(decimal=last)


def _other(sign: str | None) -> str | None:
    return {",": ".", ".": ","}.get(sign or "")


def _digits(body: str, style: Style) -> str | None:
    """The digits with a point before the fraction; None if they cannot be read, or in two ways."""
    claim = _claim(body)
    decimal, thousands = claim.decimal, claim.thousands
    if claim.either:
        if style.thousands == claim.either:
            thousands = claim.either
        elif style.decimal == claim.either:
            decimal = claim.either
        else:
            return None
    whole, _, fraction = body.partition(decimal) if decimal else (body, "", "")
    plain = re.fullmatch(r"\d*", whole) is not None
    if not plain and (GROUPED.fullmatch(whole) is None or (thousands and thousands not in whole)):
        return None
    if re.fullmatch(r"\d*", fraction) is None:
        return None
    digits = re.sub(r"\D", "", whole)
    return f"{digits or '0'}.{fraction or '0'}" if digits or fraction else None
