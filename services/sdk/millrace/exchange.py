"""Lets a step of Kubeflow Pipelines show who it is: its pod gets no projected token, so it asks for one itself.

The pod's own token opens the API server; it is shown to nobody else. With it the step requests a token of the same
service account that only Millrace accepts (MILLRACE_TOKEN_AUDIENCE), and renews it while it works.
"""

import base64
import json
import os
import ssl
import tempfile
import threading
import time
from pathlib import Path
from urllib.request import Request, urlopen

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
VALID_SECONDS = 3600
RENEW_SECONDS = 2400
AGAIN_SECONDS = 30


def arrange() -> None:
    """See to it that MILLRACE_TOKEN_FILE holds a valid token, if an audience is named and there is no file yet."""
    audience = os.environ.get("MILLRACE_TOKEN_AUDIENCE", "")
    if not audience or os.environ.get("MILLRACE_TOKEN_FILE") or os.environ.get("MILLRACE_TOKEN"):
        return
    file = Path(tempfile.mkdtemp(prefix="millrace-"), "token")
    _write(file, request(audience))
    os.environ["MILLRACE_TOKEN_FILE"] = str(file)
    threading.Thread(target=_keep, args=(file, audience), daemon=True).start()


def request(audience: str) -> str:
    """A token of this pod's service account for *audience*. Raises: OSError if the API server refuses."""
    mine = (ACCOUNT / "token").read_text().strip()
    namespace, name = _subject(mine)
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    host = f"[{host}]" if ":" in host else host
    url = f"https://{host}:{port}/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
    order = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": [audience], "expirationSeconds": VALID_SECONDS},
    }
    headers = {"authorization": f"Bearer {mine}", "content-type": "application/json"}
    asked = Request(url, json.dumps(order).encode(), headers)
    trust = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    with urlopen(asked, timeout=30, context=trust) as answer:  # noqa: S310
        token: str = json.load(answer)["status"]["token"]
    return token


def _subject(token: str) -> tuple[str, str]:
    """Namespace and name of the service account that a token is for."""
    claims = token.split(".")[1]
    padded = claims + "=" * (-len(claims) % 4)
    namespace, name = json.loads(base64.urlsafe_b64decode(padded))["sub"].split(":")[2:]
    return namespace, name


def _write(file: Path, token: str) -> None:
    staged = file.with_name("staged")
    staged.touch(mode=0o600)
    staged.write_text(token)
    os.replace(staged, file)


def _keep(file: Path, audience: str) -> None:
    """Renew the token long before it ends, and soon again when that fails."""
    wait = RENEW_SECONDS
    while True:
        time.sleep(wait)
        try:
            _write(file, request(audience))
            wait = RENEW_SECONDS
        except OSError as error:
            print(f"the token could not be renewed: {error}", flush=True)
            wait = AGAIN_SECONDS
