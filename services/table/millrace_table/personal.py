"""Finds columns that hold personal data, by what their values are; no value is ever repeated in what is told.

A column counts when most of its different values are of a kind. Kinds with a check digit, and ways of writing that
nothing else has, need no more; what numbers alone could be by chance (telephone numbers) needs a name that says so.
"""

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc
from stdnum import iban, luhn

from millrace_table import moments, national_ids, person_names

ROWS, VALUES = 5_000, 300
"""Rows, from all over the table, and different values of a column that are looked at."""
LEAST = 5
"""Different values below which nothing can be said."""
MOST = 0.8
"""Share of the different values that must be of a kind."""
INSIDE = 0.01
"""Share of texts that hold an e-mail address, IBAN or card number among other words."""
REGIONS = (
    "US GB DE FR IT ES NL BE CH AT PL CZ SE NO DK FI PT IE GR HU RO TR UA BR MX AR IN CN JP KR AU ZA NG EG"
)

MAIL = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)*\.[A-Za-z]{2,24}\b")
BANK = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b")
CARDS = re.compile(r"[2-6]\d{12,18}")
CARD = re.compile(r"(?<![\w.])(?:3[47]\d{2}|[2456]\d{3})(?:[ -]?\d{4}){2}[ -]?\d{3,4}(?![\w.])")
EXTENSION = r"(\s*(ext|x)\.? ?\d+)?"
DIALLED = re.compile(r"((\+|00|\(|0)[\d\s()/.-]{6,20}|\d{3}([-. ])\d{3}\3\d{4})" + EXTENSION)
ANY = re.compile(r"[\d+(][\d\s()/.-]{5,20}" + EXTENSION)
NUMBERED = re.compile(r"\d{7,15}")
PHONE = re.compile(r"phone|tele|(^|_| )tel($|_| |\.)|mobil|cell|handy|fax|movil|whats", re.I)


@dataclass(frozen=True)
class Personal:
    """A column with personal data: which kind, and the share of its different values that are of it."""

    column: str
    kind: str
    share: float

    @property
    def words(self) -> str:
        """Like "'contact' holds e-mail addresses (100 % of its values)"."""
        share = (
            f"{self.share:.0%} of its values" if self.share >= MOST else f"in {self.share:.1%} of its values"
        )
        return f"'{self.column}' holds {self.kind} ({share})"


def search(table: pa.Table, left_out: Sequence[str | None] = ()) -> list[Personal]:
    """The columns of *table* (typed or raw) that hold personal data, but for those *left_out*."""
    step = max(1, table.num_rows // ROWS)
    sample = table.take(pa.array(range(0, table.num_rows, step))) if step > 1 else table
    kept = [name for name in sample.column_names if name not in left_out]
    told = [_of_column(name, sample.column(name)) for name in kept]
    return [item for item in told if item is not None]


def _of_column(name: str, values: pa.ChunkedArray) -> Personal | None:
    if pa.types.is_integer(values.type):
        texts = _texts(values.cast(pa.string()))
        return _numbers(name, texts) if len(texts) >= LEAST else None
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        return None
    texts = _texts(values)
    if len(texts) < LEAST:
        return None
    return _written(name, texts) or _numbers(name, texts) or _among_words(name, texts)


def _texts(values: pa.ChunkedArray) -> list[str]:
    """Different values, trimmed, in the order in which they come; no empty ones."""
    different = pc.unique(values.drop_null()).slice(0, 4 * VALUES).to_pylist()
    return [text for text in dict.fromkeys(value.strip()[:500] for value in different) if text][:VALUES]


def _share(texts: list[str], is_one: Callable[[str], object]) -> float:
    """Share of *texts* that are one; 0 as soon as the first twenty say that it is not most."""
    first = sum(bool(is_one(text)) for text in texts[:20]) / len(texts[:20])
    if first < 0.5 or len(texts) <= 20:
        return first
    return sum(bool(is_one(text)) for text in texts) / len(texts)


def _written(name: str, texts: list[str]) -> Personal | None:
    """What is known by how it is written."""
    kinds: list[tuple[str, Callable[[str], object]]] = [
        ("e-mail addresses", MAIL.fullmatch),
        ("IBANs", lambda text: BANK.fullmatch(text.upper()) and iban.is_valid(text, check_country=False)),
        ("IP addresses", _is_address),
    ]
    for kind, is_one in kinds:
        share = _share(texts, is_one)
        if share >= MOST:
            return Personal(name, kind, share)
    share = person_names.share(name, texts)
    return Personal(name, "names of people", share) if share else None


def _numbers(name: str, texts: list[str]) -> Personal | None:
    """What is known by its check digits, or by a plan of numbers."""
    share = _share(texts, lambda text: CARDS.fullmatch(re.sub("[ -]", "", text)) and luhn.is_valid(text))
    if share >= MOST:
        return Personal(name, "payment card numbers", share)
    for kind, is_one in national_ids.KINDS:
        share = _share(texts, is_one)
        if share >= MOST:
            return Personal(name, f"national ids ({kind})", share)
    share = _phones(texts, bool(PHONE.search(name)))
    return Personal(name, "telephone numbers", share) if share >= MOST else None


def _is_card(text: str) -> bool:
    return bool(CARD.fullmatch(text)) and luhn.is_valid(re.sub(r"\D", "", text))


def _is_address(text: str) -> bool:
    """An address of a machine; four small numbers with points are rather a version."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address.version == 6 or any(int(part) > 31 for part in text.split("."))


def _phones(texts: list[str], named: bool) -> float:
    """The share that one country's plan, or none for numbers with a country code, takes for telephone numbers."""
    if _share(texts, moments.ORDERED.fullmatch) >= MOST:
        return 0.0
    shape = ANY if named else DIALLED
    if _share(texts, shape.fullmatch) < MOST or (not named and _share(texts, NUMBERED.fullmatch) > 0.2):
        return 0.0
    regions: list[str | None] = [None, *REGIONS.split()]
    return max(_share(texts, partial(_dials, region=region, named=named)) for region in regions)


def _dials(text: str, region: str | None, named: bool) -> bool:
    """Whether it is a number of that plan; of a column that says so it is enough that it could be one."""
    try:
        number = phonenumbers.parse("+" + text[2:] if text.startswith("00") else text, region)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_possible_number(number) if named else phonenumbers.is_valid_number(number)


def _among_words(name: str, texts: list[str]) -> Personal | None:
    """Addresses and account numbers among other words, as remarks and letters hold them."""
    kinds: list[tuple[str, Callable[[str], object]]] = [
        ("e-mail addresses", MAIL.search),
        ("IBANs", lambda text: any(iban.is_valid(one, check_country=False) for one in BANK.findall(text))),
        ("payment card numbers", lambda text: any(_is_card(one) for one in CARD.findall(text))),
    ]
    for kind, holds in kinds:
        count = sum(bool(holds(text)) for text in texts)
        if count >= 2 and count >= INSIDE * len(texts):
            return Personal(name, kind, count / len(texts))
    return None
