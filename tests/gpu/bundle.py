"""Makes here what a machine with a GPU is given: graphs in their forms, rows, the CPU's answers, and a job's folder.

Everything is made by the code that a loop runs: the graph of a search, forms by the targets of `compress`, the folder
of training code as a job lays it. On the other machine no Millrace is needed.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pyarrow as pa
from tests.gpu.runner import BUNDLE, ROOT
from tests.serving import cnn, mlp
from tests.training.automl.test_train import flights, spec
from tests.training.conftest import MemoryRegistry, run_train

from millrace.code_archive import pack
from millrace_contracts.learning import TrainSpec
from millrace_contracts.signature import Signature
from millrace_serving.cluster import engines, pods
from millrace_serving.settings import ServingSettings
from millrace_serving.triton import engine
from millrace_training.automl.portfolio import NETS
from millrace_training.compress.gpu import OrtCudaFp16, TensorRtFp16, TensorRtInt8
from millrace_training.compress.target import Target
from millrace_training.features.columns import columns_from_signature
from millrace_training.features.frame import from_arrow
from millrace_training.graph.session import in_its_bits, open_session
from millrace_training.kinds import train
from millrace_training.runtime import executors
from millrace_training.runtime.assignment import JobIdentity
from millrace_training.runtime.context import Context
from millrace_training.runtime.trials import TrialStore

TABLES, ROWS, SEED, EPOCHS = 8, 256, 7, 20
"""Tables of 3,000 flights that the example learns from; rows that forms are checked with."""
TARGETS: tuple[Target, ...] = (OrtCudaFp16(), TensorRtFp16(), TensorRtInt8())
WIDE = tuple(f"x{number}" for number in range(30))
Feeds = dict[str, np.ndarray]


def make(folder: Path) -> None:
    """Write everything into *folder*, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    table = pa.concat_tables(flights(seed) for seed in range(TABLES))
    with tempfile.TemporaryDirectory(prefix="millrace-bundle-") as work:
        _laid(folder / "training", Path(work, "own"), table)
        told = [_graph(folder, *item) for item in _graphs(Path(work, "search"), table)]
    made = {"date": date.today().isoformat(), "onnxruntime": onnxruntime.__version__, "seed": SEED}
    (folder / "manifest.json").write_text(json.dumps({"made": made, "graphs": told}, indent=2) + "\n")


def _laid(into: Path, work: Path, table: pa.Table) -> None:
    """The order and the rows of a real job with training code, which ran here in NumPy."""
    registry = MemoryRegistry()
    registry.add("flights", 1, table)
    digest = registry.put_artifact(pack(ROOT / "docs" / "howto" / "own-training"))
    code = {"digest": digest, "params": {"epochs": 1}}
    asked = TrainSpec.model_validate(spec(code=code, windows=["all"], seed=SEED))
    with closing(_context(work, registry)) as context:
        train(asked, context)
    (order,) = work.rglob("order.json")
    shutil.copytree(order.parent / "rows", into / "rows", ignore=shutil.ignore_patterns("*.parquet"))
    told = json.loads(order.read_text())
    (into / "order.json").write_text(json.dumps(told | {"params": {"epochs": EPOCHS}}))


def _context(work: Path, registry: MemoryRegistry) -> Context:
    """That of a job, as its child process would have it."""
    (work / "scratch").mkdir(parents=True)
    return Context(
        client=SimpleNamespace(registry=registry),  # type: ignore[arg-type]
        scratch=work / "scratch",
        trials=TrialStore(work / "trials.sqlite"),
        threads=2,
        job=JobIdentity("1", "bundle", "train", "loop", 1, 1),
        emit=lambda news: None,
        is_cancelled=lambda: False,
        make_executor=lambda name: executors.make(name, 2, 2 << 30),
    )


def _graphs(work: Path, table: pa.Table) -> Iterator[tuple[str, bytes, Signature, Feeds]]:
    """Name, FP32 graph, signature and rows: of a search with texts and dates, a wide net, and a net of images."""
    graph, signature, feeds = _searched(work, table)
    yield "table-mlp", graph, signature, feeds
    wide = [{"name": name, "datatype": "FP32", "column": name, "kind": "number"} for name in WIDE]
    drawn = np.random.default_rng(SEED).normal(size=(len(WIDE), ROWS, 1)).astype(np.float32)
    told = Signature.model_validate(mlp.SIGNATURE | {"inputs": wide})
    yield "wide-mlp", mlp.fp32(1024, SEED, WIDE), told, dict(zip(WIDE, drawn, strict=True))
    yield "cnn", cnn.fp32(), Signature.model_validate(cnn.SIGNATURE), {"image": cnn.images(ROWS, SEED)}


def _searched(work: Path, table: pa.Table) -> tuple[bytes, Signature, Feeds]:
    """The graph of a small search among nets, with its preprocessing."""
    registry = MemoryRegistry()
    registry.add("flights", 1, table)
    asked = spec(configurations=NETS[:1], windows=["all"], seed=SEED)
    with closing(_context(work, registry)) as context:
        made = run_train(asked, context)
    signature, graph = (
        Signature.model_validate(made["signature"]),
        registry.store[made["files"]["model.onnx"]],
    )
    frame = from_arrow(table.slice(0, ROWS), columns_from_signature(signature))
    return graph, signature, in_its_bits(open_session(graph), frame.feeds())


def _graph(folder: Path, name: str, graph: bytes, signature: Signature, feeds: Feeds) -> dict[str, Any]:
    """One graph in all its forms, as the manifest tells of it."""
    forms = {"fp32": _form(folder, f"{name}.fp32", graph, feeds, "as exported")}
    for target in TARGETS:
        recipe = next(iter(target.recipes(graph, feeds)))
        made = recipe.build(graph, feeds)
        broken = target.broken(made)
        assert not broken, f"{name} {target.name}: {broken}"
        forms[target.name] = _form(folder, f"{name}.{target.name}", made, feeds, recipe.how)
    stored = {str(place): _storable(values) for place, values in enumerate(feeds.values())}
    np.savez(folder / f"{name}.rows.npz", **stored)
    told = {"name": name, "inputs": list(feeds), "rows": f"{name}.rows.npz", "forms": forms}
    told["tensorrt_alone"] = engine.why_not(signature) is None
    if told["tensorrt_alone"] and all(values.shape[1:] == (1,) for values in feeds.values()):
        told["trtexec"] = _command(signature)
    return told


def _form(folder: Path, name: str, graph: bytes, feeds: Feeds, how: str) -> dict[str, str]:
    """A form's file, and what the CPU answers with it."""
    (folder / f"{name}.onnx").write_bytes(graph)
    answers = np.asarray(open_session(graph).run(None, feeds)[0], np.float64).reshape(-1)
    np.save(folder / f"{name}.golden.npy", answers)
    return {"file": f"{name}.onnx", "golden": f"{name}.golden.npy", "how": how}


def _storable(values: np.ndarray) -> np.ndarray:
    """Texts without pickles."""
    return values.astype(str) if values.dtype == object else values


def _command(signature: Signature) -> dict[str, Any]:
    """The line of a cluster's Job, and the two places in it."""
    key = engine.EngineKey(gpu="here", driver="here", tensorrt="here", digest="here")
    item = SimpleNamespace(signature=signature)
    sizes = engines.shapes(ServingSettings(platform="kubernetes"), item)  # type: ignore[arg-type]
    line = engines.command("graph", key, sizes)
    return {"line": line, "graph": f"{pods.MODELS}/graph/1/model.onnx", "engines": pods.ENGINES}


def main() -> int:
    """Make the bundle, and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=BUNDLE)
    folder = parser.parse_args().bundle
    make(folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{folder}: {size / 2**20:.1f} MiB. Carry it along, and run tests/gpu/run there.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
