"""The pieces of the script for a GPU: they say on the CPU what Millrace's own rules say, and see what is planted."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
from tests.gpu import engines, graphs, learning, machine, telling
from tests.gpu.graphs import CPU, CUDA, Bench, Way
from tests.gpu.part import NotRun, Told, Wrong
from tests.serving import mlp

from millrace_stats.tasks import of as task_of
from millrace_stats.timings import speed_up
from millrace_training.compress import judging
from millrace_training.compress.target import SAME

HOWTO = Path(__file__).parents[2] / "docs" / "howto"


def test_rows_are_alike_by_the_rule_of_compress():
    draw = np.random.default_rng(1)
    golden = draw.normal(size=500)
    answers = golden + draw.normal(size=500) * 0.07
    share = judging.alike(golden, answers, task_of("regression")).mean()
    assert 0.5 < share < 1
    assert graphs.compared(golden, answers)["alike"] == share
    assert (graphs.NEAR, graphs.SAME) == (judging.ALIKE, SAME)
    answers[3] = np.nan
    told = graphs.compared(golden, answers)
    assert told["largest"] == np.inf, "no number is no answer"


def test_how_much_faster_is_what_the_statistics_of_forms_say():
    draw = np.random.default_rng(2)
    base, variant = (np.sort(draw.uniform(low, low + 1, (9, 3)), axis=1) for low in (3, 1))
    wanted = speed_up(1, base, variant)
    timing = SimpleNamespace(
        measure=lambda forms, feeds: {"base": base.tolist(), "variant": variant.tolist()}
    )
    told = graphs.beside(timing, [None, None], {})
    assert [told[name] for name in ("ratio", "lower", "upper")] == pytest.approx(
        [wanted.ratio, wanted.lower, wanted.upper], abs=2e-4
    )
    assert graphs.timing().ROUNDS - 1 in graphs.T95


@pytest.fixture
def one(tmp_path):
    """A bundle of one graph, with a second form that is 8 bits."""
    feeds = mlp.rows(64, 5)
    for name, graph in (("fp32", mlp.fp32()), ("tensorrt-int8", mlp.int8())):
        (tmp_path / f"{name}.onnx").write_bytes(graph)
        np.save(tmp_path / f"{name}.npy", mlp.answers(graph, feeds))
    np.savez(tmp_path / "rows.npz", **{str(place): values for place, values in enumerate(feeds.values())})
    forms = {name: {"file": f"{name}.onnx", "golden": f"{name}.npy"} for name in ("fp32", "tensorrt-int8")}
    graph = {"name": "mlp", "inputs": list(feeds), "rows": "rows.npz", "forms": forms}
    return SimpleNamespace(folder=tmp_path, graph=graph)


@pytest.fixture
def bench(one, monkeypatch):
    """Without the time that real rounds take."""
    monkeypatch.setattr(graphs, "BATCHES", (1,))
    quick = graphs.timing()
    quick.SECONDS, quick.LEAST = 0.001, 2
    return Bench(one.folder, Told(one.folder / "told.json"), onnxruntime, quick)


def plain(one):
    return graphs.opened(onnxruntime, one.folder / "fp32.onnx", [CPU])


def test_each_form_is_checked_by_its_own_golden_rows_and_its_nodes_are_counted(one, bench):
    bench.run(one.graph, Way(CPU, ["fp32", "tensorrt-fp16", "tensorrt-int8"]), plain(one))
    assert bench.told.wrong == []
    assert [figure["form"] for figure in bench.told.figures] == ["mlp fp32 CPU", "mlp tensorrt-int8 CPU"]
    assert all(figure["nodes"][CPU] >= 4 and figure["alike"] == 1 for figure in bench.told.figures)
    assert json.loads((one.folder / "told.json").read_text())["figures"] == bench.told.figures


def test_a_form_that_answers_otherwise_is_wrong_and_one_that_does_not_load_too(one, bench):
    golden = np.load(one.folder / "fp32.npy")
    np.save(one.folder / "fp32.npy", golden[::-1])
    (one.folder / "tensorrt-int8.onnx").write_bytes(b"no graph")
    bench.run(one.graph, Way(CPU, ["fp32", "tensorrt-int8"]), plain(one))
    otherwise, broken = bench.told.wrong
    assert "% of the rows as the CPU does" in otherwise
    assert "mlp tensorrt-int8 CPU: " in broken


def test_a_provider_that_fell_back_in_silence_is_seen(one, bench):
    class Fallen(Way):
        providers = (CPU,)

    bench.run(one.graph, Fallen(CUDA, ["fp32"], {"use_tf32": "0"}), plain(one))
    assert bench.told.wrong == [f"mlp fp32 CUDA without TF32: nothing of it ran there, all on {CPU}"]


def test_without_a_provider_what_there_is_is_told():
    with pytest.raises(
        NotRun, match=r"has no CUDAExecutionProvider, only .*CPUExecutionProvider.*onnxruntime-gpu"
    ):
        graphs.runtime_with([CUDA])


def test_texts_come_back_as_texts(tmp_path):
    np.savez(tmp_path / "rows.npz", **{"0": np.array([["a"], [""]]), "1": np.ones((2, 1), np.float32)})
    feeds = graphs.rows(tmp_path, {"inputs": ["shop", "price"], "rows": "rows.npz"})
    assert (feeds["shop"].dtype, feeds["shop"].ravel().tolist()) == (object, ["a", ""])
    assert graphs.first(feeds, 3)["shop"].ravel().tolist() == ["a", "", "a"]


def test_the_command_of_a_job_gets_the_folders_of_this_machine():
    told = {
        "line": ["trtexec", "--onnx=/m/g.onnx", "--saveEngine=/e/k.building"],
        "graph": "/m/g.onnx",
        "engines": "/e",
    }
    line = engines.command(told, Path("/x/form.onnx"), Path("/y"))
    assert line == ["trtexec", "--onnx=/x/form.onnx", "--saveEngine=/y/k.building"]


@pytest.fixture
def job(tmp_path):
    """A bundle's folder of training code, with rows that a small net can explain."""
    draw = np.random.default_rng(3)
    matrix = draw.normal(size=(600, 4)).astype(np.float32)
    rows = tmp_path / "bundle" / "training" / "rows"
    rows.mkdir(parents=True)
    np.save(rows / "matrix.npy", matrix)
    np.save(rows / "target.npy", (50 + matrix @ [3, -2, 1, 0]).astype(np.float32))
    order = {
        "entry": "train:main", "task": "regression", "target": "y", "classes": None, "seed": 7, "rows": 600,
        "columns": [], "matrix": [f"feature_{place}" for place in range(4)], "params": {"epochs": 20}, "resume": None,
    }  # fmt: skip
    (rows.parent / "order.json").write_text(json.dumps(order))
    return tmp_path / "bundle"


TORCH = """
cuda = type("cuda", (), {"is_available": staticmethod(lambda: False)})
class distributed:
    def init_process_group(backend=None): pass
"""
"""As much of torch as `watched.py` touches where there is no GPU."""


def test_the_example_runs_in_its_folder_by_our_tool_and_its_graph_is_held_against_its_answers(job, tmp_path):
    script = tmp_path / "example.py"
    text = (HOWTO / "own-training" / "train.py").read_text()
    script.write_text(
        text.replace(
            "def main(job):\n",
            "def main(job):\n    import torch; torch.distributed.init_process_group('gloo')\n",
        )
    )
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text(TORCH)
    folder = learning.laid(job, script, tmp_path / "job")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-B", folder / "millrace_job.py", folder], env=environment, check=True)
    used = json.loads((folder / "code" / "used.json").read_text())
    assert (used["device"], used["backend"], used["peak_mib"]) == ("cpu", "gloo", 0)
    told = learning.result(folder)
    assert told["epochs"] == 20
    assert told["r2"] > 0.9
    assert told["parity"] < 1e-4
    exported = json.loads((folder / "exported.json").read_text())
    exported["answers"][0] = [0.0]
    (folder / "exported.json").write_text(json.dumps(exported))
    with pytest.raises(Wrong, match="answers otherwise than the code did"):
        learning.result(folder)


def test_a_training_that_stayed_on_the_cpu_and_one_whose_loss_differs_are_wrong():
    with pytest.raises(Wrong, match="torch sees none"):
        learning._on_a_gpu({"device": "cpu", "peak_mib": 0.0})
    learning._on_a_gpu({"device": "NVIDIA H100", "peak_mib": 12.0})
    learning._alike({"loss": 0.105}, {"loss": 0.1})
    with pytest.raises(Wrong, match=r"differ by 20\.0%"):
        learning._alike({"loss": 0.12}, {"loss": 0.1})


def test_gpus_are_told_as_their_driver_names_them(monkeypatch, tmp_path):
    for name in ("nvidia0", "nvidiactl"):
        (tmp_path / name).touch()
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA H100, 580.159.03, 81559 MiB, 9.0'\n")
    tool.chmod(0o755)
    monkeypatch.setattr(machine, "DEVICES", tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (told,) = machine.described()["gpus"]
    assert told == {
        "name": "NVIDIA H100", "driver_version": "580.159.03", "memory.total": "81559 MiB", "compute_cap": "9.0"
    }  # fmt: skip


def test_the_text_has_a_line_for_each_figure():
    timed = {"1": {"p10": 0.2, "p50": 0.2, "p99": 0.3, "ratio": 2.0, "lower": 1.9, "upper": 2.1}}
    figures = [{"form": "mlp fp32 CUDA", "nodes": {"CUDA": 4}, "alike": 1.0, "batches": timed}]
    part = {"what": "graphs", "state": "right", "why": "", "seconds": 3.2, "figures": figures}
    here = {
        "gpus": [{"name": "H100", "driver_version": "580"}],
        "processor": "x",
        "cores": 2,
        "load": 0.5,
        "packages": {},
    }
    text = telling.text({"date": "2026", "rehearsal": False, "machine": here, "parts": {"cuda": part}})
    assert "H100 (driver 580)" in text
    assert (
        "form mlp fp32 CUDA, nodes 4 CUDA, alike 1; rows 1: 0.200 ms (2.00 times as fast, 1.90 to 2.10)"
        in text
    )
