"""Pure: what is wrong with a request beside the shapes of its tensors: parameters, outputs, and the bytes of texts."""

from collections.abc import Iterator
from typing import Any

from millrace_contracts.bodies import Document
from millrace_core.errors import FieldError

LEAVE = "leave it out"
TRUTHS = ("binary_data_output", "sequence_start", "sequence_end")
COUNTS = ("priority", "timeout")
LENGTH = 4
"""Bytes before each text of a binary tensor, which say how long it is."""


def wrong(head: Document) -> Iterator[FieldError]:
    """Mistakes of the frame, of which a server speaks as of its own."""
    name = head.get("id", "")
    if not isinstance(name, str) or is_torn(name):
        yield FieldError("id", "is no text", "send a text, or leave it out")
    yield from _parameters("parameters", head)
    outputs = head.get("outputs", [])
    if not isinstance(outputs, list):
        yield FieldError("outputs", "is no list", 'send [{"name": "…"}], or leave it out')
        return
    for place, item in enumerate(outputs):
        where = f"outputs[{place}]"
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            yield FieldError(where, "has no name", 'send {"name": "…"}, or leave outputs out')
            continue
        yield from _parameters(f"{where}.parameters", item)


def texts_wrong(tensors: list[Document], data: bytes) -> Iterator[FieldError]:
    """Texts of binary *tensors*, one behind the other in *data*, that do not end where they say, or are no UTF-8."""
    start = 0
    for item in tensors:
        size = item["parameters"]["binary_data_size"]
        if item.get("datatype") == "BYTES":
            yield from _texts(str(item["name"]), data[start : start + size])
        start += size


def is_torn(text: str) -> bool:
    """Whether a text has half a character, which no UTF-8 has."""
    return any("\ud800" <= sign <= "\udfff" for sign in text)


def _parameters(where: str, holder: Document) -> Iterator[FieldError]:
    given: Any = holder.get("parameters", {})
    if not isinstance(given, dict):
        yield FieldError(where, "is no object", 'send {"name": value}, or leave it out')
        return
    for name, value in given.items():
        what = _of_parameter(name, value)
        if what is not None:
            yield FieldError(f"{where}.{name[:200]}", *what)


def _of_parameter(name: str, value: Any) -> tuple[str, str] | None:
    if name in TRUTHS and not isinstance(value, bool):
        return "is no truth value", "send true or false"
    if name in COUNTS and not _is_count(value):
        return "is no whole number from 0 on", "send one, or leave it out"
    if name == "classification" and not _is_count(value):
        return "is no whole number from 0 on", "send how many classes are wanted"
    if name.startswith("triton_"):
        return "is reserved", LEAVE
    plain = isinstance(value, bool | int | float | str) and not (isinstance(value, str) and is_torn(value))
    return None if plain else ("is no number, text or truth value", LEAVE)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _texts(name: str, data: bytes) -> Iterator[FieldError]:
    place, start = 0, 0
    while start < len(data):
        size = int.from_bytes(data[start : start + LENGTH], "little")
        text = data[start + LENGTH : start + LENGTH + size]
        if len(data) < start + LENGTH or len(text) < size:
            has = f"ends in the middle of text {place}, which says that it has {size} bytes"
            yield FieldError(
                f"inputs.{name}", has, "send the length of each text in four bytes, the least first"
            )
            return
        try:
            text.decode()
        except UnicodeDecodeError:
            yield FieldError(f"inputs.{name}.data[{place}]", "is no UTF-8", "send text in UTF-8")
        place, start = place + 1, start + LENGTH + size
