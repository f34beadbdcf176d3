"""Choose free ports once and keep them, so that URLs survive a restart."""

import contextlib
import json
import socket

from millrace_serving.settings import ServingSettings

PORTS = ("gateway_port", "shadow_port", "envoy_admin_port", "triton_port", "triton_metrics_port")


def free_port() -> int:
    """A port on which nobody listens right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def settle(settings: ServingSettings) -> dict[str, int]:
    """The port of each listener: as set, else as remembered, else a free one that is remembered."""
    path = settings.folder / "ports.json"
    kept: dict[str, int] = {}
    with contextlib.suppress(FileNotFoundError, ValueError):
        kept = json.loads(path.read_text())
    ports = {name: getattr(settings, name) or kept.get(name) or free_port() for name in PORTS}
    keep(settings, ports)
    return ports


def keep(settings: ServingSettings, ports: dict[str, int]) -> None:
    """Remember *ports* for the next start."""
    (settings.folder / "ports.json").write_text(json.dumps(ports))


def taken(port: int) -> bool:
    """Whether somebody else holds *port* on loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
