"""Databases that a service or a command has to make itself."""

import pytest
from tests import postgresql as databases


@pytest.fixture
def fresh(postgresql):
    """URLs of databases that do not exist yet."""
    return lambda user="postgres": databases.url(postgresql, databases.new_name(), user)
