"""The language of MLflow's searches, read into conditions; what becomes SQL of them stands in `searching/queries.py`.

`metrics.rmse < 1 and params.model = 'tree' and tags."my tag" LIKE '%x%'`: comparisons joined by AND. A key is quoted
with backticks or double quotes where it has other signs than letters, digits, dots, dashes and underscores.
"""

import re
from dataclasses import dataclass

from millrace_registry.mlflow.answers import invalid

TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^']|'')*')|(?P<quoted>"[^"]*"|`[^`]*`)|(?P<number>[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))"""
    r"""|(?P<sign><=|>=|!=|<>|=|<|>|\(|\)|,)|(?P<dot>\.)|(?P<word>[\w\-/:]+))""",
)
SIGNS = ("=", "!=", "<", "<=", ">", ">=")
LONGEST = 10_000
MOST = 100
"""Characters of a filter, and conditions in it."""
ENTITIES = {
    "metric": "metric", "metrics": "metric",
    "param": "param", "params": "param", "parameter": "param", "parameters": "param",
    "tag": "tag", "tags": "tag",
    "attribute": "attribute", "attributes": "attribute", "attr": "attribute", "run": "attribute",
    "dataset": "dataset", "datasets": "dataset",
}  # fmt: skip
Value = str | float | tuple[str, ...] | None


@dataclass(frozen=True)
class Comparison:
    """One comparison: `entity.key operator value`."""

    entity: str
    key: str
    operator: str
    value: Value


@dataclass(frozen=True)
class Order:
    """One sort key."""

    entity: str
    key: str
    descending: bool


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


def conditions(text: str | None) -> list[Comparison]:
    """The conditions of a filter, all of which must hold. Raises: BadInput."""
    if not text or not text.strip():
        return []
    if len(text) > LONGEST:
        raise invalid(f"The filter is longer than {LONGEST} characters.")
    reader = _Reader(text)
    found = [reader.condition()]
    while reader.word() == "AND":
        reader.take()
        found.append(reader.condition())
    if reader.waiting or len(found) > MOST:
        raise reader.refused()
    return found


def orders(keys: list[str]) -> list[Order]:
    """The sort keys of `order_by`. Raises: BadInput."""
    return [_order(key) for key in keys]


def _order(text: str) -> Order:
    reader = _Reader(text[:LONGEST])
    entity, key = reader.identifier()
    way = reader.word() or "ASC"
    if way not in ("ASC", "DESC") or len(reader.waiting) > 1:
        raise invalid(f"Invalid ordering key in order_by clause '{text}': write a key, then ASC or DESC.")
    return Order(entity, key, way == "DESC")


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.waiting = text, list(_tokens(text))

    def refused(self) -> Exception:
        return invalid(
            f"Invalid clause(s) in filter string: '{self.text[:200]}'. Write comparisons joined by AND, like "
            "\"metrics.rmse < 1 and params.model = 'tree'\"."
        )

    def take(self) -> _Token:
        if not self.waiting:
            raise self.refused()
        return self.waiting.pop(0)

    def word(self) -> str:
        """The next token if it is a word, in capitals."""
        return self.waiting[0].text.upper() if self.waiting and self.waiting[0].kind == "word" else ""

    def identifier(self) -> tuple[str, str]:
        """Entity and key; a key without an entity is an attribute."""
        parts = [self._part()]
        while self.waiting and self.waiting[0].kind == "dot":
            self.take()
            parts.append(self._part())
        if len(parts) == 1:
            return "attribute", parts[0]
        entity = ENTITIES.get(parts[0])
        if entity is None:
            raise invalid(
                f"Invalid entity type '{parts[0]}'. Valid ones: {', '.join(sorted(set(ENTITIES)))}."
            )
        return entity, ".".join(parts[1:])

    def _part(self) -> str:
        token = self.take()
        if token.kind not in ("word", "quoted", "number"):
            raise self.refused()
        return token.text

    def condition(self) -> Comparison:
        entity, key = self.identifier()
        operator = self._operator()
        return Comparison(entity, key, operator, self._value(operator))

    def _operator(self) -> str:
        token = self.take()
        if token.text == "<>":
            return "!="
        if token.text in SIGNS:
            return token.text
        words = [token.text.upper()]
        while words in (["NOT"], ["IS"], ["IS", "NOT"]) and self.word():
            words.append(self.take().text.upper())
        operator = " ".join(words)
        if operator not in ("LIKE", "ILIKE", "IN", "NOT IN", "IS NULL", "IS NOT NULL"):
            raise self.refused()
        return operator

    def _value(self, operator: str) -> Value:
        if operator.startswith("IS"):
            return None
        if operator.endswith("IN"):
            return tuple(self._list())
        token = self.take()
        if token.kind == "number":
            return float(token.text)
        if token.kind not in ("text", "quoted"):
            raise self.refused()
        return token.text

    def _list(self) -> list[str]:
        if self.take().text != "(":
            raise self.refused()
        found = []
        while True:
            token = self.take()
            if token.kind not in ("text", "quoted"):
                raise self.refused()
            found.append(token.text)
            closing = self.take()
            if closing.text == ")" and closing.kind == "sign":
                return found
            if closing.text != "," or len(found) > 1000:
                raise self.refused()


def _tokens(text: str) -> list[_Token]:
    found, begin, end = [], 0, len(text.rstrip())
    while begin < end:
        match = TOKEN.match(text, begin)
        if match is None:
            raise invalid(
                f"Invalid clause(s) in filter string: '{text[:200]}', at '{text[begin : begin + 20]}'."
            )
        kind = str(match.lastgroup)
        token = match.group(kind)
        if kind == "text":
            token = token[1:-1].replace("''", "'")
        elif kind == "quoted":
            token = token[1:-1]
        found.append(_Token(kind, token))
        begin = match.end()
    return found
