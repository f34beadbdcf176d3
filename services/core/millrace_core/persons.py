"""Who somebody is to the records: by what they are known, and the name that is shown; whether two are the same one."""

from collections.abc import Iterable
from dataclasses import dataclass

from millrace_core.names import shortened

LONGEST_PERSON = 253
"""Characters of a name, and of what somebody is known by."""
ADDRESS = "://"


@dataclass(frozen=True)
class Person:
    """*name*: as records show it. *identifier*: issuer and subject of their tokens, which no new name changes; empty:
    they are known by their name alone, as service accounts and tokens of the file are. *formerly*: names under which
    records that are older know the same one."""

    name: str
    identifier: str = ""
    formerly: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """By what the same one is found again: the identifier, or the name however it is written."""
        return self.identifier or by_name(self.name)

    def is_one_of(self, names: Iterable[str], identifiers: Iterable[str]) -> bool:
        """Whether they are among those: by the identifier, or by a name of now or then.

        The name counts too: records of before identifiers have nothing else, and who comes by two issuers under one
        verified address is one person.
        """
        if self.identifier and self.identifier in identifiers:
            return True
        mine = {by_name(name) for name in (self.name, *self.formerly)}
        return not mine.isdisjoint(map(by_name, names))

    def is_named(self, named: Iterable[str]) -> bool:
        """Whether somebody who wrote *named* meant them: names, or identifiers, which have an address in front."""
        known = list(named)
        identifiers = [item for item in known if ADDRESS in item]
        return self.is_one_of((item for item in known if ADDRESS not in item), identifiers)


def person(name: str, identifier: str = "", formerly: tuple[str, ...] = ()) -> Person:
    """All as records keep them: what is longer than their place is told apart by its digest."""
    return Person(shortened(name, LONGEST_PERSON), shortened(identifier, LONGEST_PERSON), formerly)


def by_name(name: str) -> str:
    """Under what a name is known: however it is written, it is the same one."""
    return name.casefold()[:LONGEST_PERSON]
