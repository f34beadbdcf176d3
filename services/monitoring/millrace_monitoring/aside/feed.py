"""The registry's decisions behind a number, around those that cannot be read."""

from pydantic import ValidationError

from millrace.transport.errors import ApiError
from millrace_contracts.decisions import DecisionFeed
from millrace_monitoring.aside.queries import Broken
from millrace_monitoring.services import Services

BUG = 500
"""What a service answers that fails on what it reads; one that is away answers otherwise, or not at all."""
MOST = 50
"""Decisions in a row that cannot be read, behind which one is looked for that can."""


async def behind(services: Services, after: int | None, limit: int) -> tuple[list[Broken], DecisionFeed]:
    """Those that cannot be read, and the next page that can. Raises: what the registry's client raises.

    Only where a later one can be read is an earlier one at fault: else it is the registry, and nothing is passed over.
    """
    registry = services.clients.registry
    try:
        return [], await registry.decision_feed(after, limit)
    except (ValidationError, ApiError) as error:
        if after is None or not unreadable(error):
            raise
        first = error
    broken: list[Broken] = []
    for number in range(after, after + MOST):
        try:
            return broken, await registry.decision_feed(number, 1)
        except (ValidationError, ApiError) as error:
            if not unreadable(error):
                raise
            broken.append(Broken(number + 1, why(error)))
    raise first


def unreadable(error: Exception) -> bool:
    """Whether an answer of the registry says that it has something that nobody can read."""
    return isinstance(error, ValidationError) or (isinstance(error, ApiError) and error.status == BUG)


def why(error: Exception) -> str:
    """In a line, what is wrong."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
