"""Keeps pandas out of job processes: pyarrow and scikit-learn import it wherever it is installed, nothing here uses it.

That costs a second and 60 MB in each process of a job, and a loop run has about ten of them.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class _NoPandas(MetaPathFinder):
    """To this process pandas is not installed."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == "pandas":
            raise ModuleNotFoundError("pandas is kept out of job processes", name=name)
        return None


def without_pandas() -> None:
    """From here on `import pandas` fails in this process, unless it has happened already."""
    if not any(isinstance(finder, _NoPandas) for finder in sys.meta_path):
        sys.meta_path.insert(0, _NoPandas())
