"""Who somebody is to the platform, and what they may do where."""

from typing import Literal

from pydantic import Field

from millrace_contracts.bodies import Read

PersonRole = Literal["viewer", "labeller", "operator", "approver", "admin"]


class ProjectRolesRead(Read):
    """What somebody is in one project."""

    project: str
    roles: list[PersonRole] = Field(description="All that hold there, the one that may least first.")


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
