"""Fixtures that every test may use: a PostgreSQL server for the whole session, and databases on it.

And which worker runs what: tests that share a platform run in one worker; what takes longest begins first.
"""

from pathlib import Path

import pytest
from tests import postgresql as databases

TOGETHER = ("tests/loop/", "tests/serving/")
"""Folders whose tests share what is slow to start. (Marks for groups do nothing: pytest 9.2 hides them from xdist.)"""
FIRST = ("loop", "serving", "training/pods", "training/jobs", "sdk/laptop", "controller", "training")
"""Folders whose files take longest: no worker shall begin one of them when the others are done."""


def pytest_collection_modifyitems(items):
    """The folders that take longest first; else the order stays."""
    places = [Path(__file__).parent / name for name in FIRST]

    def rank(item):
        within = (number for number, place in enumerate(places) if place in item.path.parents)
        return next(within, len(places))

    items.sort(key=rank)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Whole files go to one worker, and whole folders that share a platform."""
    from xdist.scheduler import LoadScopeScheduling

    class ByPlace(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = nodeid.partition("::")[0]
            return next((place for place in TOGETHER if file.startswith(place)), file)

    return ByPlace(config, log) if config.getvalue("dist") == "loadscope" else None


@pytest.fixture(scope="session")
def postgresql():
    """One server; databases on it are a test's own."""
    with databases.started() as server:
        yield server


@pytest.fixture
def database(postgresql):
    """URL of a new, empty database."""
    return databases.create(postgresql)
