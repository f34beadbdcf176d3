"""What a cursor must be, so that both databases can hold it."""

from millrace_core.pages import decode


def after_number(cursor: str | None) -> int:
    """The number after which a page begins; 0 without a cursor. Raises BadInput for a forged cursor."""
    keys = decode(cursor, int)
    return min(max(int(keys[0]), 0), 2**31 - 1) if keys else 0


def after_name(cursor: str | None) -> str | None:
    """The name after which a page begins; None without a cursor. Raises BadInput for a forged cursor."""
    keys = decode(cursor, str)
    return str(keys[0]).replace("\0", "") if keys else None
