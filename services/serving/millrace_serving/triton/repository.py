"""Triton's model repository: one folder per revision with the graph, the configuration and the runner."""

import hashlib
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from millrace_contracts.models import Golden
from millrace_contracts.placement import ServerPlacement
from millrace_contracts.serving import ServingSpec
from millrace_contracts.signature import Signature
from millrace_contracts.variants import BASE_TARGET, TargetName
from millrace_serving.settings import ServingSettings
from millrace_serving.triton.manifests import config_text

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
RUNNER = Path(__file__).with_name("python_model.py")
GRAPH = "model.onnx"
"""What Triton wants the graph of a revision to be called, whichever file of the release it is."""


@dataclass(frozen=True)
class Wanted:
    """A revision as it has to be loaded."""

    name: str
    model: str
    project: str
    version: int
    digest: str
    signature: Signature
    golden: Golden
    endpoint: str = ""
    number: int = 0
    loop: str = ""
    run: int | None = None
    placement: ServerPlacement = field(default_factory=ServerPlacement)
    """Where its pods should run."""
    standby: bool = False
    """Loaded only so that one can go back to it at once: it gets no traffic, so one pod will do."""
    rising: bool = False
    """A rollout in flight brings it."""
    settled: bool = False
    """It serves, and no rollout is in flight: if nobody asks it, it may sit in a pod that others use too."""
    target: TargetName = BASE_TARGET
    """The form of the version that it serves; *digest* is that of its graph."""
    size: int | None = None
    """Bytes of its graph; None: not known yet."""
    serving: ServingSpec = field(default_factory=ServingSpec)
    """How many pods its loop wants by load, and when it gives them up."""
    exact: bool = True
    """Whether *golden* is what this very form answered when it was made, not what the base form did."""


class WrongBytes(Exception):
    """The graph is not the one that was registered."""


def folder(settings: ServingSettings) -> Path:
    return settings.folder / "triton" / "models"


def kept(settings: ServingSettings, wanted: Wanted) -> bool:
    """Whether the right graph already lies in the repository (reads it through)."""
    path = folder(settings) / wanted.name / "1" / GRAPH
    return path.exists() and _digest(path.read_bytes()) == wanted.digest


def place(settings: ServingSettings, wanted: Wanted, graph: bytes | None) -> None:
    """Write what Triton needs for a revision; *graph* None keeps the one that is there.

    Raises: WrongBytes if the graph has another digest.
    """
    if graph is not None and _digest(graph) != wanted.digest:
        raise WrongBytes(f"the registry sent {_digest(graph)} instead of {wanted.digest}")
    target = folder(settings) / wanted.name / "1"
    target.mkdir(parents=True, exist_ok=True)
    if graph is not None:
        staged = target / "model.new"
        staged.write_bytes(graph)
        staged.replace(target / GRAPH)
    shutil.copyfile(RUNNER, target / "model.py")
    (target.parent / "config.pbtxt").write_text(_config(settings, wanted))


def outdated(settings: ServingSettings, wanted: Wanted) -> bool:
    """Whether what lies beside the graph is not what this version of serving would write."""
    placed = folder(settings) / wanted.name
    runner, config = placed / "1" / "model.py", placed / "config.pbtxt"
    if not (runner.exists() and config.exists()):
        return True
    return runner.read_bytes() != RUNNER.read_bytes() or config.read_text() != _config(settings, wanted)


def _config(settings: ServingSettings, wanted: Wanted) -> str:
    return config_text(
        wanted.name,
        wanted.signature,
        wanted.digest,
        settings.max_batch_rows,
        settings.triton_instances,
        settings.triton_backend,
        target=wanted.target,
    )


def remove(settings: ServingSettings, name: str) -> None:
    """Take a revision out of the repository."""
    shutil.rmtree(folder(settings) / name, ignore_errors=True)


def placed(settings: ServingSettings) -> set[str]:
    """The revisions that lie whole in the repository: the configuration, written last, names the graph's digest."""
    return {path.parent.name for path in folder(settings).glob("*/config.pbtxt") if _whole(path)}


def _whole(config: Path) -> bool:
    named = DIGEST.search(config.read_text(errors="replace"))
    graph = config.parent / "1" / GRAPH
    return named is not None and graph.exists() and _digest(graph.read_bytes()) == named[0]


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
