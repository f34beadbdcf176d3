"""An API server that hands requests on to adapters, as most do; one started without that is started again with it.

The single-node cluster of the tests keeps the command of each of its parts in a file; its API server begins without the
certificates with which a front proxy shows who it is. Others (kind, k3d, kubeadm) have them.
"""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

from tests.cluster.kube import Kubernetes

WHERE = ("configmap", "extension-apiserver-authentication", "kube-system")
CLIENT = "front-proxy-client"
NONE = (
    "The API server was started without an aggregation layer, and its command is not known here, so no adapter of "
    "metrics can be asked: start it with --requestheader-client-ca-file and --proxy-client-cert-file."
)


class NoAggregation(Exception):
    """The text says what is missing."""


def ensure(kube: Kubernetes) -> None:
    """The API server has an aggregation layer afterwards. Raises: NoAggregation."""
    if _has(kube):
        return
    place = Path(os.environ.get("MILLRACE_CLUSTER_DIR", "/var/lib/millrace-cluster"))
    if not (place / "apiserver.cmd").exists():
        raise NoAggregation(NONE)
    _restart(place, _flags(place / "pki"))
    kube.until("the API server with its front proxy", 120, lambda: _has(kube))


def _has(kube: Kubernetes) -> bool:
    try:
        found = json.loads(kube.kubectl("get", *WHERE[:2], "-n", WHERE[2], "-o", "json"))
    except (AssertionError, json.JSONDecodeError):
        return False
    return bool(found["data"].get("requestheader-client-ca-file"))


def _flags(folder: Path) -> list[str]:
    """What the API server has to be started with; makes an authority and the front proxy's certificate."""
    authority, key = folder / "front-proxy-ca.crt", folder / "front-proxy-ca.key"
    made, mine, asked = (folder / f"{CLIENT}.{end}" for end in ("crt", "key", "csr"))
    _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", authority, "-days", "30",
             "-subj", "/CN=front-proxy-ca")  # fmt: skip
    _openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", mine, "-out", asked, "-subj", f"/CN={CLIENT}")
    _openssl(
        "x509",
        "-req",
        "-in",
        asked,
        "-CA",
        authority,
        "-CAkey",
        key,
        "-CAcreateserial",
        "-out",
        made,
        "-days",
        "30",
    )
    return [
        f"--requestheader-client-ca-file={authority}",
        f"--requestheader-allowed-names={CLIENT}",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={made}",
        f"--proxy-client-key-file={mine}",
    ]


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def _restart(place: Path, flags: list[str]) -> None:
    """Ends the API server and starts it with more flags; keeps its files, as `restart` beside `up` does."""
    file, noted = place / "apiserver.cmd", place / "apiserver.pid"
    command = [part for part in file.read_text().split("\0") if part] + flags
    os.kill(int(noted.read_text()), signal.SIGTERM)
    deadline = time.monotonic() + 60
    while Path(f"/proc/{int(noted.read_text())}").exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    file.write_text("".join(f"{part}\0" for part in command))
    with (place / "log" / "apiserver.log").open("ab") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
        )
    noted.write_text(str(process.pid))
