"""What somebody may do: everywhere by their token's role, in a project by roles given there, or by Kubernetes' RBAC.

One rule for what is refused: who has no role in a project is told 404, whether or not there is such a project; who has
one that does not go so far is told 403, with the permission that is missing and who has it.
"""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

from millrace_core.errors import Forbidden, NotFound
from millrace_core.names import shortened
from millrace_core.persons import Person, person
from millrace_core.reviews import VERBS, Reviews, Spaces, Subject
from millrace_core.roles import KNOWN, PEOPLE, allows, allows_there, those_with

LONGEST = 100
"""Characters of an author in a decision."""
acting: ContextVar[str] = ContextVar("acting", default="")
"""Who asked for what is being done now, as a decision names them; empty: the service itself does it."""


@dataclass(frozen=True)
class Actor:
    """Who sent the request: the token's name, and the role that it has everywhere (empty: none).

    *pod*: the pod that a signed token was given to, empty if it was given to none; None for a token of the file.
    *given*: roles in single projects, as (project, role). *subject*: who that is for Kubernetes, if it is asked.
    *identifier*: issuer and subject of a person's token, by which they are known whatever their name is now.
    """

    name: str
    role: str
    pod: str | None = field(default=None, compare=False)
    given: tuple[tuple[str, str], ...] = ()
    subject: Subject | None = field(default=None, compare=False)
    identifier: str = field(default="", compare=False)
    token: str = field(default="", compare=False)
    """Id of the personal token that was shown; empty: they came themselves, or by something else."""
    kind: str = field(default="", compare=False)
    """Of the signed token that was shown."""
    formerly: tuple[str, ...] = field(default=(), compare=False)
    """Names under which older records know them."""

    def may(self, permission: str) -> bool:
        """Whether the role that holds everywhere has *permission*."""
        return allows(self.role, permission)

    @property
    def is_a_part(self) -> bool:
        """Whether that is a part of Millrace, or one of its pods."""
        return bool(self.role) and self.role not in PEOPLE

    def given_in(self, project: str) -> list[str]:
        """Roles given in *project*, the least first."""
        mine = {role for where, role in self.given if where == project}
        return [role for role in PEOPLE if role in mine]

    @property
    def person(self) -> str:
        """The name as records show it; a service account's may be longer than their place."""
        return self.known.name

    @property
    def known(self) -> Person:
        """Who that is to the records, which compare people."""
        return person(self.name, self.identifier, self.formerly)

    @property
    def author(self) -> str:
        """How a decision names them: a person with the role in which they acted, a part of Millrace by its own.

        A token of the tokens file has one role, which is not told.
        """
        if self.role not in PEOPLE:
            return shortened(self.name, LONGEST)
        role = "" if self.pod is None else f" ({self.role})"
        return shortened(f"user:{self.name}", LONGEST - len(role)) + role


class Rights:
    """Decides who may do what; *spaces* tells which namespaces stand for which project now."""

    def __init__(self, spaces: Callable[[], Spaces] = Spaces, reviews: Reviews | None = None) -> None:
        self._spaces, self._reviews = spaces, reviews or Reviews()

    async def acting(self, actor: Actor, permission: str, project: str | None) -> Actor:
        """*actor* in the role in which they may do this; *project* None: it is about no single project.

        Raises: NotFound for somebody without a role in the project; Forbidden; Unavailable while Kubernetes, which
        alone could allow it, does not answer.
        """
        if actor.may(permission) or permission in KNOWN:
            return actor
        if project is None or (actor.role and not actor.given and actor.subject is None):
            raise Forbidden(_lacking(actor, permission, [actor.role] if actor.role else [], False))
        given = actor.given_in(project)
        for role in given:
            if allows_there(role, permission):
                return replace(actor, role=role)
        for role in VERBS:
            if allows_there(role, permission) and await self._reviewed(actor, role, project):
                return replace(actor, role=role)
        mine = [actor.role] if actor.role else given or await self._by_rbac(actor, project)
        if not mine:
            raise NotFound(
                f"There is no project {project}, or {actor.name} has no role in it. 'millrace whoami' shows yours; "
                "say which you mean with --project, or ?project= in a request."
            )
        raise Forbidden(_lacking(actor, permission, mine, True))

    async def roles(self, actor: Actor, project: str) -> list[str]:
        """All roles of *actor* in *project*, the least first. Raises: Unavailable."""
        if actor.role == "admin" or actor.is_a_part:
            return ["admin"] if actor.role == "admin" else []
        everywhere = [actor.role] if actor.role else []
        found = {*everywhere, *actor.given_in(project), *await self._by_rbac(actor, project)}
        return [role for role in PEOPLE if role in found]

    async def _by_rbac(self, actor: Actor, project: str) -> list[str]:
        return [role for role in VERBS if await self._reviewed(actor, role, project)]

    async def _reviewed(self, actor: Actor, role: str, project: str) -> bool:
        if actor.subject is None:
            return False
        return await self._reviews.has(actor.subject, role, self._spaces().of(project))


def _lacking(actor: Actor, permission: str, mine: list[str], in_a_project: bool) -> str:
    who = those_with(permission, in_a_project)
    where = "in the project" if in_a_project else "everywhere"
    mend = f" Roles {where} that have it: {', '.join(who)}." if who else ""
    role = f"role {', '.join(mine)}" if mine else "no role that holds everywhere"
    return f"The token '{actor.name}' ({role}) lacks the permission {permission}.{mend}"
