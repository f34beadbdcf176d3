"""How many bytes of each image go over a wire: its layers compressed, as a registry keeps them."""

import shutil
import subprocess
import tempfile
from pathlib import Path

IMAGES = ("registry", "training", "serving", "monitoring", "controller", "pipeline-runner", "training-cpu",
          "triton-test", "envoy", "postgres")  # fmt: skip


def megabytes(image: str, tag: str) -> float | None:
    """Compressed size in units of 10^6 bytes; None where neither buildah nor docker has the image."""
    name = f"docker.io/millrace/{image}:{tag}"
    if shutil.which("buildah"):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(["buildah", "push", "-q", name, f"oci:{folder}:size"], capture_output=True)
            blobs = Path(folder).rglob("blobs/sha256/*")
            return None if done.returncode else sum(blob.stat().st_size for blob in blobs) / 1e6
    if shutil.which("docker"):
        counted = subprocess.run(
            ["sh", "-c", f"docker save {name} | gzip | wc -c"], capture_output=True, text=True
        )
        return int(counted.stdout or 0) / 1e6 or None
    return None
