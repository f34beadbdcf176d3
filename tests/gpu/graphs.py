"""Our graphs in onnxruntime's providers for GPUs: their answers against the CPU's, where their nodes ran, and how fast.

Timed by the very file that times forms where Triton serves (`serving/triton/timing.py`): in turn, in rounds, with rows
that lie in the machine's memory before and after, as requests do.
"""

import importlib.util
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from tests.gpu.part import NotRun, Told

ROOT = Path(__file__).parents[2]
TIMING = ROOT / "services" / "serving" / "millrace_serving" / "triton" / "timing.py"
CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"
BATCHES = (1, 8, 64, 1024)
NEAR, SAME = 0.1, 0.99
"""Numbers are alike that differ by less than this share of their deviation; this share of rows has to be alike: the
rules of `compress`."""
T95 = {8: 2.306}
"""Of Student's t, two-sided 95 %, by degrees of freedom: rounds less one."""
Feeds = dict[str, np.ndarray]


@dataclass(frozen=True)
class Way:
    """A provider with its options, the forms that are run by it, in this order."""

    provider: str
    forms: Sequence[str]
    options: dict[str, str] = field(default_factory=dict)

    @property
    def providers(self) -> list[Any]:
        """As onnxruntime takes them; what the first does not run is another's."""
        behind = {CPU: [], CUDA: [CPU], TENSORRT: [CUDA, CPU]}
        return [(self.provider, self.options), *behind[self.provider]]

    @property
    def words(self) -> str:
        """What of the options changes numbers."""
        return {"0": "without TF32", "1": "with TF32"}.get(self.options.get("use_tf32", ""), "")


def cuda(bundle: Path, told: Told, rehearse: bool) -> None:
    """FP32 to the last bit, as CUDA does it by itself (TF32), FP16, and what TensorRT would get."""
    ways = [
        Way(CUDA, ["fp32"], {"use_tf32": "0"}),
        Way(CUDA, ["fp32", "ort-cuda-fp16", "tensorrt-int8"], {"use_tf32": "1"}),
    ]
    _all(bundle, told, ways, rehearse)


def tensorrt(bundle: Path, told: Told, rehearse: bool) -> None:
    """Each form as TensorRT gets it, with its engines in a folder that goes with the part."""
    with tempfile.TemporaryDirectory(prefix="millrace-engines-") as folder:
        cache = {"trt_engine_cache_enable": "1", "trt_engine_cache_path": folder}
        _all(bundle, told, [Way(TENSORRT, ["fp32", "tensorrt-fp16", "tensorrt-int8"], cache)], rehearse)


def _all(bundle: Path, told: Told, ways: Sequence[Way], rehearse: bool) -> None:
    bench = Bench(bundle, told, runtime_with([CPU] if rehearse else [ways[0].provider]), timing())
    for graph in json.loads((bundle / "manifest.json").read_text())["graphs"]:
        plain = opened(bench.runtime, bundle / graph["forms"]["fp32"]["file"], [CPU])
        for way in ways:
            bench.run(graph, Way(CPU, way.forms) if rehearse else way, plain)


@dataclass(frozen=True)
class Bench:
    """What graphs are run with, and where that is told."""

    bundle: Path
    told: Told
    runtime: Any
    timing: ModuleType

    def run(self, graph: dict[str, Any], way: Way, plain: Any) -> None:
        """Each form of a graph; FP32 is held against *plain*, the same on the CPU, and the others against FP32 here."""
        feeds, before = rows(self.bundle, graph), plain
        for form in [name for name in way.forms if name in graph["forms"]]:
            provider = way.provider.removesuffix("ExecutionProvider")
            called = f"{graph['name']} {form} {provider} {way.words}".strip()
            try:
                session = self._one(called, graph["forms"][form], way, feeds, before)
            except Exception as error:  # of the runtime: the other forms go on
                self.told.wrong.append(f"{called}: {type(error).__name__}: {error}"[:400])
                self.told.add(form=called, failed=str(error)[:200])
            else:
                before = session if form == "fp32" else before

    def _one(self, called: str, form: dict[str, str], way: Way, feeds: Feeds, before: Any) -> Any:
        """Run, check and time one form; its session."""
        path = self.bundle / form["file"]
        session = opened(self.runtime, path, way.providers)
        checked = compared(np.load(self.bundle / form["golden"]), answered(session, feeds))
        nodes = placed(self.runtime, path, way.providers, feeds)
        timed = {str(batch): beside(self.timing, [before, session], first(feeds, batch)) for batch in BATCHES}
        self.told.add(form=called, nodes=nodes, **checked, batches=timed)
        if checked["alike"] < SAME:
            self.told.wrong.append(f"{called} answers {checked['alike']:.2%} of the rows as the CPU does")
        if not nodes.get(way.provider):
            self.told.wrong.append(f"{called}: nothing of it ran there, all on {', '.join(nodes)}")
        return session


def runtime_with(wanted: Sequence[str]) -> Any:
    """onnxruntime, with the libraries of CUDA that lie in this Python. Raises: NotRun without one of *wanted*."""
    try:
        import onnxruntime
    except ImportError as error:
        raise NotRun("no onnxruntime in this Python") from error
    there = onnxruntime.get_available_providers()
    lacking = [name for name in wanted if name not in there]
    if lacking:
        raise NotRun(
            f"onnxruntime {onnxruntime.__version__} here has no {lacking[0]}, only {', '.join(there)}: "
            "carry a wheel of onnxruntime-gpu (docs/howto/gpu.md)"
        )
    with suppress(Exception):
        import torch  # noqa: F401 - its libraries of CUDA are found afterwards

        onnxruntime.preload_dlls()
    return onnxruntime


def timing() -> ModuleType:
    """The file that times forms where Triton serves."""
    spec = importlib.util.spec_from_file_location("timing", TIMING)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def opened(runtime: Any, path: Path, providers: Sequence[Any], options: Any = None) -> Any:
    """A session with one thread on the CPU, as serving has it."""
    options = options or runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return runtime.InferenceSession(path.read_bytes(), options, providers=list(providers))


def answered(session: Any, feeds: Feeds) -> np.ndarray:
    """The first output, float64 (rows,)."""
    return np.asarray(session.run(None, feeds)[0], np.float64).reshape(-1)


def placed(runtime: Any, path: Path, providers: Sequence[Any], feeds: Feeds) -> dict[str, int]:
    """How many nodes each provider ran in one call: onnxruntime falls back in silence."""
    with tempfile.TemporaryDirectory(prefix="millrace-profile-") as folder:
        options = runtime.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder, "run"))
        session = opened(runtime, path, providers, options)
        session.run(None, feeds)
        events = json.loads(Path(session.end_profiling()).read_text())
    seen = {
        (event["name"], event["args"]["provider"])
        for event in events
        if event.get("cat") == "Node" and event.get("args", {}).get("provider")
    }
    counted: dict[str, int] = {}
    for _, provider in seen:
        counted[provider] = counted.get(provider, 0) + 1
    return counted


def rows(bundle: Path, graph: dict[str, Any]) -> Feeds:
    """The graph's rows by input, as it takes them."""
    stored = np.load(bundle / graph["rows"])
    return {
        name: stored[str(place)].astype(object)
        if stored[str(place)].dtype.kind == "U"
        else stored[str(place)]
        for place, name in enumerate(graph["inputs"])
    }


def first(feeds: Feeds, batch: int) -> Feeds:
    """So many rows, from the beginning again where there are fewer."""
    place = np.arange(batch) % len(next(iter(feeds.values())))
    return {name: values[place] for name, values in feeds.items()}


def compared(golden: np.ndarray, answers: np.ndarray) -> dict[str, float]:
    """Share of rows that are alike, and the largest difference in deviations of the golden answers."""
    scale, apart = max(float(golden.std()), 1e-12), np.abs(answers - golden)
    apart = np.where(np.isfinite(answers), apart, np.inf)
    return {"alike": float((apart <= NEAR * scale).mean()), "largest": float(apart.max() / scale)}


def beside(timing: ModuleType, forms: Sequence[Any], feeds: Feeds) -> dict[str, float]:
    """The second form's milliseconds, and how many times as fast as the first it is, with 95 % bounds."""
    told = timing.measure(list(forms), feeds)
    base, variant = np.array(told["base"]), np.array(told["variant"])
    p10, p50, p99 = (float(value) for value in np.median(variant, axis=0))
    return {"p10": p10, "p50": p50, "p99": p99, **dict(_bounds(base[:, 0] / np.maximum(variant[:, 0], 1e-9)))}


def _bounds(ratios: np.ndarray) -> Iterator[tuple[str, float]]:
    middle = float(ratios.mean())
    half = float(T95[len(ratios) - 1] * ratios.std(ddof=1) / np.sqrt(len(ratios)))
    yield from (("ratio", middle), ("lower", middle - half), ("upper", middle + half))
