"""Fixtures that every test may use: a PostgreSQL server for the whole session, and databases on it."""

import pytest
from tests import postgresql as databases


@pytest.fixture(scope="session")
def postgresql():
    """One server; databases on it are a test's own."""
    with databases.started() as server:
        yield server


@pytest.fixture
def database(postgresql):
    """URL of a new, empty database."""
    return databases.create(postgresql)
