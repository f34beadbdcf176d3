"""Columns of PostgreSQL that its driver would hand out as something else: asked for as what they mean.

The driver gives money in cents, an interval as a type that no file has, and of types that it does not know, like
addresses and ranges, the bytes of the wire.
"""

import pyarrow as pa

from millrace_training.sources.asking import Asking

TYPE = b"POSTGRESQL:type"
"""Where the driver says a column's type; that of a domain is the one below it."""
SPECIAL = {
    "money": "{}::numeric",
    "_money": "{}::numeric[]::float8[]",
    "_numeric": "{}::float8[]",
    "interval": "extract(epoch FROM {})::float8",
    "oid": "{}::bigint",
}
TEXT, JSON = "{}::text", "to_json({})::text"
KNOWN = ("numeric", "decimal")
"""Types without one of Arrow that are handed out as their text."""
TEXTS = ("text", "varchar")


class Postgresql(Asking):
    """A list or a row of unknown types is its JSON, any other unknown type its text; "infinity" is no time."""

    def meant(self, field: pa.Field, column: str) -> str:
        kind, special = field.type, SPECIAL.get(_type(field))
        if special is not None:
            return special.format(column)
        if pa.types.is_struct(kind) or (pa.types.is_list(kind) and not _is_plain(kind.value_type)):
            return JSON.format(column)
        if isinstance(kind, pa.OpaqueType) and kind.type_name not in KNOWN:
            return TEXT.format(column)
        return column

    def dimensions(self, field: pa.Field, column: str) -> str | None:
        kind = field.type
        listed = pa.types.is_list(kind) and (_is_plain(kind.value_type) or _type(field) in SPECIAL)
        return f"array_dims({column})" if listed else None

    def has_value(self, field: pa.Field, column: str) -> str:
        timed = pa.types.is_timestamp(field.type) or pa.types.is_date(field.type)
        return f"isfinite({column})" if timed else super().has_value(field, column)

    def parameter(self, number: int, field: pa.Field, text: bool) -> str:
        """A text that is compared with another type, like an UUID, is said to be one."""
        kind = _type(field)
        return f"${number}" if not text or kind in TEXTS or not kind else f'${number}::"{kind}"'


def _type(field: pa.Field) -> str:
    return (field.metadata or {}).get(TYPE, b"").decode()


def _is_plain(kind: pa.DataType) -> bool:
    special = isinstance(kind, pa.BaseExtensionType) or pa.types.is_nested(kind)
    return not special and not pa.types.is_interval(kind)
