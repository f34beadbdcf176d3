"""What kind of node this machine is for onnxruntime's own CPU kernels."""

from pathlib import Path

from millrace_contracts.variants import NodeKind

CPUINFO = Path("/proc/cpuinfo")


def cpu() -> NodeKind:
    """What kind of node this machine is for onnxruntime's own CPU kernels."""
    import onnxruntime

    return NodeKind.of_cpu(told(), "onnxruntime", onnxruntime.__version__)


def told() -> str:
    """What the machine says of its CPU; nothing where it does not."""
    try:
        return CPUINFO.read_text()
    except OSError:
        return ""
