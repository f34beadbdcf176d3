"""Who `millrace login --user` has signed in on this machine: a session for a name and a password, kept by its owner.

The file is the owner's alone (0600). The token in it ends by itself, with `millrace logout`, or when somebody ends it.
"""

import contextlib
import os
from pathlib import Path

import httpx
from pydantic import AwareDatetime, BaseModel, ConfigDict, SecretStr, ValidationError

from millrace.private_files import write
from millrace.transport import answers
from millrace.transport.errors import NotRunning
from millrace.transport.requests import SECONDS
from millrace.transport.trust import trusted
from millrace_contracts.accounts import SessionRead


class LocalSession(BaseModel):
    """A session of somebody with an account."""

    model_config = ConfigDict(extra="forbid")

    name: str
    console: str
    """Base URL of the console that gave it, and that ends it."""
    urls: dict[str, str]
    """Base URL of each service; empty: the platform of this machine's home, wherever it answers."""
    token: str
    ends_at: AwareDatetime


def path() -> Path:
    """Where it is kept."""
    return Path(os.environ.get("MILLRACE_HOME") or Path.home() / ".millrace") / "session.json"


def known() -> LocalSession | None:
    """Who is signed in; None if nobody is. Raises: NotRunning if what is kept cannot be read."""
    try:
        return LocalSession.model_validate_json(path().read_text())
    except FileNotFoundError:
        return None
    except (ValidationError, OSError) as error:
        raise NotRunning(
            f"{path()} cannot be read; run 'millrace login --user NAME' again, or 'millrace logout'"
        ) from error


def begin(console: str, name: str, password: SecretStr, elsewhere: bool) -> LocalSession:
    """Sign in at *console*, and keep the session; the one before is over. *elsewhere*: where it says its services are.

    Raises: ApiError, httpx.TransportError.
    """
    body = {"name": name, "password": password.get_secret_value()}
    with _client() as client, answers.plain_errors():
        asked = client.post(f"{console.rstrip('/')}/v1/sessions", json=body)
        made = answers.typed(SessionRead, answers.checked(asked))
    end()
    session = LocalSession(
        name=made.name, console=console.rstrip("/"), urls=made.urls if elsewhere else {}, token=made.token,
        ends_at=made.ends_at,
    )  # fmt: skip
    path().parent.mkdir(parents=True, exist_ok=True)
    write(path(), session.model_dump(mode="json"))
    return session


def end() -> bool:
    """End it where it was begun, as far as that answers, and forget it; whether there was one."""
    with contextlib.suppress(NotRunning):
        session = known()
        if session is not None:
            headers = {"authorization": f"Bearer {session.token}"}
            with contextlib.suppress(httpx.HTTPError), _client() as client:
                client.delete(f"{session.console}/v1/sessions/mine", headers=headers)
    there = path().exists()
    path().unlink(missing_ok=True)
    return there


def _client() -> httpx.Client:
    return httpx.Client(
        trust_env=False, verify=trusted(), timeout=SECONDS, headers={"user-agent": "millrace login"}
    )
