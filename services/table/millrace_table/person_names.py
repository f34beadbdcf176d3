"""Knows names of people when it sees many of them: given names and family names of 28 languages, from Faker's lists.

One word proves nothing (Paris, April and Austin are given names, too), so that a share of a whole column is judged;
single words need a column name that says what they are, or nearly all of them must be given names.
"""

import importlib
import re
from functools import cache

LANGUAGES = (
    "cs_CZ da_DK de_AT de_CH de_DE el_GR en_GB en_IN en_US es_ES es_MX et_EE fi_FI fr_FR hr_HR hu_HU it_IT nl_NL "
    "no_NO pl_PL pt_BR pt_PT ro_RO ru_RU sl_SI sv_SE tr_TR uk_UA"
)
SAYS_NAME = re.compile(
    r"(^|[\W_])(first|last|full|given|family|middle|sur|fore|maiden)?[\W_]?(name|nom|prenom|nome|nombre|cognome|apellidos?)"
    r"($|[\W_])|vorname|nachname|customer|patient|passenger|employee|contact|author|person|owner|holder|kunde|client",
    re.I,
)
TITLES = {
    "mr",
    "mrs",
    "ms",
    "miss",
    "dr",
    "prof",
    "herr",
    "frau",
    "mme",
    "sr",
    "sra",
    "jr",
    "ii",
    "iii",
    "md",
    "phd",
}
WORDS = re.compile(r"[^\W\d_]+(?:['’.-][^\W\d_]+)*\.?")
PLACE_WORDS = (
    "street st road rd avenue ave lane drive boulevard blvd square park county city airport field intl island islands "
    "river lake mountain university college school hospital church inc ltd llc co corp company gmbh ag group"
)
PLACES = frozenset(PLACE_WORDS.split())
"""Last words of what is called after people."""
WHOLE, NAMED_WHOLE = 0.65, 0.4
"""Share of values that must be whole names; and if the column's name says that they are."""
SINGLE, NAMED_SINGLE, LEAST_SINGLE = 0.9, 0.5, 20
"""Share of single words that must be given names, of how many different ones; and if the column's name says so."""


@cache
def _lists() -> tuple[frozenset[str], frozenset[str]]:
    """Given and family names in small letters."""
    given: set[str] = set()
    family: set[str] = set()
    for language in LANGUAGES.split():
        names = importlib.import_module(f"faker.providers.person.{language}").Provider
        for attribute, into in (("first_names", given), ("last_names", family)):
            for form in ("", "_male", "_female"):
                into.update(str(name).casefold() for name in getattr(names, attribute + form, ()))
    return frozenset(given), frozenset(family)


def share(column: str, texts: list[str]) -> float:
    """The share of *texts* that are names of people; 0 if that is too little for a column of this name."""
    words = [_words(text) for text in texts]
    short = [item for item in words if item and len(item) <= 5]
    if len(short) < NAMED_WHOLE * len(texts):
        return 0.0
    says = bool(SAYS_NAME.search(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column)))
    whole = sum(len(item) > 1 and _is_whole(item) for item in short) / len(texts)
    if whole >= (NAMED_WHOLE if says else WHOLE):
        return whole
    given, family = _lists()
    single = [item[0] for item in short if len(item) == 1]
    known = sum(word in given or (says and word in family) for word in single) / len(texts)
    enough = known >= NAMED_SINGLE if says else known >= SINGLE and len(texts) >= LEAST_SINGLE
    return known if enough else 0.0


def _words(text: str) -> list[str]:
    """The words of a text of words alone, in small letters, without titles; of any other text none.

    Of a text like `Noether, Emmy` what stands behind the comma comes first.
    """
    parts = " ".join(reversed(text.split(",", 1))).replace(",", " ").split()
    if not parts or len(parts) > 7 or not all(WORDS.fullmatch(part) for part in parts):
        return []
    if not all(part[0].isupper() or len(part) <= 3 for part in parts) and not text.islower():
        return []
    return [word for word in (part.casefold().rstrip(".") for part in parts) if word not in TITLES]


def _is_whole(words: list[str]) -> bool:
    """Whether a given name stands at one end, and what may be a family name or an initial at the other."""
    given, family = _lists()
    first, last = words[0], words[-1]
    if last in PLACES:
        return False
    return (first in given and (last in family or last not in given)) or (last in given and first in family)
