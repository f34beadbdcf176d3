"""Our graphs in TensorRT itself: built in this process, or by the command that a cluster's Job runs. Never run so far.

Only graphs whose inputs and outputs TensorRT has: no texts.
"""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from tests.gpu import graphs
from tests.gpu.graphs import Feeds
from tests.gpu.part import NotRun, Told, Wrong

FORMS = ("fp32", "tensorrt-fp16", "tensorrt-int8")
LEAST, USUAL, MOST = 1, 8, 1024
REHEARSED = "there is nothing to rehearse without TensorRT"


def native(bundle: Path, told: Told, rehearse: bool) -> None:
    """Engines by TensorRT's Python, strongly typed, their answers and times."""
    if rehearse:
        raise NotRun(REHEARSED)
    try:
        import tensorrt
        import torch  # noqa: F401 - holds the rows on the GPU
    except ImportError as error:
        raise NotRun(f"{error.name} is not in this Python") from error
    timing, runtime = graphs.timing(), graphs.runtime_with([graphs.CPU])
    for graph in _alone(bundle):
        feeds = graphs.rows(bundle, graph)
        before: Any = graphs.opened(runtime, bundle / graph["forms"]["fp32"]["file"], [graphs.CPU])
        for form in [name for name in FORMS if name in graph["forms"]]:
            made, called = graph["forms"][form], f"{graph['name']} {form} tensorrt {tensorrt.__version__}"
            engine = Engine(tensorrt, (bundle / made["file"]).read_bytes(), feeds)
            checked = graphs.compared(np.load(bundle / made["golden"]), graphs.answered(engine, feeds))
            timed = {
                str(batch): graphs.beside(timing, [before, engine], graphs.first(feeds, batch))
                for batch in graphs.BATCHES
            }
            told.add(form=called, **checked, batches=timed)
            if checked["alike"] < graphs.SAME:
                told.wrong.append(f"{called} answers {checked['alike']:.2%} of the rows as the CPU does")
            before = engine if form == "fp32" else before


class Engine:
    """An engine that is asked as a session of onnxruntime is. Raises: Wrong if TensorRT does not take the graph."""

    def __init__(self, tensorrt: Any, graph: bytes, feeds: Feeds) -> None:
        log = tensorrt.Logger(tensorrt.Logger.WARNING)
        builder = tensorrt.Builder(log)
        flags = getattr(tensorrt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
        network = builder.create_network(0 if flags is None else 1 << int(flags))
        parser = tensorrt.OnnxParser(network, log)
        if not parser.parse(graph):
            raise Wrong(f"TensorRT's parser: {parser.get_error(0)}"[:500])
        config, profile = builder.create_builder_config(), builder.create_optimization_profile()
        for name, values in feeds.items():
            profile.set_shape(name, *((size, *values.shape[1:]) for size in (LEAST, USUAL, MOST)))
        config.add_optimization_profile(profile)
        plan = builder.build_serialized_network(network, config)
        if plan is None:
            raise Wrong("TensorRT built no engine; see the log")
        self._runtime = tensorrt.Runtime(log)
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        self._context = self._engine.create_execution_context()
        every = [self._engine.get_tensor_name(place) for place in range(self._engine.num_io_tensors)]
        self._outputs = [name for name in every if name not in feeds]

    def run(self, outputs: Any, feeds: Feeds) -> list[np.ndarray]:
        """Every output for these rows, from the machine's memory and back into it."""
        import torch

        kept = []
        for name, values in feeds.items():
            held = torch.from_numpy(np.ascontiguousarray(values)).cuda()
            kept.append(held)
            self._context.set_input_shape(name, tuple(values.shape))
            self._context.set_tensor_address(name, held.data_ptr())
        made = []
        for name in self._outputs:
            shape = tuple(self._context.get_tensor_shape(name))
            made.append(torch.empty(shape, dtype=torch.float32, device="cuda"))
            self._context.set_tensor_address(name, made[-1].data_ptr())
        if not self._context.execute_async_v3(torch.cuda.current_stream().cuda_stream):
            raise Wrong("TensorRT did not run the engine")
        torch.cuda.synchronize()
        return [values.cpu().numpy() for values in made]


def trtexec(bundle: Path, told: Told, rehearse: bool) -> None:
    """The command of a cluster's Job, word for word but for its two folders."""
    if rehearse:
        raise NotRun(REHEARSED)
    if shutil.which("trtexec") is None:
        raise NotRun("there is no trtexec on the PATH")
    for graph in [item for item in _alone(bundle) if "trtexec" in item]:
        with tempfile.TemporaryDirectory(prefix="millrace-engines-") as folder:
            line = command(graph["trtexec"], bundle / graph["forms"]["tensorrt-int8"]["file"], Path(folder))
            done = subprocess.run(line, check=False)
            made = next(Path(folder).glob("*.building"), None)
            if done.returncode or made is None:
                raise Wrong(f"{graph['name']}: trtexec ended with {done.returncode}; see the log")
            told.add(form=f"{graph['name']} tensorrt-int8 trtexec", bytes=made.stat().st_size)


def command(told: dict[str, Any], graph: Path, folder: Path) -> list[str]:
    """The line with the graph and the folder of engines as they lie here."""
    return [
        part.replace(told["graph"], str(graph)).replace(told["engines"], str(folder)) for part in told["line"]
    ]


def _alone(bundle: Path) -> list[dict[str, Any]]:
    made = json.loads((bundle / "manifest.json").read_text())["graphs"]
    return [graph for graph in made if graph["tensorrt_alone"]]
