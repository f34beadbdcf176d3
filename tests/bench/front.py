"""What a search for loss and latency finds, beside a search for loss alone and beside halving its trees by hand.

    python -m tests.bench.front [a table's name ...]

Three real tables; the production's own training job on four fifths of the rows, twice with the same seed and the same
number of trials: for the loss alone, and for loss and latency. The naive way takes what the first one chose and fits it
again with half the trees. All graphs answer the last fifth; then all are timed in turn, in the machine's slot.
"""

import os
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
from tests.bench import families
from tests.training.conftest import MemoryRegistry, run_train

from millrace_contracts.learning import Configuration
from millrace_stats import tasks
from millrace_stats.timings import bounded
from millrace_training.automl import portfolio, targets
from millrace_training.features.columns import columns_from_signature
from millrace_training.features.frame import from_arrow
from millrace_training.graph.rounds import in_turn
from millrace_training.graph.session import in_its_bits, open_session, predict
from millrace_training.runtime import executors, slot
from millrace_training.runtime.assignment import JobIdentity
from millrace_training.runtime.context import Context
from millrace_training.runtime.trials import TrialStore

TABLES = ("tumours", "diabetes", "wine")
TRIALS, SEED, FOLDS = 14, 7, 3
MARGIN = 0.02
BATCHES = (1, 8, 64)


def context(folder: Path, registry: MemoryRegistry) -> Context:
    """Of a job in this process."""
    (folder / "scratch").mkdir(parents=True)
    return Context(
        client=SimpleNamespace(registry=registry),  # type: ignore[arg-type]
        scratch=folder / "scratch",
        trials=TrialStore(folder / "trials.db"),
        threads=1,
        job=JobIdentity("1", folder.name, "train", "bench", 1, 1),
        emit=lambda news: None,
        is_cancelled=lambda: False,
        make_executor=lambda name: executors.make(name, 1, 8 << 30),
    )


def halved(item: Configuration) -> Configuration:
    """The same with half the trees; of an ensemble, each of its members."""
    if "members" in item:
        return {**item, "members": [halved(member) for member in item["members"]]}
    if item["family"] not in portfolio.NUMBER_OF:
        return item
    return {**item, "params": portfolio.halved(item["family"], item["params"])}


def measure(rows: families.Rows) -> list[dict[str, Any]]:
    """One line for each way."""
    frame = rows.frame
    order = np.random.default_rng(SEED).permutation(len(frame))
    test, train = order[: len(frame) // 5], order[len(frame) // 5 :]
    registry = MemoryRegistry()
    registry.add("bench", 1, pa.Table.from_pandas(frame.iloc[train], preserve_index=False))
    asked = {
        "dataset": "bench", "dataset_version": 1, "task": rows.task, "target": "target", "folds": FOLDS,
        "trials": TRIALS, "seed": SEED, "executor": "inline",
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        made = {}
        for name, more in {
            "loss": {},
            "loss and latency": {"latency": {"rows": 1, "margin": MARGIN}},
        }.items():
            made[name] = run_train(asked | more, context(Path(folder, name), registry))
        by_hand = [halved(made["loss"]["configuration"])]
        refit = {"search": "refit", "configurations": by_hand}
        made["loss, halved"] = run_train(asked | refit, context(Path(folder, "halved"), registry))
    return judged(rows, test, made, registry)


def judged(
    rows: families.Rows, test: np.ndarray, made: dict[str, Any], registry: MemoryRegistry
) -> list[dict[str, Any]]:
    """Loss on rows that no search saw, and milliseconds, of each way."""
    from millrace_contracts.signature import Signature

    task = tasks.of(rows.task)
    signature = Signature.model_validate(made["loss"]["signature"])
    column = pa.chunked_array([pa.array(rows.frame["target"].iloc[test])])
    truth = targets.read(column, task, tuple(signature.classes or ()))
    held = from_arrow(
        pa.Table.from_pandas(rows.frame.iloc[test], preserve_index=False), columns_from_signature(signature)
    )
    scale = float(np.var(truth)) if rows.task == "regression" else 1.0
    graphs = {name: registry.store[told["files"]["model.onnx"]] for name, told in made.items()}
    sessions = [open_session(graph) for graph in graphs.values()]
    feeds = in_its_bits(sessions[0], held.take(np.arange(min(512, held.rows))).feeds())
    with slot.held(slot.place()):
        timed = {batch: in_turn(sessions, feeds, batch) for batch in BATCHES}
    lines = []
    for place, (name, told) in enumerate(made.items()):
        loss = float(task.losses(truth, predict(sessions[place], held)).mean()) / scale
        times = [bounded(batch, quantiles[place], calls) for batch, (calls, quantiles) in timed.items()]
        line = {"table": rows.name, "way": name, "chosen": told["configuration"]["id"], "loss": loss}
        lines.append(line | {"kB": len(graphs[name]) / 1000, "times": times})
        if told.get("front"):
            lines[-1]["front"] = told["front"]
    return lines


def main() -> int:
    """Print the table, in Markdown, and each front."""
    only = sys.argv[1:] or TABLES
    print(f"load {os.getloadavg()[0]:.1f}, {TRIALS} trials, seed {SEED}", flush=True)
    print(
        "| table | way | chosen | loss on unseen rows | kB | ms, 1 row | 8 | 64 |\n|---|---|---|---|---|---|---|---|"
    )
    notes = []
    for rows in families.data():
        if rows.name not in only:
            continue
        for line in measure(rows):
            times = " | ".join(
                f"{item.p10:.4f} ({item.lower:.4f}–{item.upper:.4f})" for item in line["times"]
            )
            said = f"{line['chosen']} | {line['loss']:.4f} | {line['kB']:.0f} | {times}"
            print(f"| {line['table']} | {line['way']} | {said} |", flush=True)
            if "front" in line:
                notes.append((line["table"], line["front"]))
    for name, front in notes:
        print(f"\n{name}: {front['chosen']}, {front['reason']}; {front['notes']}")
        for point in front["points"]:
            if point["on_front"]:
                took = next(item for item in point["latencies"] if item["batch"] == front["rows"])
                print(
                    f"  {point['id']} {point['loss']:.5g} {took['p10']:.4f} ({took['lower']:.4f}–{took['upper']:.4f})"
                )
    print(f"load {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
