"""How many generated requests each route of a service gets: a few in the quick suite, many where there is time."""

import pytest

counted = pytest.mark.parametrize(
    "count", [pytest.param(6, id="few"), pytest.param(60, id="many", marks=pytest.mark.slow)]
)
