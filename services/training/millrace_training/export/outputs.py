"""From a model's answer to the outputs of its graph: the numbers, and the class that they speak for, as text."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from millrace_stats.tasks import Task, Value, class_text
from millrace_training.graph.builder import Graph


def emit(graph: Graph, answer: str, task: Task, classes: Sequence[Value]) -> dict[str, str]:
    """Tensors by output name; *answer* is float [N, width]."""
    first, *more = task.outputs(classes)
    tensors = {first.name: answer}
    for output in more:
        place = CHOICES[task.objectives.choice](graph, answer)
        names = graph.texts([class_text(value) for value in classes])
        tensors[output.name] = graph.add("Gather", [names, place])
    return tensors


def _above_half(graph: Graph, probability: str) -> str:
    """1 from a probability of one half on, int64 [N,1]."""
    from onnx import TensorProto

    likely = graph.add("GreaterOrEqual", [probability, graph.constant(np.float32(0.5))])
    return graph.add("Cast", [likely], to=TensorProto.INT64)


def _largest(graph: Graph, probabilities: str) -> str:
    """The place of the largest probability, the first of equals, int64 [N,1]."""
    return graph.add("ArgMax", [probabilities], axis=1, keepdims=1)


CHOICES: Mapping[str, Callable[[Graph, str], str]] = {"threshold": _above_half, "largest": _largest}
