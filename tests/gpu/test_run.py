"""The script for a machine with a GPU runs to its end without one, says so of each part, and its exit status tells."""

import hashlib
import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import psutil
import pytest
from tests.gpu import bundle, machine, runner
from tests.gpu.part import NOT_RUN, RIGHT, WRONG

ROOT = Path(__file__).parents[2]
without_gpu = pytest.mark.skipif(machine.gpus() > 0, reason="this machine has a GPU")


@pytest.fixture
def empty(tmp_path):
    """A bundle that nothing can be run of."""
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "manifest.json").write_text(json.dumps({"made": {"seed": 7}, "graphs": []}))
    return tmp_path / "bundle"


def script(*arguments, **variables):
    given = (
        os.environ | {"MILLRACE_GPU_PYTHON": sys.executable, "MILLRACE_GPU_WHEELS": "/nowhere"} | variables
    )
    line = [str(ROOT / "tests" / "gpu" / "run"), *map(str, arguments)]
    return subprocess.run(line, env=given, capture_output=True, text=True, check=False, cwd="/")


@without_gpu
def test_without_a_gpu_every_part_says_so_and_the_script_ends_well_told(empty, tmp_path):
    done = script("--bundle", empty, "--out", tmp_path / "out")
    assert done.returncode == runner.NOT_ALL, done.stderr
    told = json.loads((tmp_path / "out" / "gpu.json").read_text())
    assert {name: (part["state"], part["why"]) for name, part in told["parts"].items()} == {
        part.name: (NOT_RUN, "no GPU here") for part in runner.PARTS
    }
    assert told["machine"]["gpus"] == []
    assert (tmp_path / "out" / "gpu.txt").read_text() == done.stdout
    assert done.stdout.count("no GPU here") == len(runner.PARTS)


def test_without_what_has_to_be_carried_along_it_does_not_begin(tmp_path):
    done = script("--bundle", tmp_path / "nothing", "--out", tmp_path / "out")
    assert done.returncode == runner.NO_BEGINNING
    assert "tests/gpu/run --prepare" in done.stdout


META = "Metadata-Version: 2.1\nName: tensorrt\nVersion: 0.0.1\n"
WHEEL = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@without_gpu
def test_a_wheel_in_pieces_is_put_together_and_one_that_is_none_is_told(empty, tmp_path):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    whole = tmp_path / "tensorrt-0.0.1-py3-none-any.whl"
    with zipfile.ZipFile(whole, "w") as made:
        made.writestr("tensorrt.py", "")
        made.writestr(
            "tensorrt-0.0.1.dist-info/METADATA", "Metadata-Version: 2.1\nName: tensorrt\nVersion: 0.0.1\n"
        )
        made.writestr(
            "tensorrt-0.0.1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        made.writestr("tensorrt-0.0.1.dist-info/RECORD", "")
    data = whole.read_bytes()
    for number, piece in enumerate((data[:300], data[300:])):
        (wheels / f"{whole.name}.{number:02}").write_bytes(piece)
    out = tmp_path / "out"
    assert (
        script("--bundle", empty, "--out", out, MILLRACE_GPU_WHEELS=str(wheels)).returncode == runner.NOT_ALL
    )
    assert json.loads((out / "gpu.json").read_text())["machine"]["packages"]["tensorrt"] == "0.0.1"
    (wheels / f"{whole.name}.01").write_bytes(b"broken")
    done = script("--bundle", empty, "--out", out, MILLRACE_GPU_WHEELS=str(wheels))
    assert "could not be installed" in done.stderr
    assert done.returncode == runner.NOT_ALL, "the others go on"


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ([RIGHT, RIGHT], runner.ALL_RAN),
        ([RIGHT, NOT_RUN], runner.NOT_ALL),
        ([NOT_RUN], runner.NOT_ALL),
        ([NOT_RUN, WRONG, RIGHT], runner.SOMETHING_WRONG),
    ],
)
def test_the_exit_status_tells(states, status):
    assert runner.status(states) == status


def test_all_parts_together_end_within_ten_minutes():
    assert sum(part.seconds for part in runner.PARTS) <= runner.WHOLE_SECONDS < 600


def asked(empty, out, *more):
    return runner._asked(["--bundle", str(empty), "--out", str(out), "--rehearse", *more])


PARTS = """
import os, subprocess, sys, time
from tests.gpu.part import NotRun

def dies(bundle, told, rehearse):
    told.add(form="one", loss=1.0)
    os._exit(9)

def hangs(bundle, told, rehearse):
    told.add(form="one", loss=1.0)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    told.add(child=child.pid)
    time.sleep(600)

def raises(bundle, told, rehearse):
    raise ValueError("no such kernel")

def cannot(bundle, told, rehearse):
    raise NotRun("no such library")
"""


def gone(pid):
    """Whether a process ends within ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    ("function", "state", "why", "figures"),
    [
        ("dies", WRONG, "its process ended with 9", 1),
        ("hangs", WRONG, "it took more than 3 s", 2),
        ("raises", WRONG, "ValueError: no such kernel", 0),
        ("cannot", NOT_RUN, "no such library", 0),
    ],
)
def test_what_a_part_found_is_kept_however_it_ends(
    empty, tmp_path, monkeypatch, function, state, why, figures
):
    folder = tmp_path / "more" / "tests" / "gpu"
    folder.mkdir(parents=True)
    (folder / "planted.py").write_text(PARTS)
    (folder / "child.py").write_text(
        f"import sys\nsys.path[:0] = [{str(ROOT)!r}]\nimport tests.gpu\ntests.gpu.__path__.append({str(folder)!r})\n"
        "from pathlib import Path\nfrom tests.gpu.child import main\n"
        "main(*sys.argv[1:3], Path(sys.argv[3]), Path(sys.argv[4]), True)\n"
    )
    monkeypatch.setattr(runner, "CHILD", [str(folder / "child.py")])
    out = tmp_path / "out"
    out.mkdir()
    part = runner.Part("planted", "planted", function, 3 / runner.PATIENCE, "")
    told = runner.run(part, asked(empty, out), 100)
    assert (told["state"], len(told["figures"])) == (state, figures)
    assert why in told["why"]
    if function == "hangs":
        assert gone(told["figures"][1]["child"]), "what it began is killed with it"


def test_what_comes_when_the_time_is_over_is_told(empty, tmp_path):
    told = runner.run(runner.PARTS[0], asked(empty, tmp_path), 0.5)
    assert (told["state"], told["why"]) == (NOT_RUN, "the ten minutes were over")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpu") / "bundle"
    bundle.make(folder)
    return folder


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_rehearsed_on_the_cpu_every_form_answers_its_golden_rows_and_is_timed(made, tmp_path):
    done = script("--bundle", made, "--out", tmp_path, "--rehearse", "--only", "cuda", "tensorrt")
    told = json.loads((tmp_path / "gpu.json").read_text())
    part = told["parts"]["cuda"]
    assert (part["state"], part["why"]) == (RIGHT, ""), done.stdout
    forms = {figure["form"] for figure in part["figures"]}
    for graph in ("table-mlp", "wide-mlp", "cnn"):
        assert {f"{graph} {form} CPU" for form in ("fp32", "ort-cuda-fp16", "tensorrt-int8")} <= forms
    assert all(figure["alike"] == 1.0 and len(figure["batches"]) == 4 for figure in part["figures"])
    assert told["parts"]["tensorrt"]["state"] == NOT_RUN
    assert done.returncode == runner.NOT_ALL


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_bundle_needs_no_pickle_and_has_what_each_part_reads(made):
    told = json.loads((made / "manifest.json").read_text())
    files = [form["file"] for graph in told["graphs"] for form in graph["forms"].values()]
    digests = {hashlib.sha256((made / name).read_bytes()).hexdigest() for name in files}
    assert len(files) == 12
    assert len(digests) >= 9, "FP16 for CUDA and for TensorRT may be the same bytes, the others not"
    assert [graph["tensorrt_alone"] for graph in told["graphs"]] == [False, True, True]
    (line,) = [graph["trtexec"]["line"] for graph in told["graphs"] if "trtexec" in graph]
    assert line[0] == "trtexec"
    order = json.loads((made / "training" / "order.json").read_text())
    assert (order["params"], order["task"]) == ({"epochs": bundle.EPOCHS}, "regression")
