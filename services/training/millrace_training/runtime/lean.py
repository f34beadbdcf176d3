"""Keeps out of job processes what is imported wherever it is installed, and used by nothing here.

Pandas, which pyarrow and scikit-learn import, costs a second and 60 MB in each process of a job, and a loop run has
about ten of them; the command line of httpx costs a tenth of a second.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

UNUSED = frozenset({"pandas", "httpx._main"})


class _Without(MetaPathFinder):
    """To this process what is unused is not installed."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name in UNUSED:
            raise ModuleNotFoundError(f"{name} is kept out of job processes", name=name)
        return None


def without_unused() -> None:
    """From here on importing what is unused fails in this process, unless it has happened already."""
    if not any(isinstance(finder, _Without) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Without())
