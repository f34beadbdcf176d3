"""How many rows the requests of an endpoint carry: what its forms are measured with."""

import math
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated

from pydantic import Field

from millrace_contracts.fixed import Count, Fixed

LARGEST = 4096
"""Rows in a call with which a form is measured at most."""
Rows = Annotated[int, Field(ge=1, le=LARGEST)]
Sizes = Annotated[dict[str, Count], Field(max_length=LARGEST)]
"""Requests by their rows, as JSON writes numbers that are keys; above a hundred rows rounded up to two digits, and
what has more than LARGEST counts as LARGEST."""
LEAST_REQUESTS = 100
"""With fewer requests a window says nothing of an endpoint's traffic."""


class ClosedDays(Fixed):
    """Closed days, which never change: from *since* up to before *until*."""

    since: date
    until: date


class RequestSizes(Fixed):
    """The sizes of real requests over some closed days."""

    requests: Count
    median: Rows = Field(description="Rows a request: half of the requests have no more.")
    p90: Rows = Field(description="Nine of ten requests have no more.")
    since: date = Field(description="The first of the days.")
    through: date = Field(description="The last of them.")

    @property
    def batches(self) -> list[int]:
        """Rows in a call at which a form has to be faster."""
        return sorted({self.median, self.p90})


def of_days(days: Iterable[tuple[date, Mapping[str, int]]]) -> RequestSizes | None:
    """The sizes over some days; None where there are too few requests to speak of."""
    totals: dict[int, int] = {}
    seen = []
    for day, sizes in days:
        seen += [day] if sizes else []
        for rows, count in sizes.items():
            totals[int(rows)] = totals.get(int(rows), 0) + count
    requests = sum(totals.values())
    if requests < LEAST_REQUESTS:
        return None
    median, p90 = (_at(totals, math.ceil(share * requests)) for share in (0.5, 0.9))
    return RequestSizes(requests=requests, median=median, p90=p90, since=min(seen), through=max(seen))


def _at(totals: Mapping[int, int], place: int) -> int:
    """Rows of the request at that place, the smallest first."""
    behind = 0
    for rows in sorted(totals):
        behind += totals[rows]
        if behind >= place:
            return rows
    return max(totals)
