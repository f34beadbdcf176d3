"""What worker processes do: fit a configuration on some rows, predict others, and export with the parity gate.

Large arrays travel as files in the job's scratch folder; a result that is already there is not made again.
"""

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from millrace_contracts.learning import Configuration
from millrace_contracts.signature import Signature
from millrace_stats import tasks
from millrace_stats.tasks import Value
from millrace_training.automl import pipeline
from millrace_training.automl.aims import Aim
from millrace_training.export import parity
from millrace_training.features.frame import Frame, load


@dataclass(frozen=True)
class Work:
    """One configuration to be fitted.

    Attributes:
        folder: where the job's data lies. out: path of what is made, without its ending.
        task, classes: what is to be learnt. zone: whose clocks date parts are read from.
    """

    folder: str
    out: str
    configuration: Configuration
    task: str
    classes: tuple[Value, ...]
    zone: str
    seed: int

    @property
    def aim(self) -> Aim:
        return Aim(tasks.of(self.task), self.classes)


@dataclass(frozen=True)
class Fit(Work):
    """Fit on the rows that the index array *train* names.

    Attributes:
        predict: name of an index array of rows to predict. signature: of the graph to export; None: neither.
        scale: unit of the parity gate. proven: whether the graph has to pass it; not where it is only timed.
    """

    train: str
    predict: str | None = None
    signature: Signature | None = None
    scale: float = 1.0
    proven: bool = True


@dataclass(frozen=True)
class CrossValidation(Work):
    """Predict every row by a model that was not fitted on its fold.

    Attributes:
        folds: name of an array with each row's fold; -1: in none. only: the folds to judge, or all.
        signature: of the graph to export, of the last fold's model, to be timed; None: none is.
    """

    folds: str
    only: tuple[int, ...] | None = None
    signature: Signature | None = None


@dataclass(frozen=True)
class Fitted:
    """What came of it: paths of predictions and of the graph, and what the parity gate saw, if asked for."""

    seconds: float
    predictions: str | None = None
    model: str | None = None
    parity: dict[str, float] | None = None

    def predicted(self) -> np.ndarray:
        """The predictions, (rows,) or (rows, classes); NaN for rows of folds that were not judged."""
        assert self.predictions is not None
        return np.asarray(np.load(self.predictions))


class Workplace:
    """The job's data as files: the frame, the target, and named index arrays."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, frame: Frame, target: np.ndarray, weight: np.ndarray | None = None) -> None:
        """Write the frame, the target, and how much each row counts, if not all count alike."""
        frame.save(self.folder / "frame")
        np.save(self.folder / "target.npy", target)
        if weight is not None:
            np.save(self.folder / "weight.npy", weight)

    def keep_rows(self, name: str, rows: np.ndarray) -> str:
        """Write an index array; returns its name."""
        np.save(self.folder / f"{name}.npy", rows)
        return name

    def rows(self, name: str) -> np.ndarray:
        return np.asarray(np.load(self.folder / f"{name}.npy"))

    def frame(self) -> Frame:
        return load(self.folder / "frame")

    def target(self) -> np.ndarray:
        return np.asarray(np.load(self.folder / "target.npy"))

    def weight(self) -> np.ndarray | None:
        """How much each row counts; None where all count alike."""
        path = self.folder / "weight.npy"
        return np.asarray(np.load(path)) if path.exists() else None


def fit(work: Fit) -> Fitted:
    """Fit on rows, predict rows, and export if asked. Raises: JobError if the graph is not the model."""
    earlier = _earlier(work)
    if earlier is not None:
        return earlier
    began, out, place = time.perf_counter(), Path(work.out), Workplace(Path(work.folder))
    frame = place.frame()
    fitted = _fitted(work, frame, place, place.rows(work.train))
    predictions = model = seen = None
    if work.predict is not None:
        predictions = _saved(out, fitted.predict(frame.take(place.rows(work.predict))))
    if work.signature is not None:
        graph = fitted.export(work.signature)
        if work.proven:
            seen = parity.gate(fitted, graph, frame, work.scale, work.seed).to_dict()
        model = _written(out, graph)
    return _kept(work, Fitted(time.perf_counter() - began, predictions, model, seen))


def cross_validate(work: CrossValidation) -> Fitted:
    """Out-of-fold predictions of a configuration for all rows."""
    earlier = _earlier(work)
    if earlier is not None:
        return earlier
    began, place = time.perf_counter(), Workplace(Path(work.folder))
    frame, fold = place.frame(), place.rows(work.folds)
    predicted = work.aim.task.empty(frame.rows, work.classes)
    for number in work.only or range(int(fold.max()) + 1):
        train, here = np.flatnonzero((fold != number) & (fold >= 0)), np.flatnonzero(fold == number)
        fitted = _fitted(work, frame, place, train)
        predicted[here] = fitted.predict(frame.take(here))
    model = None if work.signature is None else _written(Path(work.out), fitted.export(work.signature))
    predictions = _saved(Path(work.out), predicted)
    return _kept(work, Fitted(time.perf_counter() - began, predictions, model))


def _fitted(work: Work, frame: Frame, place: Workplace, train: np.ndarray) -> pipeline.Pipeline:
    rows, target, weight = frame.take(train), place.target()[train], place.weight()
    counts = None if weight is None else weight[train]
    return pipeline.fit(work.configuration, rows, target, work.aim, work.zone, work.seed, counts)


def _saved(out: Path, predicted: np.ndarray) -> str:
    np.save(out.with_suffix(".npy"), predicted)
    return str(out.with_suffix(".npy"))


def _written(out: Path, graph: bytes) -> str:
    path = out.with_suffix(".onnx")
    path.write_bytes(graph)
    return str(path)


def _earlier(work: Work) -> Fitted | None:
    done = Path(work.out).with_suffix(".json")
    return Fitted(**json.loads(done.read_text())) if done.exists() else None


def _kept(work: Work, result: Fitted) -> Fitted:
    path = Path(work.out)
    staged = path.with_suffix(".staged")
    staged.write_text(json.dumps(asdict(result)))
    os.replace(staged, path.with_suffix(".json"))
    return result
