"""How bringing a revision up may end, besides well."""


class LoadFailed(Exception):
    """A revision cannot be used; the text says why in words for a decision."""


class NotYet(Exception):
    """A revision is on its way; the text says what it waits for."""
