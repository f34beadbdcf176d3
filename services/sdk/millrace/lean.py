"""Keeps out of a process what others import wherever it is installed, and what that process never uses.

Pandas, which pyarrow and scikit-learn import, costs a second and 60 MB in each process of a job, and a loop run has
about ten of them. Colours and the command lines of libraries are a tenth of a service's start.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

SERVICES = frozenset({"httpx._main", "pygments", "rich"})
"""What httpx and structlog import for a terminal, and do without where it is not installed."""
JOBS = frozenset({"httpx._main", "pandas"})
"""What no job of training uses."""


class _Without(MetaPathFinder):
    """To this process *names* are not installed."""

    def __init__(self, names: frozenset[str]) -> None:
        self.names = names

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name in self.names:
            raise ModuleNotFoundError(f"{name} is kept out of this process", name=name)
        return None


def leave_out(names: frozenset[str]) -> None:
    """From here on importing one of *names* fails in this process, unless it has happened already."""
    sys.meta_path.insert(0, _Without(names))
