"""The packed form of a request: one tensor for all columns of a datatype, instead of one for each column.

`packed.FP32` has the shape (rows, columns) and holds every input of that datatype; a parameter of the request with the
same name says which: their names in the order of the tensor, as a JSON list in a text. So a value is known by its name
in this form too, whichever revision reads it and whoever logs it. Each datatype of a request comes in one of the two
forms.
"""

import json

from millrace_contracts.signature import Input, Signature

PREFIX = "packed."


def tensor(datatype: str) -> str:
    """Name of the tensor that holds all columns of a datatype, and of the parameter that names them."""
    return PREFIX + datatype


def named(names: list[str]) -> str:
    """The value of that parameter."""
    return json.dumps(names, ensure_ascii=False, separators=(",", ":"))


def names(text: object) -> list[str] | None:
    """The names that the parameter says, each once; None if it says none."""
    try:
        said = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, list) or not said or not all(isinstance(name, str) for name in said):
        return None
    return said if len(set(said)) == len(said) else None


def groups(signature: Signature) -> dict[str, list[Input]]:
    """The inputs by datatype, in the order of the signature; none where an input is called like a packed tensor."""
    taken = any(item.name.startswith(PREFIX) for item in signature.inputs)
    return {} if taken else by_datatype(signature)


def by_datatype(signature: Signature) -> dict[str, list[Input]]:
    """The inputs by datatype, in the order of the signature; those with a shape are sent by themselves."""
    grouped: dict[str, list[Input]] = {}
    for item in signature.inputs:
        if item.shape is None:
            grouped.setdefault(item.datatype, []).append(item)
    return grouped
