"""Who somebody is to the platform, and what they may do where."""

from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from millrace_contracts.bodies import Body, Read
from millrace_contracts.names import ProjectName

PersonRole = Literal["viewer", "labeller", "operator", "approver", "admin"]


class ProjectRolesRead(Read):
    """What somebody is in one project."""

    project: str
    roles: list[PersonRole] = Field(description="All that hold there, the one that may least first.")


class TokenGrant(Body):
    """What a token may: a role in one project, or in all."""

    role: PersonRole
    project: ProjectName | None = Field(default=None, description="Null: in every project and beyond.")


class WhoRead(Read):
    """Whom a token names."""

    name: str = Field(description="As decisions name them.")
    identifier: str | None = Field(
        default=None,
        description="Issuer and subject of the token, by which a person is known if the name changes; null: the name.",
    )
    role: str | None = Field(description="The role that holds in every project and beyond; null: none does.")
    project: str = Field(description="The project that was asked about, by its name or by its namespace's.")
    projects: list[ProjectRolesRead] = Field(description="Projects in which they have a role, by name.")
    grants: list[TokenGrant] = Field(
        default=[],
        description="What a token of theirs for a program may be given, each the most of its kind; empty: nothing.",
    )


PERSONAL: Final = "mlp_"
"""Begins the tokens of people that the registry keeps."""
LONGEST_TOKEN_DAYS: Final = 366
MOST_GRANTS: Final = 50
TWICE_EVERYWHERE: Final = "one role at most holds everywhere; give others in projects, or make two tokens"
TokenLabel = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class TokenWrite(Body):
    """A token for a program of one's own."""

    label: TokenLabel = Field(description="What it is for.")
    days: int = Field(ge=1, le=LONGEST_TOKEN_DAYS, description="For how long it opens something.")
    until: AwareDatetime | None = Field(
        default=None, description="Its end, where that is sooner than *days* say; null: it is not."
    )
    grants: list[TokenGrant] = Field(
        min_length=1, max_length=MOST_GRANTS, description="What it may; nothing that one may not oneself."
    )

    @model_validator(mode="after")
    def _one_everywhere(self) -> "TokenWrite":
        if sum(grant.project is None for grant in self.grants) > 1:
            raise ValueError(TWICE_EVERYWHERE)
        return self


class TokenRead(Read):
    """A token of somebody's; never the token itself."""

    id: str
    name: str = Field(description="Whose, as decisions name them.")
    identifier: str = Field(description="Issuer and subject, by which they are known.")
    label: str
    grants: list[TokenGrant]
    made_at: AwareDatetime
    ends_at: AwareDatetime
    revoked_at: AwareDatetime | None
    revoked_by: str | None


class TokenMade(TokenRead):
    """A token that is new; *token* is shown this once."""

    token: str


class TokenAsk(Body):
    """Which token is asked about."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class TokenStanding(Read):
    """What a token opens now."""

    id: str
    name: str
    identifier: str
    grants: list[TokenGrant]
    ends_at: AwareDatetime
