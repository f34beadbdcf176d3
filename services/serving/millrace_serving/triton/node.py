"""What kind of node this machine is to Triton: one key for each runtime in Triton's environment."""

from collections.abc import Mapping
from pathlib import Path

from millrace_contracts.variants import NodeKind
from millrace_serving.triton.installation import python_tag

CPUINFO = Path("/proc/cpuinfo")
PACKAGES = {"onnxruntime": "onnxruntime", "openvino": "onnxruntime_ep_openvino"}
"""The package whose version is that of the runtime."""


def runtimes(environment: Path) -> dict[str, str]:
    """Versions of the runtimes that Triton's Python has, by name."""
    site = environment / "lib" / f"python{python_tag(environment)}" / "site-packages"
    there = {
        runtime: next(iter(sorted(site.glob(f"{package}-*.dist-info"))), None)
        for runtime, package in PACKAGES.items()
    }
    return {
        runtime: path.name.removesuffix(".dist-info").rpartition("-")[2]
        for runtime, path in there.items()
        if path is not None
    }


def kinds(versions: Mapping[str, str], cpuinfo: Path = CPUINFO) -> list[NodeKind]:
    """This machine's kind with each of these runtimes."""
    text = cpuinfo.read_text(errors="replace") if cpuinfo.exists() else ""
    return [NodeKind.of_cpu(text, runtime, version) for runtime, version in sorted(versions.items())]


def keys(versions: Mapping[str, str], cpuinfo: Path = CPUINFO) -> frozenset[str]:
    """The same as keys."""
    return frozenset(kind.key for kind in kinds(versions, cpuinfo))
