"""Passwords: what may be one, and whether one is right, told in the same time whoever is asked about.

The rules are those of NIST SP 800-63B: length, no composition, nothing that is tried first. Hashes are Argon2id with
the library's parameters (64 MiB, three passes); one that was made with others is made anew when its owner signs in.
"""

import unicodedata
from functools import cache
from typing import TYPE_CHECKING

from millrace_contracts.accounts import LONGEST_PASSWORD, SHORTEST_PASSWORD

if TYPE_CHECKING:
    from argon2 import PasswordHasher

FEWEST = 5
"""Different characters of a password: fewer are a pattern."""
TRIED_FIRST = (
    "password", "passwort", "qwertyuiop", "qwertzuiop", "asdfghjkl", "zxcvbnm", "1q2w3e4r5t", "abcdefghijklmnop",
    "0123456789", "1234567890", "9876543210", "iloveyou", "letmein", "welcome", "changeme", "administrator", "admin",
    "sunshine", "princess", "football", "baseball", "superman", "batman", "dragon", "monkey", "master", "secret",
    "trustno1", "correcthorsebatterystaple", "correct horse battery staple", "millrace", "computer", "internet",
    "default", "guest", "login", "user", "test", "hello", "summer", "winter", "spring", "autumn", "january",
    "february", "march", "april", "june", "july", "august", "september", "october", "november", "december",
)  # fmt: skip
"""Words that are tried before others, alone, twice, and with digits and signs around them."""
LEAST_LEFT = 6
"""Characters of a password besides such words, repeats and digits at its ends."""


class Unfit(ValueError):
    """A password that may not be one; the text says why, and what to take."""


def check(password: str, name: str) -> None:
    """Raises: Unfit for a *password* that is too short, too long, or among the first that are tried for *name*."""
    text = normal(password)
    if len(text) < SHORTEST_PASSWORD:
        raise Unfit(
            f"the password has {len(text)} characters, and needs {SHORTEST_PASSWORD}; take a few words"
        )
    if len(text) > LONGEST_PASSWORD:
        raise Unfit(f"the password has {len(text)} characters; {LONGEST_PASSWORD} is the most")
    if any(unicodedata.category(letter) == "Cc" for letter in text):
        raise Unfit("the password has a control character, which no form can take")
    if len(set(text)) < FEWEST or len(_besides(text.casefold(), name)) < LEAST_LEFT:
        raise Unfit("the password is one of the first that are tried; take a few words, not your name")


def _besides(text: str, name: str) -> str:
    """What is left of *text* without the name, the words that are tried first, and what stands around them."""
    for word in sorted((*TRIED_FIRST, name.casefold()), key=len, reverse=True):
        text = text.replace(word, "") if len(word) > 2 else text
    half = text[: len(text) // 2]
    text = half if half and text == half * 2 else text
    return text.strip("0123456789!?.,-_ #$%&*@+")


def normal(password: str) -> str:
    """One form of what looks the same, however a keyboard makes it."""
    return unicodedata.normalize("NFKC", password)


def hashed(password: str) -> str:
    """Its Argon2id hash, in the PHC format."""
    return _hasher().hash(normal(password))


def is_right(password: str, kept: str) -> bool:
    """Whether *password* is that of the hash *kept*; without one the same work is done, and it is not."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(kept or _nobodys(), normal(password)) and bool(kept)
    except (VerificationError, InvalidHashError):
        return False


def is_old(kept: str) -> bool:
    """Whether a hash was made with other parameters than those of today."""
    return _hasher().check_needs_rehash(kept)


@cache
def _hasher() -> "PasswordHasher":
    """Loaded late: who only uses a platform elsewhere has no need of it."""
    from argon2 import PasswordHasher

    return PasswordHasher()


@cache
def _nobodys() -> str:
    """A hash of no password: what is compared for a name that nobody has."""
    return _hasher().hash("")
