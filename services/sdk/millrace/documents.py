"""Reads a ModelLoop document from a file, with the contract beside it, and says where each mistake is."""

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from millrace_contracts.data import DataContract
from millrace_contracts.loop import ModelLoop
from millrace_contracts.sources import RowSource

MOST_NODES = 200_000
"""Values of a document, each alias counted as all that it stands for."""
Parsed = tuple[dict[str, Any], yaml.Node | None]
"""A document, and where its parts stand in the text."""


@dataclass(frozen=True)
class Mistake:
    """One mistake: its file and line (0: unknown), the path within the document, and what is wrong."""

    file: str
    line: int
    where: str
    what: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.where}: {self.what}" if self.where else f"{place}: {self.what}"


class BadDocument(Exception):
    """The document cannot be used; *mistakes* says why."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = mistakes


def load(path: Path) -> ModelLoop:
    """The loop that *path* declares; a contract given as a file name is read from beside it.

    Raises: BadDocument.
    """
    raw, tree = _parse(path)
    data = raw.get("spec", {}).get("data", {}) if isinstance(raw.get("spec"), dict) else {}
    named = data.get("contract") if isinstance(data, dict) else None
    if isinstance(named, str):
        data["contract"] = load_contract(path.parent / named).model_dump(mode="json")
    loop: ModelLoop = _validate(ModelLoop, raw, tree, path)
    return _placed(loop, path)


def read(text: str, contract: str, name: str) -> ModelLoop:
    """The loop that a *text* declares, with the text of its contract (empty: as the document says); no file is read.

    Raises: BadDocument, which names them *name*.yaml and *name*.contract.yaml.
    """
    path = Path(f"{name}.yaml")
    raw, tree = _parsed(text, path)
    spec = raw.get("spec")
    data = spec.get("data") if isinstance(spec, dict) else None
    if contract.strip() and isinstance(data, dict):
        beside = Path(f"{name}.contract.yaml")
        found: DataContract = _validate(DataContract, *_parsed(contract, beside), beside)
        data["contract"] = found.model_dump(mode="json")
    loop: ModelLoop = _validate(ModelLoop, raw, tree, path)
    return loop


def _placed(loop: ModelLoop, beside: Path) -> ModelLoop:
    """Paths of rows that are scored, of where they go, and of an interpreter are relative to the document."""
    batch = None if loop.spec.predict is None else loop.spec.predict.batch
    for place in () if batch is None else (batch.source, batch.sink):
        if place.path is not None:
            place.path = str((beside.parent / place.path).absolute())
    code = loop.spec.training.code
    if code is not None and code.image is None and code.python is not None and "/" in code.python:
        code.python = str((beside.parent / Path(code.python).expanduser()).absolute())
    return loop


def load_source(path: Path) -> RowSource:
    """The source that stands in a file by itself, as below `source`. Raises: BadDocument."""
    raw, tree = _parse(path)
    source: RowSource = _validate(RowSource, raw, tree, path)
    return source


def load_contract(path: Path) -> DataContract:
    """The contract in *path*. Raises: BadDocument."""
    raw, tree = _parse(path)
    contract: DataContract = _validate(DataContract, raw, tree, path)
    return contract


def _parse(path: Path) -> Parsed:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise BadDocument([Mistake(str(path), 0, "", "there is no such file")]) from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadDocument([Mistake(str(path), 0, "", "cannot be read as UTF-8 text")]) from error
    return _parsed(text, path)


def _parsed(text: str, path: Path) -> Parsed:
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        if _written_out(tree, {}) > MOST_NODES:
            raise BadDocument([Mistake(str(path), 0, "", "is too large, with its anchors written out")])
        raw = yaml.safe_load(text)
    except RecursionError as error:
        raise BadDocument([Mistake(str(path), 0, "", "is nested too deeply")]) from error
    except ValueError as error:
        what = f"has a number or a date that is none ({str(error)[:80]}); put it into quotes if it is text"
        raise BadDocument([Mistake(str(path), 0, "", what)]) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = f"is not YAML: {getattr(error, 'problem', None) or 'it cannot be parsed'}"
        raise BadDocument([Mistake(str(path), mark.line + 1 if mark else 0, "", what)]) from error
    if not isinstance(raw, dict):
        raise BadDocument([Mistake(str(path), 1, "", "is not a mapping of names to values")])
    return raw, tree


def _written_out(node: yaml.Node | None, known: dict[int, int]) -> int:
    """Nodes of a document in which every anchor is written out where it is named: a few lines can mean billions."""
    if id(node) not in known:
        known[id(node)] = MOST_NODES
        below = [node.value] if isinstance(node, yaml.SequenceNode) else []
        below = node.value if isinstance(node, yaml.MappingNode) else below
        known[id(node)] = 1 + sum(_written_out(one, known) for several in below for one in several)
    return known[id(node)]


def _validate(model: type[BaseModel], raw: dict[str, Any], tree: yaml.Node | None, path: Path) -> Any:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        items = error.errors(include_url=False, include_context=False)
        raise BadDocument([_mistake(model, item, path, tree) for item in items]) from error


def _mistake(model: type[BaseModel], item: Any, path: Path, tree: yaml.Node | None) -> Mistake:
    location = item["loc"]
    where = ".".join(str(part) for part in location)
    return Mistake(str(path), _line(tree, location), where, _words(model, item))


def _words(model: type[BaseModel], item: Any) -> str:
    if item["type"] == "extra_forbidden":
        known = {name for part in _parts(model) for name in part.get("properties", {})}
        near = difflib.get_close_matches(str(item["loc"][-1]), sorted(known), n=1)
        return "is no field here" + (f"; did you mean {near[0]!r}?" if near else "")
    if item["type"] == "missing":
        return "is missing"
    if item["type"] == "string_type":
        return f"should be text (it is {item.get('input')!r}); a duration is written like 14d"
    message = str(item["msg"]).removeprefix("Value error, ")
    shown = item.get("input")
    plain = isinstance(shown, str | int | float) and repr(shown) not in message
    return f"{message} (it is {shown!r})" if plain else message


def _parts(model: type[BaseModel]) -> list[dict[str, Any]]:
    schema = model.model_json_schema()
    return [schema, *schema.get("$defs", {}).values()]


def _line(node: yaml.Node | None, location: tuple[int | str, ...]) -> int:
    """The line of the deepest part of *location* that is in the file."""
    line = node.start_mark.line + 1 if node is not None else 0
    for part in location:
        found = None
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            found = (node.value[part], node.value[part])
        if found is None:
            return line
        line, node = found[0].start_mark.line + 1, found[1]
    return line
