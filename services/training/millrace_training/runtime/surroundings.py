"""What a job runs in, as a version records it: program, libraries, machine."""

import hashlib
import os
import platform
import re
import tomllib
from functools import cache
from importlib import metadata
from pathlib import Path

from millrace_contracts.building import BuiltWith

ROOT = Path(__file__).parents[4]
"""Where `services` and `requirements` lie: in a checkout as in an image."""
DECIDING = (
    "numpy", "scipy", "scikit-learn", "lightgbm", "xgboost-cpu", "xgboost", "torch", "optuna", "onnx", "onnxruntime",
    "skl2onnx", "onnxmltools", "pyarrow", "duckdb",
)  # fmt: skip
COMMIT = re.compile(r"^[0-9a-f]{40}$")


def built(seed: int | None, code: str | None = None) -> BuiltWith:
    """What this process runs in."""
    found = _installed()
    versions = dict(found)
    return BuiltWith(
        millrace=versions.get("millrace") or _version(ROOT),
        commit=os.environ.get("MILLRACE_COMMIT") or _commit(ROOT),
        lock=_digest(ROOT / "requirements" / "platform.lock"),
        python=platform.python_version(),
        libraries={name: versions[name] for name in DECIDING if name in versions},
        installed="sha256:"
        + hashlib.sha256("\n".join(f"{name}=={it}" for name, it in found).encode()).hexdigest(),
        system=" ".join((platform.system(), platform.release(), *platform.libc_ver())).strip(),
        processor=_processor(),
        cpus=len(os.sched_getaffinity(0)),
        seed=seed,
        code=code,
    )


@cache
def _installed() -> tuple[tuple[str, str], ...]:
    """Name and version of everything installed; reading that takes an eighth of a second, and it does not change."""
    return tuple(
        sorted({(item.name.lower(), item.version) for item in metadata.distributions() if item.name})
    )


def _digest(path: Path) -> str | None:
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def _version(root: Path) -> str:
    """The version that the source says of itself, where it is not installed as a package."""
    try:
        return str(
            tomllib.loads((root / "services" / "sdk" / "pyproject.toml").read_text())["project"]["version"]
        )
    except (OSError, KeyError):
        return "unknown"


def _commit(root: Path) -> str | None:
    """The commit of a checkout, read from its files; None where there is none."""
    try:
        folder = root / ".git"
        if folder.is_file():
            folder = root / folder.read_text().removeprefix("gitdir:").strip()
        head = (folder / "HEAD").read_text().strip()
        if COMMIT.match(head):
            return head
        name = head.removeprefix("ref:").strip()
        common = folder / "commondir"
        shared = (folder / common.read_text().strip()) if common.exists() else folder
        if (shared / name).exists():
            return (shared / name).read_text().strip()
        packed = (shared / "packed-refs").read_text().splitlines()
        return next((line.split()[0] for line in packed if line.endswith(f" {name}")), None)
    except OSError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return named or platform.processor() or platform.machine()
