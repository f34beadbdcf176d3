"""Accounts of an installation without a cluster: people, their roles, their sessions and tokens, in one file.

Nothing in it opens a door: of a password stands its Argon2 hash, of a session or a token its SHA-256.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from millrace_contracts.bodies import Body, Read
from millrace_contracts.names import ProjectName
from millrace_contracts.people import PersonRole

AccountName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$")]
"""No @ and no /: nobody here goes by the name of a provider's person or of a service account."""
SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 256
"""Characters of a password."""
CredentialKind = Literal["browser", "session", "token"]
"""A browser's session is the console's, and ends with it; one of a command line and a token end by themselves."""
RESERVED = frozenset(
    {"user", "registry", "training", "serving", "monitoring", "controller", "gateway", "prometheus"}
)
"""Names of the machine's own user, and of Millrace's parts."""


class AccountPart(BaseModel):
    """A part of the file."""

    model_config = ConfigDict(extra="forbid")


class Grant(AccountPart):
    """A role in one project, or in all."""

    role: PersonRole
    project: ProjectName | None = None


class Account(AccountPart):
    """Somebody who may come in."""

    name: str = Field(min_length=1, max_length=100, description="As decisions name them; never given twice.")
    roles: list[Grant]
    password: str = Field(default="", description="Argon2id, in the PHC format; empty: tokens alone.")
    password_at: AwareDatetime | None = None
    disabled: bool = False
    made_at: AwareDatetime


class Credential(AccountPart):
    """A session or a token of somebody's, until it ends or is ended."""

    id: str = Field(pattern=r"^[0-9a-f]{8}$", description="By which it is told and ended.")
    account: str
    kind: CredentialKind
    label: str = Field(max_length=100, description="Where a session was begun, or what a token is for.")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    made_at: AwareDatetime
    ends_at: AwareDatetime


class People(AccountPart):
    """The whole file."""

    accounts: list[Account] = []
    credentials: list[Credential] = []


class SignInWrite(Body):
    """Somebody's name and password."""

    name: str = Field(min_length=1, max_length=100)
    password: SecretStr = Field(min_length=1, max_length=LONGEST_PASSWORD)


class SessionRead(Read):
    """A session that has begun; *token* is shown this once."""

    name: str
    token: str
    ends_at: AwareDatetime
    urls: dict[str, str] = Field(description="Base URL of each service by name.")
