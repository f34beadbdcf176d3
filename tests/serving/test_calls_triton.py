"""The same rows over REST and over gRPC, through a real Envoy, answered by a real Triton (the laptop's, 24.10).

Its gRPC server may crash when a client goes away, so the calls here are few, and every client stays to the end.
"""

import contextlib
import hashlib
import subprocess
import time

import grpc
import httpx
import numpy as np
import pytest
import tritonclient.grpc as over_grpc
import tritonclient.http as over_rest

from millrace_contracts import access, packing
from millrace_contracts.models import Golden
from millrace_contracts.signature import Signature
from millrace_monitoring.ingest import records
from millrace_serving.envoy.manifests import Split, Ways
from millrace_serving.processes.ports import free_port
from millrace_serving.settings import ServingSettings
from millrace_serving.triton import installation, repository
from millrace_serving.triton.manifests import pod_arguments
from millrace_serving.triton.repository import Wanted

from . import graphs
from .calls import Door

pytestmark = pytest.mark.slow
NAMES = ("fraud--r1", "fraud--r2")
VALUES = {
    "distance": ("FP32", np.float32([[0.1], [np.nan], [-3e38], [7]])),
    "origin": ("BYTES", np.array([["JFK"], [""], ["Zürich"], ["EWR"]], dtype=object)),
    "departed": ("INT64", np.int64([[0], [-(2**63)], [2**53 + 1], [1]])),
}


@pytest.fixture(scope="module")
def ports(tmp_path_factory):
    """The HTTP and the gRPC port of a Triton with two revisions, started with a pod's own options."""
    settings = ServingSettings(home=tmp_path_factory.mktemp("triton"))
    for number, name in enumerate(NAMES, start=1):
        graph = graphs.graph(float(number))
        digest = "sha256:" + hashlib.sha256(graph).hexdigest()
        golden = Golden.model_validate(graphs.golden(float(number)))
        signature = Signature.model_validate(graphs.SIGNATURE)
        repository.place(settings, Wanted(name, "m", "default", number, digest, signature, golden), graph)
    environment = settings.triton_environment
    http, door, metrics = free_port(), free_port(), free_port()
    options = pod_arguments(NAMES[0], str(repository.folder(settings)), http, metrics, 2, door)
    options = [item.replace("0.0.0.0", "127.0.0.1").replace("$(POD_UID)", "uid") for item in options]
    source, identity = installation.files(environment), installation.identity(settings)
    process = subprocess.Popen(
        [source / "bin" / "tritonserver", *options, f"--load-model={NAMES[1]}", "--allow-gpu-metrics=false",
         f"--backend-directory={installation.link_backend(environment, settings.home / 'backends')}",
         f"--cache-directory={source / 'caches'}", f"--backend-config=python,shm-region-prefix-name={identity}"],
        env=installation.launch(settings, {"triton_port": 0, "triton_metrics_port": 0}).environment,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"http://127.0.0.1:{http}/v2/health/ready", trust_env=False).is_success:
                break
        time.sleep(0.1)
    yield http, door
    process.terminate()
    process.wait(20)
    installation.sweep_shared_memory(identity)


@pytest.fixture(scope="module")
def door(tmp_path_factory, ports):
    made = Door(tmp_path_factory.mktemp("door"))
    rest, calls = ports
    ways = Ways(lambda _: ("127.0.0.1", rest), ("*",), 5.0, grpc=lambda _: ("127.0.0.1", calls))
    split = Split("default", "fraud", "fraud", ((NAMES[0], 5000), (NAMES[1], 5000)), "fraud/1")
    made.discovery.publish(list(NAMES), [split], ways)
    made.wait()
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(door):
    with over_grpc.InferenceServerClient(door.address) as made:
        yield made


def asked(kind, values=VALUES):
    made = []
    for name, (datatype, value) in values.items():
        made.append(kind.InferInput(name, list(value.shape), datatype))
        made[-1].set_data_from_numpy(value)
    return made


def logged(door, request_id):
    (record,) = door.receiver.of(request_id)
    return records.record(access.read(access.written(record)), record["at"])


def packed():
    """The same rows as one tensor for each datatype, and the parameters that name their columns."""
    groups = {datatype: [name] for name, (datatype, _) in VALUES.items()}
    tensors = {packing.tensor(kind): VALUES[names[0]] for kind, names in groups.items()}
    return tensors, {packing.tensor(kind): packing.named(names) for kind, names in groups.items()}


@pytest.mark.parametrize("key", ["a", "b", "c", "d", "e", "f"])
def test_rest_and_grpc_answer_and_log_the_same_rows_bit_for_bit(door, client, key):
    tensors, parameters = packed()
    told = {}
    for form in ("rest", "grpc", "packed"):
        headers = {
            "x-request-id": f"{form}-{key}",
            "x-millrace-key": key,
            "x-millrace-event-time": "2013-03-10T07:00:00Z",
        }
        if form == "rest":
            with over_rest.InferenceServerClient(door.address) as http:
                answer = http.infer("fraud", asked(over_rest), headers=headers)
        elif form == "grpc":
            answer = client.infer("fraud", asked(over_grpc), headers=headers)
        else:
            answer = client.infer("fraud", asked(over_grpc, tensors), headers=headers, parameters=parameters)
        record = logged(door, f"{form}-{key}")
        assert record.fault == ""
        told[form] = (
            answer.as_numpy("prediction").tobytes(), record.features, record.predictions.tobytes(), record.revision,
            record.key, record.event_time, record.status,
        )  # fmt: skip
    assert told["rest"] == told["grpc"] == told["packed"]
    assert told["rest"][3] in NAMES


def test_health_and_metadata_are_answered_by_the_endpoints_name(client):
    assert client.is_server_ready()
    assert client.is_model_ready("fraud")
    assert [item.name for item in client.get_model_metadata("fraud").inputs] == list(VALUES)


def test_a_message_that_does_not_fit_is_the_clients_fault(door, client):
    few = dict(list(VALUES.items())[:2])
    with pytest.raises(over_grpc.InferenceServerException) as error:
        client.infer("fraud", asked(over_grpc, few), headers={"x-request-id": "few"})
    assert error.value.status() == "StatusCode.INVALID_ARGUMENT"
    assert error.value.message() == "inputs.departed is missing; send it, as INT64 of shape [rows, 1]."
    assert logged(door, "few").status == 400


def test_bytes_that_protobuf_cannot_read_are_the_clients_fault(door):
    name = b"\n\x05fraud"
    wrong = name + b"\x2a\x02\x0a\x7f"
    with grpc.insecure_channel(door.address) as channel:
        call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer", bytes, bytes)
        with pytest.raises(grpc.RpcError) as error:
            call(wrong, timeout=10)
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "protobuf" in error.value.details()


def test_tritons_admin_calls_need_the_pods_uid(ports):
    with over_grpc.InferenceServerClient(f"127.0.0.1:{ports[1]}") as direct:
        assert direct.is_model_ready(NAMES[0])
        with pytest.raises(over_grpc.InferenceServerException) as error:
            direct.unload_model(NAMES[0])
        assert "restricted" in error.value.message() or error.value.status() == "StatusCode.UNAVAILABLE"
        assert direct.is_model_ready(NAMES[0])
