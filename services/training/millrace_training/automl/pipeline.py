"""A trained pipeline: features and models of one configuration, from a frame to an answer, and to ONNX."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from millrace_contracts.learning import Configuration
from millrace_contracts.signature import Signature
from millrace_training.automl import estimators, nets
from millrace_training.automl.aims import Aim
from millrace_training.automl.seeds import seed_of
from millrace_training.export import outputs
from millrace_training.export.trees import Forest
from millrace_training.features import encoders
from millrace_training.features.blocks import FeatureBlock
from millrace_training.features.columns import Column
from millrace_training.features.frame import Frame
from millrace_training.graph.builder import Graph


@dataclass(frozen=True)
class EnsembleMember:
    """One model, its features, and its weight in the sum."""

    weight: float
    block: FeatureBlock
    estimator: estimators.Estimator


@dataclass(frozen=True)
class Pipeline:
    """The weighted mean of some members; one member is the usual case."""

    members: list[EnsembleMember]
    aim: Aim

    def predict(self, frame: Frame) -> np.ndarray:
        """float64 (rows,) or (rows, classes), by the libraries that trained the members: what the graph is held
        against."""
        return np.sum(
            [member.weight * member.estimator.predict(member.block.apply(frame)) for member in self.members],
            axis=0,
        )

    def chosen(self, predicted: np.ndarray) -> dict[str, np.ndarray]:
        """What the graph's other outputs must be for these numbers, by name: texts, (rows,)."""
        _, *more = self.aim.task.outputs(self.aim.classes)
        names = self.aim.task.chosen(predicted, self.aim.classes)
        return {} if names is None else {output.name: names for output in more}

    def export(self, signature: Signature) -> bytes:
        """The ONNX graph from the signature's inputs to its outputs."""
        graph = Graph()
        each = [self._emitted(graph, member, signature) for member in self.members]
        answer = each[0] if len(each) == 1 else graph.add("Sum", each)
        return graph.model(outputs.emit(graph, answer, self.aim.task, self.aim.classes), signature)

    def _emitted(self, graph: Graph, member: EnsembleMember, signature: Signature) -> str:
        matrix = member.block.emit(graph)
        if self.is_net:
            matrix = graph.boundary(matrix, signature)
        answer = member.estimator.emit(graph, matrix)
        return (
            answer
            if member.weight == 1
            else graph.add("Mul", [answer, graph.constant(np.float32(member.weight))])
        )

    @property
    def is_net(self) -> bool:
        """Whether it is one neural net, whose features have a name in the graph: forms for a target are made of it."""
        return len(self.members) == 1 and isinstance(_inner(self.members[0].estimator), nets.Net)

    def splits(self, columns: Sequence[Column]) -> dict[str, list[np.ndarray]]:
        """Where trees split the plain numbers, sorted, one array a forest, by column: they come first in a matrix."""
        plain = [column.name for column in columns if column.is_plain]
        forests = [forest for member in self.members if (forest := _forest(member.estimator)) is not None]
        return {name: [forest.thresholds(place) for forest in forests] for place, name in enumerate(plain)}


def _forest(estimator: Any) -> Forest | None:
    return getattr(_inner(estimator), "forest", None)


def _inner(estimator: Any) -> Any:
    return getattr(estimator, "inner", estimator)


def fit(
    configuration: Configuration,
    frame: Frame,
    target: np.ndarray,
    aim: Aim,
    zone: str,
    seed: int,
    weight: np.ndarray | None = None,
) -> Pipeline:
    """Train *configuration* on all rows of *frame*; encoders are fitted on these rows alone.

    Args:
        target: float64 (rows,); places among the classes, if there are.
        zone: whose clocks date parts are read from.
        weight: how much each row counts, float64 (rows,); None: all alike.
    """
    parts: list[Configuration] = configuration.get("members") or [{**configuration, "weight": 1.0}]
    members, encoded = [], {}
    encodings = aim.task.encodings(target, aim.classes)
    for part in parts:
        style = estimators.STYLES[part["family"]]
        if style not in encoded:
            encoded[style] = encoders.fit(style, frame, encodings, zone, seed_of(seed, "encoder", style))
        model_seed = seed_of(seed, part["family"], part["params"])
        estimator = estimators.fit(
            part["family"], part["params"], encoded[style].matrix, target, aim, model_seed, weight
        )
        members.append(EnsembleMember(float(part["weight"]), encoded[style].block, estimator))
    return Pipeline(members, aim)
