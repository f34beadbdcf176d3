"""How a database is asked for columns so that its driver hands out what they mean: here, one without peculiarities."""

import pyarrow as pa


class Asking:
    """Expressions of SQL for a column, from what the driver says of it."""

    def meant(self, field: pa.Field, column: str) -> str:
        """What to select for a *column*."""
        return column

    def dimensions(self, field: pa.Field, column: str) -> str | None:
        """What to select beside it for how many lists deep its cells are, like `[1:2][1:3]`; None: it is known."""
        return None

    def has_value(self, field: pa.Field, column: str) -> str:
        """The condition that a cursor has a value."""
        return f"{column} IS NOT NULL"

    def parameter(self, number: int, field: pa.Field, text: bool) -> str:
        """The *number*-th parameter, from 1, that a column is compared with; *text*: it is given as text."""
        return "?"
