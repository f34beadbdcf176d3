"""Pure functions from a signature and settings to Triton's configuration and command line."""

import json
from collections.abc import Mapping
from pathlib import Path

from millrace_contracts import packing
from millrace_contracts.signature import Input, Output, Signature
from millrace_contracts.variants import BASE_TARGET, TargetName

TYPES = {"FP32": "TYPE_FP32", "FP64": "TYPE_FP64", "INT64": "TYPE_INT64", "BYTES": "TYPE_STRING"}
ADMIN_HEADER = "x-mr-admin"
RESTRICTED = "model-repository,shared-memory,trace,logging,model-config,statistics"
BATCHING = "dynamic_batching { }"
"""No queue policy: any limit or timeout of Triton's queue switches its prefetching off, and then a request that
comes while the instance hands out its last answer is not woken for but found half a second later (seen in 24.10:
eight of 788 requests on one connection). Envoy bounds the requests under way and their time instead."""

RUNTIMES = {
    "python": 'backend: "python"',
    "onnxruntime": 'platform: "onnxruntime_onnx"',
    "tensorrt": 'platform: "tensorrt_plan"',
}
"""How each backend is asked for; all but the first are those of NVIDIA's image."""


def config_text(
    name: str,
    signature: Signature,
    digest: str,
    max_rows: int,
    instances: int,
    backend: str = "python",
    device: str = "KIND_CPU",
    target: TargetName = BASE_TARGET,
) -> str:
    """config.pbtxt of one revision: an input per column (of shape [1], or a tensor's), dynamic batching, a warm-up row.

    Our own runner also takes all columns of a datatype as one tensor; then every input is optional for Triton.
    """
    packed = packing.groups(signature) if backend == "python" else {}
    inputs = [_tensor(item, item.dims, bool(packed) and item.shape is None) for item in signature.inputs]
    inputs += [_packed(datatype, len(items)) for datatype, items in packed.items()]
    outputs = [_tensor(item, [item.values()]) for item in signature.outputs]
    warmup = " ".join(_warm(item) for item in signature.inputs)
    return "\n".join(
        [
            f"name: {_text(name)}",
            RUNTIMES[backend],
            f"max_batch_size: {max_rows}",
            f"input [ {', '.join(inputs)} ]",
            f"output [ {', '.join(outputs)} ]",
            f"instance_group [ {{ count: {instances} kind: {device} }} ]",
            BATCHING,
            _parameter("digest", digest),
            _parameter("target", target),
            *([_parameter("packed", " ".join(map(packing.tensor, packed)))] if packed else []),
            *([_parameter("intra_op_thread_count", "1")] if backend == "onnxruntime" else []),
            f'model_warmup [ {{ name: "one row" batch_size: 1 {warmup} }} ]',
            "",
        ]
    )


def _parameter(key: str, value: str) -> str:
    return f'parameters {{ key: "{key}" value {{ string_value: {_text(value)} }} }}'


def _text(value: str) -> str:
    """A string of the protobuf text format."""
    return json.dumps(value, ensure_ascii=False)


def _tensor(tensor: Input | Output, dims: list[int], optional: bool = False) -> str:
    more = " optional: true" if optional else ""
    shape = ", ".join(map(str, dims))
    return f"{{ name: {_text(tensor.name)} data_type: {TYPES[tensor.datatype]} dims: [ {shape} ]{more} }}"


def _packed(datatype: str, columns: int) -> str:
    name = _text(packing.tensor(datatype))
    return f"{{ name: {name} data_type: {TYPES[datatype]} dims: [ {columns} ] optional: true }}"


def _warm(tensor: Input) -> str:
    shape = ", ".join(map(str, tensor.dims))
    value = f"data_type: {TYPES[tensor.datatype]} dims: [ {shape} ] zero_data: true"
    return f"inputs {{ key: {_text(tensor.name)} value {{ {value} }} }}"


def arguments(
    server: Path,
    identity: str,
    repository: Path,
    backends: Path,
    caches: Path,
    ports: Mapping[str, int],
    secret: str,
    threads: int,
) -> list[str]:
    """Triton's command line: loopback and HTTP only, explicit loading, admin APIs behind a secret header."""
    return [
        str(server),
        f"--id={identity}",
        f"--model-repository={repository}",
        f"--backend-directory={backends}",
        f"--cache-directory={caches}",
        "--model-control-mode=explicit",
        "--disable-auto-complete-config",
        "--exit-on-error=false",
        "--exit-timeout-secs=1",
        "--allow-grpc=false",
        "--http-address=127.0.0.1",
        f"--http-port={ports['triton_port']}",
        f"--http-thread-count={threads}",
        "--metrics-address=127.0.0.1",
        f"--metrics-port={ports['triton_metrics_port']}",
        "--allow-gpu-metrics=false",
        "--log-info=false",
        f"--backend-config=python,shm-region-prefix-name={identity}",
        f"--http-restricted-api={RESTRICTED}:{ADMIN_HEADER}={secret}",
    ]


def pod_arguments(
    name: str, repository: str, port: int, metrics_port: int, threads: int, grpc_port: int = 0
) -> list[str]:
    """Triton's options in a pod; the admin APIs behind the pod's own uid.

    Args:
        name: the revision that it must have, alone; empty: it has what it is told to load, and none at first.
        grpc_port: where calls over gRPC are taken; 0: nowhere.
    """
    return [
        f"--model-repository={repository}",
        "--model-control-mode=explicit",
        *([f"--load-model={name}"] if name else []),
        "--strict-readiness=true",
        "--disable-auto-complete-config",
        "--exit-timeout-secs=30",
        *_grpc(grpc_port),
        "--http-address=0.0.0.0",
        f"--http-port={port}",
        f"--http-thread-count={threads}",
        "--metrics-address=0.0.0.0",
        f"--metrics-port={metrics_port}",
        "--log-info=false",
        f"--http-restricted-api={RESTRICTED}:{ADMIN_HEADER}=$(POD_UID)",
    ]


def _grpc(port: int) -> list[str]:
    if not port:
        return ["--allow-grpc=false"]
    closed = f"{RESTRICTED}:{ADMIN_HEADER}=$(POD_UID)"
    return ["--grpc-address=0.0.0.0", f"--grpc-port={port}", f"--grpc-restricted-protocol={closed}"]
