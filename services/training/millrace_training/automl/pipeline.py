"""A trained pipeline: features and models of one configuration, from a frame to an answer, and to ONNX."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from millrace_training.automl import estimators
from millrace_training.automl.portfolio import Configuration
from millrace_training.automl.seeds import seed_of
from millrace_training.features import encoders
from millrace_training.features.blocks import Block
from millrace_training.features.frame import Frame
from millrace_training.graph.builder import Graph


@dataclass(frozen=True)
class Member:
    """One model, its features, and its weight in the sum."""

    weight: float
    block: Block
    estimator: estimators.Estimator


@dataclass(frozen=True)
class Pipeline:
    """The weighted mean of some members; one member is the usual case."""

    members: list[Member]

    def predict(self, frame: Frame) -> np.ndarray:
        """float64 (rows,), by the libraries that trained the members: what the graph is held against."""
        return np.sum(
            [member.weight * member.estimator.predict(member.block.apply(frame)) for member in self.members],
            axis=0,
        )

    def export(self, signature: dict[str, Any]) -> bytes:
        """The ONNX graph from the signature's inputs to its output."""
        graph = Graph()
        answers = [_weighted(graph, member) for member in self.members]
        return graph.model(answers[0] if len(answers) == 1 else graph.add("Sum", answers), signature)


def _weighted(graph: Graph, member: Member) -> str:
    answer = member.estimator.emit(graph, member.block.emit(graph))
    if member.weight == 1:
        return answer
    return graph.add("Mul", [answer, graph.constant(np.float32(member.weight))])


def fit(
    configuration: Configuration, frame: Frame, target: np.ndarray, binary: bool, offset: int, seed: int
) -> Pipeline:
    """Train *configuration* on all rows of *frame*; encoders are fitted on these rows alone.

    Args:
        target: float64 (rows,); 0 and 1 if *binary*.
        offset: seconds that the clocks of date parts are ahead of UTC.
    """
    parts = configuration.get("members") or [configuration | {"weight": 1.0}]
    members, encoded = [], {}
    for part in parts:
        style = estimators.STYLES[part["family"]]
        if style not in encoded:
            encoded[style] = encoders.fit(style, frame, target, offset, seed_of(seed, "encoder", style))
        model_seed = seed_of(seed, part["family"], part["params"])
        made = estimators.fit(
            part["family"], part["params"], encoded[style].matrix, target, binary, model_seed
        )
        members.append(Member(float(part["weight"]), encoded[style].block, made))
    return Pipeline(members)
