"""A monitor's declaration: what a task needs is asked for when it is declared."""

import pytest
from pydantic import ValidationError

from millrace_contracts.monitors import MonitorWrite

DIGEST = f"sha256:{'a' * 64}"


def declared(task, **signature):
    tensors = {
        "inputs": [{"name": "x", "datatype": "FP32", "column": "x", "kind": "number"}],
        "outputs": [{"name": "probabilities", "datatype": "FP32"}],
    }
    return {
        "loop": "flowers", "task": task, "target": "kind", "signature": tensors | signature,
        "champion": {"version": 1, "files": {"model.onnx": DIGEST}},
    }  # fmt: skip


@pytest.mark.parametrize("signature", [{}, {"classes": ["a", "b"]}], ids=["none", "two"])
def test_many_classes_are_named_by_the_signature(signature):
    with pytest.raises(ValidationError, match="names its classes, three at least"):
        MonitorWrite.model_validate(declared("multiclass", **signature))
    assert MonitorWrite.model_validate(declared("multiclass", classes=["a", "b", "c"]))


@pytest.mark.parametrize("task", ["regression", "binary"])
def test_other_tasks_need_none(task):
    assert MonitorWrite.model_validate(declared(task)).signature.classes is None
