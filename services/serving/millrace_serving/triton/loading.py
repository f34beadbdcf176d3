"""How bringing a revision up may end, besides well."""

from collections.abc import Awaitable, Callable

from millrace_serving.triton.repository import Wanted

Fell = Callable[[Wanted, str], Awaitable[Wanted | None]]
"""Notes why a form cannot be used; how its revision has to be loaded now, None if there is no other way."""


class LoadFailed(Exception):
    """A revision cannot be used; the text says why in words for a decision."""


class NotYet(Exception):
    """A revision is on its way; the text says what it waits for."""
