"""Training code of a user's own runs apart, is killed and goes on, and ends in a graph that answers as it did."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sklearn.datasets import load_breast_cancer
from tests.training.automl.test_train import DAY, START, flights
from tests.training.conftest import run_evaluate

from millrace.code_archive import pack
from millrace_contracts.learning import TrainSpec
from millrace_training.kinds import train
from millrace_training.launch import apart
from millrace_training.runtime.errors import Cancelled, JobError

EXAMPLE = Path(__file__).parents[3] / "docs" / "howto" / "own-training"
SKETCH = """
import os, sys, time
import numpy as np, onnx
from onnx import TensorProto, helper, numpy_helper

def mean_of(job, width=None, name="x", kind=TensorProto.FLOAT, value=None):
    '''A graph that answers with the mean of the target, whatever comes in.'''
    width = len(job.features) if width is None else width
    weights = [numpy_helper.from_array(np.zeros((width, 1), np.float32), "w"),
               numpy_helper.from_array(np.float32([job.target().mean() if value is None else value]), "b")]
    graph = helper.make_graph(
        [helper.make_node("Gemm", [name, "w", "b"], ["prediction"])], "mean",
        [helper.make_tensor_value_info(name, kind, ["N", width])],
        [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["N", 1])], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "model.onnx")
    return np.full(20, job.target().mean())

def main(job):
"""


def spec(digest: str, **change: Any) -> dict[str, Any]:
    code = {"digest": digest, "params": {"epochs": 10}} | change.pop("code", {})
    return {
        "dataset": "flights",
        "dataset_version": 1,
        "task": "regression",
        "target": "minutes",
        "event_time": "departs",
        "timezone": "America/New_York",
        "holdout_days": 14,
        "code": code,
    } | change


@pytest.fixture
def run(registry, make_context, tmp_path):
    """`run(body of main, **changes of the specification)`: the job, from JSON to JSON as it travels."""

    def job(
        body: str | None = None, table: Any = None, context: Any = None, key: str = "job", **change: Any
    ) -> dict[str, Any]:
        folder = EXAMPLE
        if body is not None:
            folder = tmp_path / f"{key}-source"
            folder.mkdir(exist_ok=True)
            (folder / "train.py").write_text(SKETCH + "".join(f"    {line}\n" for line in body.splitlines()))
        registry.add("flights", 1, flights() if table is None else table)
        asked = spec(registry.put_artifact(pack(folder)), **change)
        return train(TrainSpec.model_validate(asked), context or make_context(key)).model_dump(mode="json")

    return job


class TestACandidate:
    def test_a_script_of_numpy_becomes_one_that_is_judged_like_any_other(self, run, make_context):
        made = run()
        assert sorted(made["files"]) == ["baseline.json", "code.tar", "holdout.onnx", "model.onnx"]
        assert made["files"]["code.tar"] == made["code"]["digest"]
        assert made["metrics"]["holdout"]["r2"] > 0.8
        assert made["parity"]["bad"] == 0
        assert made["code"]["environment"]["packages"]["onnx"]
        assert made["trained_through"] == made["holdout_from"] == "2013-02-06T00:00:00-05:00"
        asked = spec("") | {"candidate": {"files": made["files"], "signature": made["signature"]}}
        judged = run_evaluate({k: v for k, v in asked.items() if k != "code"}, make_context("evaluate"))
        assert judged["metrics"]["candidate"]["r2"] == pytest.approx(made["metrics"]["holdout"]["r2"])

    @pytest.mark.slow
    def test_without_times_it_is_judged_on_a_fold_that_no_version_of_the_code_has_seen(
        self, run, make_context
    ):
        data = load_breast_cancer(as_frame=True).frame
        body = (
            "from sklearn.linear_model import LogisticRegression\n"
            "from skl2onnx import to_onnx\n"
            "x, y = job.matrix(), job.target()\n"
            "model = LogisticRegression().fit(x, y)\n"
            "made = to_onnx(model, x[:1], options={'zipmap': False}, target_opset=17)\n"
            "onnx.save(made, 'model.onnx')\n"
            "job.export('model.onnx', model.predict_proba(x))"
        )
        of = {"task": "binary", "target": "target", "event_time": None, "holdout_days": None}
        made = run(body, pa.Table.from_pandas(data), **of)
        assert made["metrics"]["holdout"]["auc"] > 0.97
        assert made["signature"]["classes"] == [0, 1]
        contender = {"files": made["files"], "signature": made["signature"]}
        asked = spec("") | of | {"candidate": contender, "champion": contender}
        judged = run_evaluate({k: v for k, v in asked.items() if k != "code"}, make_context("evaluate"))
        assert judged["rows"] == made["metrics"]["holdout"]["rows"] < 200
        assert judged["metrics"]["champion"] == judged["metrics"]["candidate"]

    def test_a_graph_may_take_columns_by_name(self, run):
        body = "mean_of(job, width=1, name='seats')\njob.export('model.onnx', [job.target().mean()] * 3)"
        made = run(body, windows=["all", "10d"])
        assert [item["column"] for item in made["signature"]["inputs"]] == ["seats"]
        assert list(made["golden"]["inputs"]) == ["seats"]
        assert made["window"] == "10d", "the mean of the last days is nearer to the days that follow"


class TestApart:
    def test_it_sees_no_row_of_the_holdout_no_token_no_network_and_nothing_of_the_platform(
        self, run, monkeypatch, tmp_path
    ):
        secret = tmp_path / "run" / "secrets.json"
        secret.parent.mkdir()
        secret.write_text("secret")
        monkeypatch.setenv("MILLRACE_TOKEN", "a-secret-token")
        monkeypatch.setenv("MILLRACE_HOME", str(tmp_path))
        table = flights()
        late = table["departs"].cast(pa.int64()).to_numpy() >= START + 36 * DAY
        words = zip(table["dest"].to_pylist(), late, strict=True)
        dest = pa.array([f"new {word}" if is_late else word for word, is_late in words])
        table = table.set_column(table.column_names.index("dest"), "dest", dest)
        made = run(APART.replace("SECRET", str(secret)), table)
        assert made["metrics"]["holdout"]["rows"] > 700
        assert set(made["code"]["guards"].values()) <= {"enforced", "not enforced"}

    def test_the_last_lines_of_its_traceback_are_told_with_the_remedy(self, run):
        with pytest.raises(JobError) as caught:
            run("import leftpad", code={"network": True})
        assert "leftpad" in caught.value.detail
        assert "train.py" in caught.value.detail
        assert "millrace_job" not in caught.value.detail
        assert "Install it" in caught.value.mend

    def test_an_interpreter_that_is_not_there_is_told(self, run):
        with pytest.raises(JobError) as caught:
            run("pass", code={"python": "/nowhere/venv"})
        assert "/nowhere/venv" in caught.value.detail
        assert "training.code.python" in caught.value.mend


APART = """
import glob, json, socket
assert len(job.target()) == len(job.matrix()) == len(job.time()) == len(job.rows()['dest'])
assert all(a <= b for a, b in zip(job.time(), job.time()[1:]))
places = [(place, name) for place, _, names in os.walk(job.folder) for name in names if name != 'train.py']
everything = b''.join(open(os.path.join(*place), 'rb').read() for place in places)
assert b'D3' in everything and b'new D' not in everything
guards = json.load(open(job.folder + '/guards.json'))
assert 'a-secret-token' not in str(dict(os.environ))
if guards['processes'] == 'enforced':
    for path in glob.glob('/proc/[0-9]*/environ'):
        try:
            assert 'a-secret-token' not in open(path, errors='replace').read()
        except PermissionError:
            pass
if guards['files'] == 'enforced':
    assert not os.path.exists('SECRET')
if guards['network'] == 'enforced':
    try:
        socket.create_connection(('192.0.2.1', 80), 0.2)
    except OSError as error:
        assert 'unreachable' in str(error)
mean_of(job)
job.export('model.onnx', [job.target().mean()])
"""
COUNTS = (
    "first = int(open(job.resume()).read()) + 1 if job.resume() else 0\n"
    "assert first <= 2\n"
    "for epoch in range(first, 4):\n"
    "    open('state', 'w').write(str(epoch))\n"
    "    job.checkpoint('state', epoch)\n"
    "    job.report(epoch, first=first)\n"
    "    KILL\n"
    "mean_of(job)\n"
    "job.export('model.onnx', [job.target().mean()])"
)


class TestKilled:
    def test_a_killed_process_goes_on_at_its_last_checkpoint(self, run):
        killed = "if epoch == 1: assert first == 0; os.kill(os.getpid(), 9)"
        assert run(COUNTS.replace("KILL", killed))["code"]["resumed"] == 1

    @pytest.mark.slow
    def test_one_that_is_always_killed_is_given_up(self, run):
        body = COUNTS.replace("KILL", "os.kill(os.getpid(), 9)").replace("range(first, 4)", "range(9)")
        with pytest.raises(JobError) as caught:
            run(body)
        error = caught.value
        assert "killed 3 times" in error.detail
        assert "checkpoint" in error.mend

    def test_a_cancelled_job_leaves_no_process(self, run, make_context):
        begun = threading.Event()
        context = make_context("job", is_cancelled=begun.is_set)
        context.emit = lambda news: begun.set() if "step 0" in getattr(news, "message", "") else None
        with pytest.raises(Cancelled):
            run(
                "job.report(0, a=1)\nopen(job.folder + '/pid', 'w').write('x')\ntime.sleep(600)",
                context=context,
            )
        assert not [pid for pid in _pids() if str(context.scratch) in pid]


def _pids() -> list[str]:
    import psutil

    return [" ".join(item.info["cmdline"] or []) for item in psutil.process_iter(["cmdline"])]


class TestInAContainer:
    def test_it_is_run_by_the_container_of_its_image_and_goes_on_after_it(self, run, monkeypatch, tmp_path):
        """The container's own command, with another folder; what it runs is killed once."""
        shared = tmp_path / "code"
        shared.mkdir()
        monkeypatch.setenv("MILLRACE_CODE_FOLDER", str(shared))
        wait = apart.WAIT.replace(apart.FOLDER, str(shared))
        server = subprocess.Popen([sys.executable, "-c", wait], env={"PATH": os.environ["PATH"]})
        try:
            made = run(COUNTS.replace("KILL", "if epoch == 1 and first == 0: os.kill(os.getpid(), 9)"))
        finally:
            server.kill()
            server.wait()
        assert made["code"]["resumed"] == 1
        assert made["code"]["guards"] == {
            "network": "by policy",
            "files": "enforced",
            "processes": "enforced",
        }
        assert not list((shared / "code-all").glob("begin-2"))
