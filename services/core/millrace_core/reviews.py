"""Asks the API server what somebody may do with a namespace's ModelLoops: its RBAC is the team's roles here too.

A LocalSubjectAccessReview is a question in one namespace, so a Role there is enough to ask it. Answers are kept for
seconds; without an answer nothing is allowed.
"""

import asyncio
import re
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from millrace_contracts.bodies import Document
from millrace_core.errors import Unavailable
from millrace_core.identity_keys import API_SERVER
from millrace_core.log import log

GROUP, PLURAL = "millrace.dev", "modelloops"
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds its own token, and the authority by which it knows the API server."""
REVIEW = {"apiVersion": "authorization.k8s.io/v1", "kind": "LocalSubjectAccessReview"}
PATH = "/apis/authorization.k8s.io/v1/namespaces/{}/localsubjectaccessreviews"
VERBS = {"viewer": "get", "operator": "update", "approver": "approve"}
"""What of the ModelLoops somebody may do in the namespace who has this role in its project."""
SUBRESOURCES = {"approve": "approval"}
"""A verb that is about a part: who may do everything with ModelLoops may not therefore approve."""
ALLOWED_SECONDS, DENIED_SECONDS = 10.0, 3.0
"""How long an answer is believed: a right that is given is wanted at once."""
AWAY_SECONDS = 2.0
"""How long nobody is made to wait for an API server that has just not answered."""
ANSWER_SECONDS = 5.0
TOGETHER = 20
"""Questions under way at once: a list of all projects asks about each, and the API server has others to serve."""
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


Ask = Callable[[str, Document], Awaitable[Document]]
"""Sends a review to its collection at this path, and tells what came back; raises OSError, ValueError or HTTPError."""


class ApiServer:
    """The API server of the cluster that this pod is in, by plain HTTP: a whole client is too much for one question."""

    def __init__(self, url: str = API_SERVER, account: Path = ACCOUNT) -> None:
        self._url, self._account = url, account
        self._client: httpx.AsyncClient | None = None

    async def __call__(self, path: str, review: Document) -> Document:
        """What it answers. Raises: OSError, ValueError, httpx.HTTPError."""
        if self._client is None:
            trusted = await asyncio.to_thread(ssl.create_default_context, cafile=self._account / "ca.crt")
            self._client = httpx.AsyncClient(
                base_url=self._url, verify=trusted, trust_env=False, timeout=ANSWER_SECONDS
            )
        headers = {"authorization": f"Bearer {(self._account / 'token').read_text().strip()}"}
        answer = await self._client.post(path, json=review, headers=headers)
        answer.raise_for_status()
        told: Document = answer.json()
        return told


class Reviews:
    """Answers of one API server. For one event loop."""

    def __init__(self, ask: Ask | None = None) -> None:
        self._send = ask or ApiServer()
        self._answers: dict[Key, tuple[float, bool]] = {}
        self._asked: dict[Key, asyncio.Task[bool]] = {}
        self._turns = asyncio.Semaphore(TOGETHER)
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
        async with self._turns:
            if time.monotonic() < self._away + AWAY_SECONDS:
                raise _unknown(key[2])
            return await self._answer(key)

    async def _answer(self, key: Key) -> bool:
        subject, verb, space = key
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._send(PATH.format(space), _question(subject, verb, space))
        except (httpx.HTTPError, OSError, ValueError) as error:
            self._away = time.monotonic()
            told = f"{type(error).__name__}: {error}"[:300]
            log.error("the API server does not say who may do what", namespace=space, error=told)
            raise _unknown(space) from error
        status = answer.get("status") or {}
        allowed = status.get("allowed") is True and not status.get("denied")
        self._keep(key, allowed)
        return allowed

    def _keep(self, key: Key, allowed: bool) -> None:
        if len(self._answers) >= MOST:
            now = time.monotonic()
            self._answers = {known: kept for known, kept in self._answers.items() if kept[0] > now}
        if len(self._answers) >= MOST:
            self._answers.clear()
        self._answers[key] = (time.monotonic() + (ALLOWED_SECONDS if allowed else DENIED_SECONDS), allowed)


def _question(subject: Subject, verb: str, space: str) -> Document:
    asked = {"namespace": space, "verb": verb, "group": GROUP, "resource": PLURAL}
    if verb in SUBRESOURCES:
        asked["subresource"] = SUBRESOURCES[verb]
    spec = {"user": subject.user, "groups": list(subject.groups), "resourceAttributes": asked}
    return REVIEW | {"metadata": {"namespace": space}, "spec": spec}


def _unknown(space: str) -> Unavailable:
    return Unavailable(
        f"The Kubernetes API server does not say now who may do what in the namespace {space}, so nothing is allowed "
        "by its RBAC; try again.",
        retry_after=2,
    )
