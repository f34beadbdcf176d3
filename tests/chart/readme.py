"""The README's steps on Kubernetes, as lines: run against stand-ins here, and on a cluster by tests/cluster."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PART = re.compile(r"^## On Kubernetes$(.*?)^## ", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def steps() -> str:
    """The block of commands below "On Kubernetes"."""
    found = PART.search((ROOT / "README.md").read_text())
    assert found is not None
    (block,) = BLOCK.findall(found[1])
    return str(block)


def without(text: str, *programs: str) -> str:
    """The lines that do not begin with one of *programs*; none of those is continued on another."""
    return "".join(line for line in text.splitlines(keepends=True) if line.split(" ")[0] not in programs)
