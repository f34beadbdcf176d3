"""Lay out Triton's files as it wants them: the stub symlinked, because a copied one loses its RPATH and hangs."""

import hashlib
import secrets
import sys
from pathlib import Path

from millrace.interpreter import library_path
from millrace_serving.processes.supervised import Launch, inherited
from millrace_serving.settings import ServingSettings
from millrace_serving.triton.manifests import arguments
from millrace_serving.triton.repository import folder, placed


class NotInstalled(RuntimeError):
    """Triton's files are not where `triton_environment` says."""


def python_tag(environment: Path) -> str:
    """`3.11` of the environment's Python."""
    found = sorted((environment / "lib").glob("python3.*"))
    return found[0].name.removeprefix("python") if found else f"{sys.version_info[0]}.{sys.version_info[1]}"


def files(environment: Path) -> Path:
    """The `tritonserver` folder of the wheel. Raises: NotInstalled."""
    folder = environment / "lib" / f"python{python_tag(environment)}" / "site-packages/pytriton/tritonserver"
    if not (folder / "bin" / "tritonserver").exists():
        raise NotInstalled("Triton is not installed in its environment; run 'make .venv'.")
    return folder


def link_backend(environment: Path, backends: Path) -> Path:
    """Make *backends*/python of symlinks into the wheel; returns *backends*."""
    source = files(environment)
    stub = source / "python_backend_stubs" / python_tag(environment) / "triton_python_backend_stub"
    target = backends / "python"
    target.mkdir(parents=True, exist_ok=True)
    for path in (*(source / "backends" / "python").iterdir(), stub):
        link = target / path.name
        link.unlink(missing_ok=True)
        link.symlink_to(path)
    return backends


def secret(settings: ServingSettings) -> str:
    """The random value of the admin header; made once, readable by this user only."""
    path = settings.folder / "triton.secret"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(24))
    return path.read_text()


def identity(settings: ServingSettings) -> str:
    """Name of this installation's Triton: prefix of its shared memory and marker of its command line."""
    return "mr" + hashlib.sha256(str(settings.home.resolve()).encode()).hexdigest()[:12]


def sweep_shared_memory(prefix: str) -> None:
    """Remove the shared memory that a killed Triton and its stubs left."""
    for path in Path("/dev/shm").glob(f"{prefix}*"):  # noqa: S108 - where Triton puts it
        path.unlink(missing_ok=True)


def launch(settings: ServingSettings, ports: dict[str, int]) -> Launch:
    """How this installation starts Triton.

    It opens its door when the revisions that lie in its repository are loaded, so that after a crash nobody is told
    that there is no such model.
    """
    environment = settings.triton_environment
    source = files(environment)
    backends = link_backend(environment, settings.folder / "triton" / "backends")
    repository = folder(settings)
    repository.mkdir(parents=True, exist_ok=True)
    argv = arguments(
        source / "bin" / "tritonserver",
        identity(settings),
        repository,
        backends,
        source / "caches",
        ports,
        secret(settings),
        settings.triton_threads,
    )
    variables = inherited(VIRTUAL_ENV=str(environment), OMP_NUM_THREADS="1")
    variables |= library_path(variables.get("LD_LIBRARY_PATH"))
    variables["PATH"] = f"{environment / 'bin'}:{variables.get('PATH', '')}"

    def known() -> list[str]:
        return [f"--load-model={name}" for name in sorted(placed(settings))]

    return Launch(argv, variables, marker=f"--id={identity(settings)}", first=known)
