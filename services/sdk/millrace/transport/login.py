"""Where `millrace login` has led this machine's commands: kept in the home, without a token in it."""

import os
import time
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from millrace.transport.errors import NotRunning
from millrace.transport.forwarding import Forwarded, Open
from millrace.transport.kube import TOKEN_SECONDS, Kube
from millrace.transport.tokens import TokenFile

SERVICES = ("registry", "training", "serving", "monitoring", "controller")
RENEW_SECONDS = 300
"""How long before its end a token is renewed."""
PORT = 8080


class Login(BaseModel):
    """A platform in the cluster of a kubeconfig's context."""

    model_config = ConfigDict(extra="forbid")

    context: str
    file: str | None
    """The kubeconfig; None: that of KUBECONFIG, or ~/.kube/config."""
    platform: str
    """Namespace of the release."""
    name: str
    """What the release's objects begin with."""
    instance: str
    """The release's name."""
    project: str
    account: str
    """Service account whose tokens are shown, NAMESPACE/NAME; empty: the kubeconfig's own token."""
    door: str = ""
    """URL of its door; empty: by port-forward."""

    def urls(self, kube: Kube) -> Mapping[str, str]:
        """Base URL of each service by name."""
        if self.door:
            return {name: f"{self.door}/{name}" for name in SERVICES}
        return Forwarded({name: self._way(kube, name) for name in SERVICES})

    def _way(self, kube: Kube, component: str) -> Open:
        labels = f"app.kubernetes.io/instance={self.instance},app.kubernetes.io/component={component}"
        return lambda: kube.connect(self.platform, kube.ready_pod(self.platform, labels), PORT)

    def token(self, kube: Kube) -> "Renewed":
        """The token that is shown, made when it is needed."""
        return Renewed(kube, self.account)


class Renewed(TokenFile):
    """A bearer token that the cluster makes; called for the token, it asks for a new one before the last one ends."""

    def __init__(self, kube: Kube, account: str) -> None:
        self._kube, self._account, self._made, self._until = kube, account, "", 0.0

    def __call__(self) -> str:
        """The token now. Raises: KubeError."""
        if not self._account:
            return self._kube.own_token()
        if time.monotonic() > self._until:
            space, _, name = self._account.partition("/")
            self._made = self._kube.token(space, name)
            self._until = time.monotonic() + TOKEN_SECONDS - RENEW_SECONDS
        return self._made


def path() -> Path:
    """Where it is kept."""
    return Path(os.environ.get("MILLRACE_HOME") or Path.home() / ".millrace") / "login.json"


def save(login: Login) -> None:
    """Lead commands there from now on."""
    path().parent.mkdir(parents=True, exist_ok=True)
    staged = path().with_suffix(".new")
    staged.write_text(login.model_dump_json(indent=1) + "\n")
    os.replace(staged, path())


def forget() -> bool:
    """Lead them there no more; whether they were."""
    there = path().exists()
    path().unlink(missing_ok=True)
    return there


def known() -> Login | None:
    """Where commands are led; None if nowhere. Raises: NotRunning if what is kept cannot be read."""
    try:
        return Login.model_validate_json(path().read_text())
    except FileNotFoundError:
        return None
    except (ValidationError, OSError) as error:
        raise NotRunning(
            f"{path()} cannot be read; run 'millrace login --kube' again, or 'millrace logout'"
        ) from error
