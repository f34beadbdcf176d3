"""What only works because another module happened to import it first is found here, not in production."""

import re
from pathlib import Path

import pytest

SERVICES = Path(__file__).parents[2] / "services"
UNBOUND = re.compile(r"\bpa\.(compute|csv|dataset|fs|json|parquet)\b")
"""Submodules that `import pyarrow as pa` alone does not bring."""


@pytest.mark.parametrize("folder", sorted(path.name for path in SERVICES.iterdir() if path.is_dir()))
def test_submodules_of_pyarrow_are_imported_where_they_are_used(folder):
    found = {
        f"{file.relative_to(SERVICES)}: {match[0]}"
        for file in (SERVICES / folder).rglob("*.py")
        for match in UNBOUND.finditer(file.read_text())
    }
    assert found == set()


def test_an_unbound_submodule_is_seen():
    assert UNBOUND.search("answered = pa.compute.max(times)")


def test_every_folder_of_a_package_is_one():
    """A folder without __init__.py can be imported, and is not seen by what checks the import law."""
    packages = [path.parent for path in SERVICES.glob("*/millrace*/__init__.py")]
    folders = {file.parent for package in packages for file in package.rglob("*.py")}
    assert {
        str(folder.relative_to(SERVICES)) for folder in folders if not (folder / "__init__.py").exists()
    } == set()
