"""What goes into an image, exactly: its .in file names packages, a lock of the platform says which files of them.

An image has no lock of its own, so it cannot have other versions than those that the tests ran with. A lock says of
each package what asked for it (`# via`); from the names in an .in file this leads to all that they need.

`python locked.py <image>` prints the requirements with their hashes, for pip.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ENTRY = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)(?: ; (?P<marker>.*?))? \\$")
VIA = re.compile(r"^ +#(?: via)? +(?!via$)(\S+)", re.MULTILINE)
IMAGE_PYTHON = {
    "python_version": "3.11",
    "python_full_version": "3.11.2",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
}
"""The environment that markers are asked about, whatever Python this is run with."""


@dataclass(frozen=True)
class Locked:
    """One package of a lock. *marker*: where it is needed, empty: everywhere; *via*: the packages that asked for it."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]
    via: frozenset[str]

    def line(self) -> str:
        """As pip takes it; without the marker, which has been answered."""
        return " \\\n    ".join([f"{self.name}=={self.version}", *self.hashes])


def normal(name: str) -> str:
    """A package's name as it is compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read(lock: Path) -> Iterator[Locked]:
    """All packages of a lock that an image's Python needs."""
    for block in re.split(r"\n(?=\S)", lock.read_text().strip()):
        head, _, rest = block.partition("\n")
        entry = ENTRY.match(head)
        if entry is None:
            raise SystemExit(f"{lock}: {head[:80]!r} is no version with hashes")
        marker = entry["marker"] or ""
        if holds(marker):
            hashes = tuple(re.findall(r"--hash=sha256:[0-9a-f]{64}", rest))
            via = frozenset(normal(name) for name in VIA.findall(rest))
            yield Locked(normal(entry["name"]), entry["version"], marker, hashes, via)


def holds(marker: str) -> bool:
    """Whether a marker is true for an image's Python."""
    if not marker:
        return True
    try:
        from packaging.markers import Marker
    except ImportError:  # within an image that is being built: its own pip brings it
        from pip._vendor.packaging.markers import Marker
    return bool(Marker(marker).evaluate(dict(IMAGE_PYTHON)))


def asked(file: Path) -> tuple[list[str], list[Path]]:
    """The packages that an .in file names, with those of the files it refers to, and the locks that bind them."""
    names: list[str] = []
    locks: list[Path] = []
    for line in file.read_text().splitlines():
        word, _, rest = line.partition("#")[0].strip().partition(" ")
        if word in ("-r", "-c"):
            other = file.parent / rest.strip()
            more = asked(other) if word == "-r" else ([], [other])
            names += more[0]
            locks += more[1]
        elif word:
            names.append(normal(re.split(r"[\[=<>~!;]", word)[0]))
    return names, locks


def requirements(image: str) -> list[Locked]:
    """Everything that an image installs, by name. Raises: SystemExit for a name that no lock has."""
    names, locks = asked(HERE / f"{image}.in")
    there: dict[str, Locked] = {}
    for lock in locks:
        there = {item.name: item for item in read(lock)} | there
    missing = sorted(set(names) - set(there))
    if missing:
        raise SystemExit(f"{image}.in: not in {[lock.name for lock in locks]}: {missing}")
    chosen = set(names)
    while more := {name for name, item in there.items() if item.via & chosen} - chosen:
        chosen |= more
    return [there[name] for name in sorted(chosen)]


def text(image: str) -> str:
    """The requirements of an image, for pip with --require-hashes."""
    return "\n".join(item.line() for item in requirements(image)) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text(sys.argv[1]))
