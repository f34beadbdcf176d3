"""Settings of serving: ports, binaries and the patience it has with Triton and Envoy."""

import sys
from pathlib import Path

from pydantic import Field, SecretStr

from millrace_core.settings import Settings


class ServingSettings(Settings):
    """Environment of the serving service."""

    service: str = "serving"
    data_plane: bool = True
    """Run Triton and Envoy. False: only endpoints of mode `backtest` are accepted."""
    triton_environment: Path = Field(default_factory=lambda: Path(sys.prefix) / "triton")
    """Virtual environment with numpy 1.26, onnxruntime and the files of nvidia-pytriton."""
    envoy_binary: Path = Field(default_factory=lambda: Path(sys.prefix) / "bin" / "envoy")
    """The `envoy` command."""
    gateway_port: int = 0
    """Port of the inference gateway; 0: choose one and keep it."""
    shadow_port: int = 0
    """Port of the gateway's loopback listener for mirrored requests; 0: choose one and keep it."""
    envoy_admin_port: int = 0
    """Port of Envoy's admin page, on loopback; 0: choose one and keep it."""
    triton_port: int = 0
    """Triton's HTTP port, on loopback; 0: choose one and keep it."""
    triton_metrics_port: int = 0
    """Triton's metrics port, on loopback; 0: choose one and keep it."""
    otlp_port: int = 4317
    """Port of monitoring's OTLP receiver, where Envoy sends the prediction log."""
    gateway_token: SecretStr = SecretStr("")
    """Envoy's own bearer token (role `gateway`): it reads discovery and writes prediction logs with it."""
    log_flush_seconds: float = 0.1
    """Longest time that Envoy keeps a prediction log record before it sends it."""
    triton_threads: int = 4
    """Threads of Triton's HTTP front end."""
    triton_instances: int = 1
    """Instances of each revision; every one is a process of about 70 MB."""
    max_batch_rows: int = 1024
    """Most rows in one inference request."""
    load_seconds: float = 60.0
    """Longest time that Triton may take to load one revision."""
    probe_seconds: float = 3.0
    """Seconds between two real one-row inferences on every loaded revision."""
    inference_seconds: float = 5.0
    """Longest time for one inference request through the gateway."""
    slow_milliseconds: float = 1000.0
    """Requests slower than this count as slow when a rollout is judged."""
    safety_seconds: float = 3.0
    """Seconds between two looks at the hard faults of a rollout in flight."""
    accept_seconds: float = 10.0
    """Longest wait for Envoy to accept a configuration before a change is reported as not accepted."""
