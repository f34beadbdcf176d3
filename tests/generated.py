"""How many generated requests each route of a service gets, few or many, and how generated rows are written."""

import json

import pytest
import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines(context, value):
    """Generated rows, a line each; a text as it is, which is seldom a row."""
    rows = value if isinstance(value, list) else [value]
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows).encode()


counted = pytest.mark.parametrize(
    "count",
    [
        pytest.param(4, id="few"),
        pytest.param(60, id="many", marks=[pytest.mark.slow, pytest.mark.timeout(900)]),
    ],
)
