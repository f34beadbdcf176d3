"""Which file of an MLflow model is its ONNX graph; every other kind of model is refused with what to do."""

import yaml

from millrace_core.errors import BadInput, FieldError

MOST = 2**18
"""Bytes of a file MLmodel."""
MEND = (
    "log the model as ONNX: mlflow.onnx.log_model(graph, name=…, save_as_external_data=False), the graph from "
    "skl2onnx.to_onnx or torch.onnx.export, each input named like a column of the loop's data"
)


class _Plain(yaml.SafeLoader):
    """Reads values alone. Merging mappings is not among them: a few lines of it grow without bounds."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Leave the key `<<` as it is, for which there is no value then (ConstructorError)."""


def refused(what: str) -> BadInput:
    """The refusal, with the remedy."""
    return BadInput(
        f"{what} Only ONNX graphs can be adopted; nothing is ever unpickled.",
        [FieldError("version", what, MEND)],
    )


def graph(mlmodel: bytes) -> str:
    """The path of the graph, as the file MLmodel tells. Raises: BadInput."""
    try:
        told = yaml.load(mlmodel, _Plain)  # noqa: S506 - a SafeLoader that does less
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise refused("Its file MLmodel cannot be read.") from error
    flavors = told.get("flavors") if isinstance(told, dict) else None
    if not isinstance(flavors, dict) or not flavors:
        raise refused("Its file MLmodel names no flavors.")
    onnx = flavors.get("onnx")
    if not isinstance(onnx, dict) or not isinstance(onnx.get("data"), str):
        names = ", ".join(sorted(str(name)[:50] for name in flavors)[:5])
        raise refused(f"It is no ONNX model: its flavors are {names}.")
    return str(onnx["data"])
