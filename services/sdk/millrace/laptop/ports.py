"""Ports of this installation: chosen when free, remembered, and used again while they are free."""

import socket

NAMES = (
    "registry",
    "training",
    "serving",
    "monitoring",
    "controller",
    "console",
    "otlp",
    "gateway",
    "shadow",
    "envoy_admin",
    "triton",
    "triton_metrics",
)


def choose(remembered: dict[str, int]) -> dict[str, int]:
    """A free port on loopback for every name; the remembered one where nobody else has taken it."""
    held: list[socket.socket] = []
    chosen: dict[str, int] = {}
    try:
        for name in NAMES:
            listener = _listen(remembered.get(name, 0)) or _listen(0)
            assert listener is not None
            held.append(listener)
            chosen[name] = listener.getsockname()[1]
    finally:
        for listener in held:
            listener.close()
    return chosen


def _listen(port: int) -> socket.socket | None:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(1)
    except OSError:
        listener.close()
        return None
    return listener
