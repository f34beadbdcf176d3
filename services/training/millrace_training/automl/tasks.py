"""What worker processes do: fit a configuration on some rows, predict others, and export with the parity gate.

Large arrays travel as files in the job's scratch folder; a result that is already there is not made again.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from millrace_training.automl import pipeline
from millrace_training.export import parity
from millrace_training.features.frame import Frame, load


class Workplace:
    """The job's data as files: the frame, the target, and named index arrays."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, frame: Frame, target: np.ndarray) -> None:
        """Write the frame and the target."""
        frame.save(self.folder / "frame")
        np.save(self.folder / "target.npy", target)

    def keep_rows(self, name: str, rows: np.ndarray) -> str:
        """Write an index array; returns its name."""
        np.save(self.folder / f"{name}.npy", rows)
        return name

    def rows(self, name: str) -> np.ndarray:
        return np.load(self.folder / f"{name}.npy")

    def frame(self) -> Frame:
        return load(self.folder / "frame")

    def target(self) -> np.ndarray:
        return np.load(self.folder / "target.npy")


def fit(payload: dict[str, Any]) -> dict[str, Any]:
    """Fit on rows, predict rows, and export if asked.

    Args:
        payload: {folder, out, configuration, train (name of an index array), predict (the same, or None), binary,
            offset, seed, signature (None: do not export), scale}.
    Returns: {seconds, predictions (path or None), model (path or None), parity (or None)}.
    """
    out = Path(payload["out"])
    done = out.with_suffix(".json")
    if done.exists():
        return json.loads(done.read_text())
    began = time.perf_counter()
    place = Workplace(Path(payload["folder"]))
    frame, target = place.frame(), place.target()
    train = place.rows(payload["train"])
    fitted = pipeline.fit(
        payload["configuration"],
        frame.take(train),
        target[train],
        payload["binary"],
        payload["offset"],
        payload["seed"],
    )
    result: dict[str, Any] = {"predictions": None, "model": None, "parity": None}
    if payload["predict"] is not None:
        np.save(out.with_suffix(".npy"), fitted.predict(frame.take(place.rows(payload["predict"]))))
        result["predictions"] = str(out.with_suffix(".npy"))
    if payload["signature"] is not None:
        graph = fitted.export(payload["signature"])
        found = parity.gate(fitted, graph, frame, payload["scale"], payload["seed"])
        out.with_suffix(".onnx").write_bytes(graph)
        result |= {"model": str(out.with_suffix(".onnx")), "parity": found.to_dict()}
    result["seconds"] = time.perf_counter() - began
    return _written(done, result)


def cross_validate(payload: dict[str, Any]) -> dict[str, Any]:
    """Out-of-fold predictions of a configuration for all rows.

    Args:
        payload: {folder, out, configuration, folds (name of an array with each row's fold; -1: none), only
            (folds to judge, or None for all), binary, offset, seed}.
    Returns: {seconds, predictions (path): NaN for rows of folds that were not judged}.
    """
    out = Path(payload["out"])
    done = out.with_suffix(".json")
    if done.exists():
        return json.loads(done.read_text())
    began = time.perf_counter()
    place = Workplace(Path(payload["folder"]))
    frame, target, fold = place.frame(), place.target(), place.rows(payload["folds"])
    predicted = np.full(frame.rows, np.nan)
    for number in payload["only"] or range(int(fold.max()) + 1):
        train, here = np.flatnonzero((fold != number) & (fold >= 0)), np.flatnonzero(fold == number)
        fitted = pipeline.fit(
            payload["configuration"],
            frame.take(train),
            target[train],
            payload["binary"],
            payload["offset"],
            payload["seed"],
        )
        predicted[here] = fitted.predict(frame.take(here))
    np.save(out.with_suffix(".npy"), predicted)
    result = {"predictions": str(out.with_suffix(".npy")), "seconds": time.perf_counter() - began}
    return _written(done, result)


def _written(path: Path, result: dict[str, Any]) -> dict[str, Any]:
    staged = path.with_suffix(".staged")
    staged.write_text(json.dumps(result))
    os.replace(staged, path)
    return result
