"""What the columns of a table may be called."""

from millrace_table.refusals import Unreadable, words

MAX_COLUMNS = 5000


def check_names(names: list[str]) -> None:
    """Raises: Unreadable for columns that are unnamed, too many, or have the same name."""
    if not names:
        raise Unreadable("columns", "The file has no columns.", "Send a table.")
    if len(names) > MAX_COLUMNS:
        raise Unreadable(
            "columns", f"There are {len(names)} columns.", "Send fewer.", allowed=f"{MAX_COLUMNS}"
        )
    unnamed = [str(place + 1) for place, name in enumerate(names) if not name.strip()]
    if unnamed:
        raise Unreadable(
            "columns", f"Column {', '.join(unnamed[:5])} has no name.", "Give every column a name."
        )
    odd = [name[:40] for name in names if len(name) > 200 or any(ord(sign) < 32 for sign in name)]
    if odd:
        mend = "Use at most 200 printable characters; is the first line a header?"
        raise Unreadable("columns", f"Names that cannot be used: {words(odd)}.", mend)
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise Unreadable(
            "columns", f"Several columns have the same name: {words(twice)}.", "Rename or remove them."
        )
