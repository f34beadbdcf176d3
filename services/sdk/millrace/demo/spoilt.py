"""A planted mistake: the INT8 form of a version with scales that are far too large, as from rows of another unit."""

import numpy as np

from millrace.client import Millrace
from millrace_contracts.variants import ModelVariant

TIMES = 64
"""How much too large: eight bits are then two."""


def spoilt(client: Millrace, form: ModelVariant) -> ModelVariant:
    """The form with a spoilt graph, told as if it were right."""
    assert form.digest is not None
    digest = client.registry.put_artifact(spoil(client.registry.get_artifact(form.digest)))
    return form.model_copy(update={"digest": digest})


def spoil(graph: bytes) -> bytes:
    """The same graph whose activations are rounded to steps that are TIMES too wide."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load_model_from_string(graph)
    scales = {node.input[1] for node in model.graph.node if node.op_type == "QuantizeLinear"}
    for constant in model.graph.initializer:
        values = numpy_helper.to_array(constant)
        if constant.name in scales and values.ndim == 0:  # one scale for a tensor: an activation's
            constant.CopyFrom(
                numpy_helper.from_array(np.asarray(values * TIMES, values.dtype), constant.name)
            )
    return bytes(model.SerializeToString())
