"""Asks the API server what somebody may do with a namespace's ModelLoops: its RBAC is the team's roles here too.

A LocalSubjectAccessReview is a question in one namespace, so a Role there is enough to ask it. Answers are kept for
seconds; without an answer nothing is allowed.
"""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from millrace_contracts.bodies import Document
from millrace_core.errors import MillraceError, Unavailable
from millrace_core.kubernetes import Cluster
from millrace_core.log import log

GROUP, PLURAL = "millrace.dev", "modelloops"
REVIEW = {"apiVersion": "authorization.k8s.io/v1", "kind": "LocalSubjectAccessReview"}
VERBS = {"viewer": "get", "operator": "update"}
"""What of the ModelLoops somebody may do in the namespace who has this role in its project."""
ALLOWED_SECONDS, DENIED_SECONDS = 10.0, 3.0
"""How long an answer is believed: a right that is given is wanted at once."""
AWAY_SECONDS = 2.0
"""How long nobody is made to wait for an API server that has just not answered."""
ANSWER_SECONDS = 5.0
MOST = 10_000
"""Answers that are kept."""
SPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?").fullmatch


@dataclass(frozen=True)
class Subject:
    """Somebody as the API server knows them."""

    user: str
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Spaces:
    """Which namespaces belong to which project: by configuration, else each is the project of its own name."""

    watched: tuple[str, ...] = ()
    """Those whose ModelLoops are taken; none named: all."""
    projects: Mapping[str, str] = field(default_factory=dict)
    """Project by namespace, where it has another name."""

    def project(self, space: str) -> str:
        """The project that a namespace stands for."""
        return self.projects.get(space, space)

    def of(self, project: str) -> list[str]:
        """The namespaces that stand for *project*."""
        named = [space for space, meant in self.projects.items() if meant == project]
        own = [project] if project not in self.projects else []
        return [
            space for space in (*own, *named) if SPACE(space) and (not self.watched or space in self.watched)
        ]


Key = tuple[Subject, str, str]


class Reviews:
    """Answers of one API server, which is looked for at the first question. For one event loop."""

    def __init__(self, cluster: Callable[[], Cluster] = Cluster.here) -> None:
        self._make = cluster
        self._cluster: Cluster | None = None
        self._answers: dict[Key, tuple[float, bool]] = {}
        self._asked: dict[Key, asyncio.Task[bool]] = {}
        self._away = -1e9

    async def has(self, subject: Subject, role: str, spaces: list[str]) -> bool:
        """Whether RBAC gives *subject* what *role* stands for in one of *spaces*.

        Raises: Unavailable while the API server does not answer.
        """
        if role not in VERBS:
            return False
        for space in spaces:
            if await self._may(subject, VERBS[role], space):
                return True
        return False

    async def _may(self, subject: Subject, verb: str, space: str) -> bool:
        key = (subject, verb, space)
        until, allowed = self._answers.get(key, (0.0, False))
        if time.monotonic() < until:
            return allowed
        if time.monotonic() < self._away + AWAY_SECONDS:
            raise _unknown(space)
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.create_task(self._ask(key))
            task.add_done_callback(lambda done: self._answered(key, done))
        return await asyncio.shield(task)

    def _answered(self, key: Key, done: "asyncio.Task[bool]") -> None:
        """An error is told by those who wait; it is looked at here because they may have gone."""
        self._asked.pop(key, None)
        if not done.cancelled():
            done.exception()

    async def _ask(self, key: Key) -> bool:
        subject, verb, space = key
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                cluster = await self._found()
                answer = await cluster.create(_question(subject, verb, space), space)
        except (MillraceError, TimeoutError) as error:
            self._away = time.monotonic()
            told = error.detail if isinstance(error, MillraceError) else "no answer in time"
            log.error("the API server does not say who may do what", namespace=space, error=told)
            raise _unknown(space) from error
        status = answer.get("status") or {}
        allowed = status.get("allowed") is True and not status.get("denied")
        self._keep(key, allowed)
        return allowed

    async def _found(self) -> Cluster:
        if self._cluster is None:
            self._cluster = await asyncio.to_thread(self._make)
        return self._cluster

    def _keep(self, key: Key, allowed: bool) -> None:
        if len(self._answers) >= MOST:
            now = time.monotonic()
            self._answers = {known: kept for known, kept in self._answers.items() if kept[0] > now}
        if len(self._answers) >= MOST:
            self._answers.clear()
        self._answers[key] = (time.monotonic() + (ALLOWED_SECONDS if allowed else DENIED_SECONDS), allowed)


def _question(subject: Subject, verb: str, space: str) -> Document:
    asked = {"namespace": space, "verb": verb, "group": GROUP, "resource": PLURAL}
    spec = {"user": subject.user, "groups": list(subject.groups), "resourceAttributes": asked}
    return REVIEW | {"metadata": {"namespace": space}, "spec": spec}


def _unknown(space: str) -> Unavailable:
    return Unavailable(
        f"The Kubernetes API server does not say now who may do what in the namespace {space}, so nothing is allowed "
        "by its RBAC; try again.",
        retry_after=2,
    )
