"""Conditions of MLflow's searches as SQL: every value and every key is a parameter, columns come from a list."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, case, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_registry.mlflow.answers import invalid
from millrace_registry.mlflow.filters import SIGNS, Comparison, Order
from millrace_registry.mlflow.tables import MlflowText

Clause = ColumnElement[bool]
Column = SQLColumnExpression[Any]


@dataclass(frozen=True)
class Space:
    """What may be searched for: columns by attribute, tags and parameters by owner, and what else has rules of its own.

    *numbers*: attributes that are numbers. *texts*: kind of `mlflow_texts` by entity. *others*: entity to the clause
    of a condition (`LIKE` as this database says it is given along), *sorted*: entity to what it sorts by.
    """

    attributes: Mapping[str, Column]
    owner: Column
    numbers: frozenset[str] = frozenset()
    texts: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, "Callable[[Comparison, bool], Clause]"] = field(default_factory=dict)
    sorted: Mapping[str, "Callable[[str], list[Column]]"] = field(default_factory=dict)
    value: Callable[[str, object], object] = lambda _, value: value


def is_lite(session: AsyncSession) -> bool:
    """Whether the database is SQLite, whose LIKE knows no case."""
    return session.get_bind().dialect.name == "sqlite"


def clauses(space: Space, found: Sequence[Comparison], lite: bool) -> list[Clause]:
    """All of which must hold. Raises: BadInput for an attribute, operator or value that does not fit."""
    return [_clause(space, condition, lite) for condition in found]


def _clause(space: Space, asked: Comparison, lite: bool) -> Clause:
    if asked.entity == "attribute":
        column = _attribute(space, asked.key)
        if asked.key in space.numbers:
            return number(column, asked, space.value(asked.key, asked.value))
        return text(column, asked, lite)
    if asked.entity in space.texts:
        return _text_of(space, asked, lite)
    if asked.entity not in space.others:
        raise invalid(f"Nothing here is searched for by {asked.entity}.")
    return space.others[asked.entity](asked, lite)


def _attribute(space: Space, key: str) -> Column:
    if key not in space.attributes:
        raise invalid(f"Invalid attribute key '{key}'. Valid ones: {', '.join(sorted(space.attributes))}.")
    return space.attributes[key]


def _text_of(space: Space, asked: Comparison, lite: bool) -> Clause:
    there = [
        MlflowText.kind == space.texts[asked.entity],
        MlflowText.owner == space.owner,
        MlflowText.key == asked.key,
    ]
    if asked.operator in ("IS NULL", "IS NOT NULL"):
        found = exists().where(*there)
        return ~found if asked.operator == "IS NULL" else found
    return exists().where(*there, text(MlflowText.value, asked, lite))


def number(column: Column, asked: Comparison, value: object) -> Clause:
    """A comparison of numbers. Raises: BadInput."""
    if isinstance(asked.value, str | tuple) or asked.value is None:
        raise invalid(f"Expected numeric value type for {asked.entity} '{asked.key}'. Found '{asked.value}'.")
    if asked.operator not in SIGNS:
        raise invalid(f"Invalid comparator '{asked.operator}' for '{asked.key}', which is a number.")
    return _compared(column, asked.operator, value)


def text(column: Column, asked: Comparison, lite: bool) -> Clause:
    """A comparison of texts. Raises: BadInput."""
    operator, value = asked.operator, asked.value
    if operator in ("IN", "NOT IN") and isinstance(value, tuple):
        return column.in_(value) if operator == "IN" else column.not_in(value)
    if not isinstance(value, str):
        raise invalid(f"Expected a quoted string value for {asked.entity} '{asked.key}' (e.g. 'my-value').")
    if operator == "LIKE":
        return column.op("GLOB", is_comparison=True)(_glob(value)) if lite else column.like(value, escape="")
    if operator == "ILIKE":
        return func.lower(column).like(func.lower(value)) if lite else column.ilike(value, escape="")
    if operator not in ("=", "!="):
        raise invalid(f"Invalid comparator '{operator}' for '{asked.key}', which is a text.")
    return _compared(column, operator, value)


def _compared(column: Column, operator: str, value: object) -> Clause:
    compared: Clause = {
        "=": column.__eq__, "!=": column.__ne__, "<": column.__lt__,
        "<=": column.__le__, ">": column.__gt__, ">=": column.__ge__,
    }[operator](value)  # type: ignore[assignment]  # fmt: skip
    return compared


def _glob(pattern: str) -> str:
    """A pattern of LIKE as SQLite's GLOB, which knows case, says it."""
    signs = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}
    return "".join(signs.get(sign, sign) for sign in pattern)


def ordered(space: Space, keys: Sequence[Order]) -> list[Column]:
    """What to sort by; what has no value comes last either way. Raises: BadInput."""
    found: list[Column] = []
    for key in keys:
        for column in _sorted_by(space, key):
            found += [case((column.is_(None), 1), else_=0), column.desc() if key.descending else column.asc()]
    return found


def _sorted_by(space: Space, key: Order) -> list[Column]:
    if key.entity == "attribute":
        return [_attribute(space, key.key)]
    if key.entity in space.texts:
        mine = and_(
            MlflowText.kind == space.texts[key.entity],
            MlflowText.owner == space.owner,
            MlflowText.key == key.key,
        )
        return [select(MlflowText.value).where(mine).scalar_subquery()]
    if key.entity not in space.sorted:
        raise invalid(f"Nothing here is sorted by {key.entity}.")
    return space.sorted[key.entity](key.key)
