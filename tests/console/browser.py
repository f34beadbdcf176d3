"""What a browser test needs, fetched once: playwright in an environment of its own, axe-core from npm by digest."""

import hashlib
import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PLACE = ROOT / ".cache" / "browser"
PYTHON = PLACE / "env" / "bin" / "python"
AXE, AXE_SHA256 = "axe-core@4.14.1", "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"
PATIENCE = 2400
"""Seconds for one walk on a machine that does much else."""
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def missing() -> str | None:
    """What this machine lacks, and how to get it; None: nothing."""
    if chromium() is None:
        return "no Chromium here: apt-get install chromium"
    if not PYTHON.exists():
        return "playwright is not there: make test-browser fetches it"
    return (
        None
        if shutil.which("npm") or axe_file().exists()
        else "axe-core comes from npm, which is not installed"
    )


def chromium() -> str | None:
    """Where Chromium is."""
    return next((path for name in CHROMIUM if (path := shutil.which(name))), None)


def axe_file() -> Path:
    """Where axe-core is, or will be."""
    return PLACE / f"axe-{AXE_SHA256[:12]}.js"


def axe() -> Path:
    """axe-core's one file, out of a package with the known bytes."""
    path = axe_file()
    if not path.exists():
        PLACE.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "pack", "--silent", AXE], cwd=PLACE, check=True, capture_output=True)
        package = next(PLACE.glob("axe-core-*.tgz"))
        assert hashlib.sha256(package.read_bytes()).hexdigest() == AXE_SHA256, (
            "not the bytes that were reviewed"
        )
        with tarfile.open(package) as archive:
            file = archive.extractfile("package/axe.min.js")
            assert file is not None
            path.write_bytes(file.read())
    return path


def walked(
    base: str,
    cookie: tuple[str, str],
    pages: dict[str, str],
    out: Path,
    steps: dict[str, list[list[str]]] | None = None,
) -> list[str]:
    """What is wrong with these pages of the console at *base*; pictures of them lie in *out* afterwards.

    Args:
        steps: what is done on a page before it is looked at: ["fill", field, text], ["choose", field, value],
            ["press", button].
    """
    asked = {
        "cookie": {"name": cookie[0], "value": cookie[1], "url": base},
        "pages": {name: base + path for name, path in pages.items()},
        "steps": steps or {}, "axe": str(axe()), "out": str(out), "chromium": chromium(),
    }  # fmt: skip
    return _played("walk.py", asked)


def toured(link: str, file: Path, more: Path, out: Path) -> dict[str, Any]:
    """What a small firm saw on its tour that begins at *link*; pictures lie in *out* afterwards.

    Args:
        file: the table it begins with. more: rows that come later.
    """
    asked = {"link": link, "file": str(file), "more": str(more), "out": str(out), "chromium": chromium()}
    return _played("tour.py", asked)


def audited(link: str, loop: str, day: str, request: str, out: Path) -> dict[str, Any]:
    """What an auditor saw on a tour that begins at *link*; pictures lie in *out* afterwards."""
    asked = {
        "link": link, "loop": loop, "day": day, "request": request, "out": str(out), "chromium": chromium(),
    }  # fmt: skip
    return _played("auditor.py", asked)


def plainly(link: str, file: Path, target: str, loop: str) -> dict[str, Any]:
    """What somebody without JavaScript saw, who begins a loop with *file* at *link*."""
    asked = {"link": link, "file": str(file), "target": target, "loop": loop, "chromium": chromium()}
    return _played("plain.py", asked)


def _played(name: str, asked: dict[str, Any]) -> Any:
    script = Path(__file__).parent / name
    done = subprocess.run(
        [PYTHON, script],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)
