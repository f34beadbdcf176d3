"""`make bench-estimate`: our estimates without labels beside NannyML's and what was realised, on its own sets."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from tests.bench.decisions import packages

from millrace_stats import tasks
from millrace_stats.estimates import errors, learning, slots
from millrace_stats.estimates.estimator import Chunk, Estimator
from millrace_stats.estimates.learning import Reference
from millrace_stats.profiles import ProfileSpec, fit_spec

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / ".cache/estimates"
TASKS = {
    "work from home": "binary",
    "car loan": "binary",
    "car price": "regression",
    "three classes": "multiclass",
}
OURS = {"roc_auc": "auc", "f1": "f1", "accuracy": "accuracy", "mae": "mae", "rmse": "rmse"}
LEFT = {"id", "timestamp", "period", "y_pred", "y_true", "identifier"}


def main() -> int:
    """Write out/estimate.json, and one line a set and metric: mean absolute error by chunk, ours and theirs."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    peer = Path(__file__).with_name("of_nannyml.py")
    if "--again" in sys.argv or not (FOLDER / "nannyml.json").exists():
        subprocess.run([packages.python("nannyml"), peer, FOLDER], check=True, stdout=subprocess.DEVNULL)
    told = {}
    for name, theirs in json.loads((FOLDER / "nannyml.json").read_text()).items():
        told[name] = compared(name, theirs)
        for metric, line in told[name]["metrics"].items():
            print(
                f"{name:15} {metric:9}",
                *(f"{key} {value:.5g}" for key, value in line.items() if key != "chunks"),
            )
        print(f"{name:15} learnt in {told[name]['learnt_s']:.2f} s, {told[name]['bytes']} bytes")
    (ROOT / "out").mkdir(exist_ok=True)
    (ROOT / "out/estimate.json").write_text(json.dumps(told, indent=2))
    return 0


def compared(name: str, theirs: dict[str, Any]) -> dict[str, Any]:
    """One set: by metric the mean absolute error of both over the chunks, and how often our band holds the truth."""
    task, target = TASKS[name], theirs["target"]
    reference, analysis = (
        pq.read_table(FOLDER / f"{name} {part}.parquet") for part in ("reference", "analysis")
    )
    began = time.process_time()
    spec, estimator = learnt(task, reference, target)
    spent = time.process_time() - began
    lines: dict[str, list[tuple[float, float, bool]]] = {}
    size = theirs["chunk"]
    for start in range(0, len(analysis), size):
        part = analysis.slice(start, size)
        chunk, labels = chunk_of(task, spec, part), labels_of(task, part, target)
        expectation = estimator.expect(chunk)
        real = learning.measured(tasks.of(task), labels, chunk)
        for metric, value in expectation.metrics.items():
            variance = expectation.variance if metric == "loss" else None
            days = len(np.unique(days_of(part)))
            band = errors.band(value, estimator.errors.get(metric), len(part), days, variance)
            lines.setdefault(metric, []).append(
                (value, real[metric], band is not None and band.lower <= real[metric] <= band.upper)
            )
    return {
        "learnt_s": spent,
        "bytes": len(json.dumps(estimator.to_dict())),
        "metrics": {metric: line(metric, parts, theirs["metrics"]) for metric, parts in lines.items()},
    }


def line(metric: str, parts: list[tuple[float, float, bool]], theirs: dict[str, Any]) -> dict[str, Any]:
    said, real = (np.array([part[place] for part in parts]) for place in (0, 1))
    held = float(np.mean([part[2] for part in parts]))
    told = {"ours": float(np.abs(said - real).mean()), "held": held, "realised": float(real.mean())}
    other = next(
        (
            item
            for name, item in theirs.items()
            if OURS.get(name) == metric or (name, metric) == ("f1", "macro_f1")
        ),
        None,
    )
    if other is not None:
        told["theirs"] = float(np.abs(np.array(other["estimated"]) - np.array(other["realised"])).mean())
        told["agree"] = float(np.abs(np.array(other["realised"]) - real).max())
    return told | {"chunks": [(part[0], part[1]) for part in parts]}


def features(table: pa.Table, target: str) -> dict[str, np.ndarray]:
    """Columns as a profile counts them."""
    told = {}
    for column in table.column_names:
        if column in LEFT or column == target or column.startswith("y_pred"):
            continue
        values = table[column].combine_chunks()
        if pa.types.is_dictionary(values.type):
            values = values.cast(pa.string())
        text = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
        told[column] = (
            np.array(values.to_pylist(), object)
            if text
            else values.to_numpy(zero_copy_only=False).astype(float)
        )
    return told


def given(task: str, table: pa.Table) -> np.ndarray:
    if task == "binary":
        return table["y_pred_proba"].to_numpy().astype(float)
    if task == "regression":
        return table["y_pred"].to_numpy().astype(float)
    return np.column_stack([table[name].to_numpy() for name in classes(table)]).astype(float)


def classes(table: pa.Table) -> list[str]:
    return sorted(name for name in table.column_names if name.startswith("y_pred_proba_"))


def labels_of(task: str, table: pa.Table, target: str) -> np.ndarray:
    if task != "multiclass":
        return table[target].to_numpy().astype(float)
    return _indexed(table, target).astype(float)


def _indexed(table: pa.Table, column: str) -> np.ndarray:
    places = {name.removeprefix("y_pred_proba_"): place for place, name in enumerate(classes(table))}
    return np.array([places[value] for value in table[column].to_pylist()], np.int64)


def days_of(table: pa.Table) -> np.ndarray:
    stamps = table["timestamp"].cast(pa.string())
    return np.array(pc.utf8_slice_codeunits(stamps, 0, 10).to_pylist())


def learnt(task: str, table: pa.Table, target: str) -> tuple[ProfileSpec, Estimator]:
    predicted, columns = given(task, table), features(table, target)
    kinds = {name: "category" if values.dtype == object else "number" for name, values in columns.items()}
    spec = fit_spec(columns, kinds, tasks.of(task).reduced(predicted, classes(table)))
    _, blocks = np.unique(days_of(table), return_inverse=True)
    reference = Reference(
        chunk_of(task, spec, table),
        labels_of(task, table, target),
        blocks,
        slots.sizes(spec),
        slots.unordered(spec),
    )
    estimator = learning.learn(task, reference)
    assert estimator is not None
    return spec, estimator


def chunk_of(task: str, spec: ProfileSpec, table: pa.Table) -> Chunk:
    predicted = given(task, table)
    reduced = tasks.of(task).reduced(predicted, classes(table))
    columns = features(table, "") | {name: part.values for name, part in reduced.items()}
    chosen = (
        None
        if task == "regression"
        else table["y_pred"].to_numpy(zero_copy_only=False)
        if task == "binary"
        else _indexed(table, "y_pred")
    )
    return Chunk(predicted, slots.place(spec, columns), None if chosen is None else chosen.astype(np.int64))


if __name__ == "__main__":
    sys.exit(main())
