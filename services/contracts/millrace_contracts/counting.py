"""How many there are of something, in words: `1 row`, `12 rows`."""


def counted(count: int, one: str, more: str | None = None) -> str:
    """*count* with its word; *more*: the one for all but one, if that is not *one* with an s."""
    return f"{count} {one if count == 1 else more or f'{one}s'}"
