"""`python -m tests.bench.batch`: rows a second and core of the job that scores, beside the naive way on the same graph.

The model is that of the notes: 100 trees of LightGBM on 20 numbers. Both ways read the same Parquet file and write the
same columns to CSV, each in a process of its own with one thread, in turn; processor time counts, as the machine may
be busy.
"""

import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
from tests.bench.job import context

ROWS, FEATURES, TREES = 1_000_000, 20, 100
NAMES = [f"x{number}" for number in range(FEATURES)]
SIGNATURE = {
    "inputs": [{"name": name, "datatype": "FP32", "column": name, "kind": "number"} for name in NAMES],
    "outputs": [{"name": "prediction", "datatype": "FP32"}],
    "task": "regression",
    "target": "y",
}


def naive(folder: Path) -> None:
    """Fifteen lines that anybody writes: the whole file into pandas, one call of onnxruntime, one CSV."""
    import onnxruntime
    import pandas as pd

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )
    frame = pd.read_parquet(folder / "in.parquet")
    feeds = {name: frame[[name]].to_numpy(np.float32) for name in NAMES}
    frame["prediction"] = session.run(None, feeds)[0].reshape(-1)
    frame.to_csv(folder / "naive.csv", index=False)


def job(folder: Path) -> None:
    """The job's own code, with the registry's part played by this folder."""
    from millrace_contracts.models import ModelVersionRead
    from millrace_contracts.scoring import ScoreSpec
    from millrace_training.scoring import score

    digest = "sha256:" + "0" * 64
    facts = {
        "model": "bench", "number": 1, "key": "k", "digest": digest, "files": {"model.onnx": digest},
        "signature": SIGNATURE, "task": "regression", "target": "y", "metrics": {}, "baseline": None, "lineage": {},
        "environment": {}, "golden": {}, "created_at": "2030-01-01T00:00:00Z",
    }  # fmt: skip
    registry = SimpleNamespace(
        version=lambda model, number: ModelVersionRead.model_validate(facts),
        get_artifact=lambda digest: (folder / "model.onnx").read_bytes(),
        artifact_chunks=lambda digest: iter(
            lambda file=(folder / "in.parquet").open("rb"): file.read(1 << 20), b""
        ),
        put_artifact=lambda path, kind: _kept(path, folder / "job.csv"),
    )
    source = {"digest": digest, "name": "in.parquet", "format": "parquet"}
    spec = ScoreSpec.model_validate({"model": "bench", "version": 1, "files": [source]})
    result = score.run(spec, context(registry, "score", folder / "scratch"))
    assert result.answered == ROWS


def _kept(path: Path, target: Path) -> str:
    path.rename(target)
    path.touch()
    return "sha256:" + "0" * 64


def prepare(folder: Path) -> None:
    """A model, and a file in row groups as pyarrow writes them to be read in pieces."""
    import lightgbm

    from millrace_contracts.signature import Signature
    from millrace_training.export.boosters import from_lightgbm
    from millrace_training.graph.builder import Graph

    draw = np.random.default_rng(7)
    rows = draw.normal(size=(ROWS, FEATURES)).astype(np.float32)
    target = rows[:, 0] * rows[:, 1] + np.sin(rows[:, 2]) + draw.normal(size=ROWS, scale=0.1)
    learner = lightgbm.LGBMRegressor(n_estimators=TREES, num_leaves=31, n_jobs=1, verbose=-1)
    learner.fit(rows[:50_000], target[:50_000])
    graph = Graph()
    forest = from_lightgbm(learner.booster_)
    answer = forest.emit(graph, graph.concat(NAMES))
    (folder / "model.onnx").write_bytes(
        graph.model({"prediction": answer}, Signature.model_validate(SIGNATURE))
    )
    table = pa.table(dict(zip(NAMES, rows.T, strict=True)))
    parquet.write_table(table, folder / "in.parquet", row_group_size=65_536)


def measure(way: str, folder: Path) -> dict[str, float]:
    """One way in a process of its own: seconds, processor seconds, rows a second of each, MiB at most."""
    command = [sys.executable, "-m", "tests.bench.batch", way, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def main() -> int:
    """Both ways, the job first; 0 if it keeps its promise and answers as the naive way does."""
    with tempfile.TemporaryDirectory(prefix="batch-") as place:
        folder = Path(place)
        prepare(folder)
        figures = {way: measure(way, folder) for way in ("job", "naive")}
        ours, theirs = (_predictions(folder / f"{way}.csv") for way in ("job", "naive"))
        figures["same"] = {"rows": float((ours == theirs).sum()), "of": float(len(theirs))}
    print(json.dumps(figures, indent=2))
    kept = (
        figures["job"]["rows_per_cpu_second"] >= 30_000 and figures["same"]["rows"] == figures["same"]["of"]
    )
    return 0 if kept else 1


def _predictions(path: Path) -> np.ndarray:
    import pandas as pd

    return pd.read_csv(path, usecols=["prediction"])["prediction"].to_numpy(np.float32)


def one(way: str, folder: Path) -> None:
    """Run one way here and print what it took."""
    began = time.monotonic()
    {"job": job, "naive": naive}[way](folder)
    seconds, used = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime
    out = io.StringIO()
    json.dump(
        {
            "seconds": seconds,
            "cpu_seconds": cpu,
            "rows_per_second": ROWS / seconds,
            "rows_per_cpu_second": ROWS / cpu,
            "peak_mib": used.ru_maxrss / 1024,
        },
        out,
    )
    print(out.getvalue())


if __name__ == "__main__":
    if len(sys.argv) > 1:
        one(sys.argv[1], Path(sys.argv[2]))
    else:
        sys.exit(main())
