"""A real Triton with one model shows the metrics that dashboards, alerts and the autoscaler ask for."""

import subprocess
import time

import httpx
import pytest
from tests.chart.test_dashboards import TRITON

from millrace_serving.processes.supervised import inherited
from millrace_serving.settings import ServingSettings
from millrace_serving.triton import installation

HTTP, METRICS = 18930, 18932
CONFIGURATION = """
backend: "python"
input [{name: "x" data_type: TYPE_FP32 dims: [1]}]
output [{name: "y" data_type: TYPE_FP32 dims: [1]}]
"""
MODEL = """
import triton_python_backend_utils as pb
class TritonPythonModel:
    def execute(self, requests):
        arrays = [pb.get_input_tensor_by_name(request, "x").as_numpy() for request in requests]
        return [pb.InferenceResponse([pb.Tensor("y", array)]) for array in arrays]
"""


@pytest.fixture
def triton(tmp_path):
    environment = ServingSettings(home=tmp_path).triton_environment
    try:
        binary = installation.files(environment) / "bin" / "tritonserver"
    except installation.NotInstalled as missing:
        pytest.skip(str(missing))
    (tmp_path / "models" / "echo" / "1").mkdir(parents=True)
    (tmp_path / "models" / "echo" / "config.pbtxt").write_text(CONFIGURATION)
    (tmp_path / "models" / "echo" / "1" / "model.py").write_text(MODEL)
    backends = installation.link_backend(environment, tmp_path / "backends")
    process = subprocess.Popen(
        [binary, f"--model-repository={tmp_path / 'models'}", f"--backend-directory={backends}",
         "--http-address=127.0.0.1", f"--http-port={HTTP}", f"--metrics-port={METRICS}", "--allow-grpc=false"],
        env=inherited(VIRTUAL_ENV=str(environment), PATH=f"{environment}/bin:/usr/bin:/bin"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    yield f"http://127.0.0.1:{HTTP}"
    process.terminate()
    process.wait(20)


def test_triton_shows_what_is_asked_of_it(triton):
    deadline = time.monotonic() + 60
    while not _ready(triton):
        assert time.monotonic() < deadline, "Triton did not start"
        time.sleep(0.2)
    body = {"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [1.0]}]}
    assert httpx.post(f"{triton}/v2/models/echo/infer", json=body, trust_env=False).status_code == 200
    shown = httpx.get(f"http://127.0.0.1:{METRICS}/metrics", trust_env=False).text
    for name, labels in TRITON.items():
        lines = [line for line in shown.splitlines() if line.startswith(f"{name}{{")]
        assert lines, name
        assert all(f'{label}="' in line for line in lines for label in labels)


def _ready(url):
    try:
        return httpx.get(f"{url}/v2/health/ready", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
