"""Role × page × project of the console: it shows what the services answer to the person's own token, and nothing else.

Every page and action is walked in every role, in the own project and in another's; behind it stand all five services as
they are built, with their real guards (`test_roles` holds those to the page of roles). What a page asks of them has to
be asked with the person's own token, about the project in its address, and to stand in docs/reference/roles.md.
"""

import hashlib
import importlib
import json
import re
from dataclasses import dataclass, field

import httpx
import pytest
from tests.core.test_roles import MINE, OTHER, PAGE, PASSED, SERVICES, Passed

from millrace_console.main import ConsoleSettings, build
from millrace_core import auth
from millrace_core.auth import PUBLIC, is_of_a_project, permission_of, routes
from millrace_core.roles import KNOWN, PEOPLE

ROW = re.compile(r"^\| `(GET|POST) (/\S*)` \| (.*) \|$", re.MULTILINE)
FILLED = {
    "loop": "sales", "number": "1", "decision": "0" * 36, "entry": "1", "alarm": "a-1", "job": "0" * 32,
    "backtest": "0" * 12,
    "name": "verification",
}  # fmt: skip
QUERY = {"audit": {"loop": "sales", "version": "1", "id": "r-1"}}
"""What the pages of a section ask for besides their address."""
FORM = {
    "loop": "sales",
    "reason": "tried",
    "digest": "sha256:" + "0" * 64,
    "which": "others",
    "key": "a" * 32,
}


def documented():
    """Permissions by (method, path) of the console's pages and actions."""
    part = PAGE.partition("## In the console\n")[2].partition("\n## ")[0]
    return {(method, path): set(re.findall(r"`([a-z.]+)`", cell)) for method, path, cell in ROW.findall(part)}


@dataclass
class Asked:
    """One call of a page: what the guard said, and what it is about."""

    permission: str
    about: bool
    project: str
    token: str
    status: int


@dataclass
class Behind(httpx.AsyncBaseTransport):
    """A service with its guard alone; what passes it is answered with 500, as there is no data."""

    app: object
    calls: list[Asked] = field(default_factory=list)

    async def handle_async_request(self, request):
        seen = {}

        async def noting(scope, receive, send):
            async def told(message):
                if message["type"] == "http.response.start":
                    seen["status"] = message["status"]
                await send(message)

            seen["scope"] = scope
            await self.app(scope, receive, told)

        answer = await httpx.ASGITransport(noting, raise_app_exceptions=False).handle_async_request(request)
        route = next(
            (route for _, route in routes(self.app) if route.endpoint is seen["scope"].get("endpoint")), None
        )
        permission = permission_of(route) if route is not None else "nothing"
        self.calls.append(Asked(
            permission, route is not None and is_of_a_project(route), request.url.params.get("project", ""),
            request.headers.get("authorization", "").removeprefix("Bearer "), seen["status"],
        ))  # fmt: skip
        return httpx.Response(500, json={}, request=request) if seen["status"] == PASSED else answer


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    made = tmp_path_factory.mktemp("home")
    (made / "run").mkdir()
    entries = [{"name": f"{role}@a", "role": role, "project": MINE} for role in PEOPLE]
    for entry in entries:
        entry["sha256"] = hashlib.sha256(entry["name"].encode()).hexdigest()
    (made / "run" / "tokens.json").write_text(json.dumps({"tokens": entries}))
    return made


@pytest.fixture(scope="module")
def behind(home):
    """The services, with a token for each role in the project team-a."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MILLRACE_HOME", str(home))
        patch.setenv("MILLRACE_DATA_PLANE", "false")
        yield {name: Behind(importlib.import_module(f"millrace_{name}.main").build()) for name in SERVICES}


@pytest.fixture
def guarded(monkeypatch):
    """Of the services nothing but the guard is run; the console runs as it is."""
    guard = auth.Permit.__call__

    async def stop(self, request):
        await guard(self, request)
        if type(self).__module__ != "millrace_console.people.permits" and self.permission != PUBLIC:
            raise Passed("let through")

    monkeypatch.setattr(auth.Permit, "__call__", stop)


@pytest.fixture
async def console(home, guarded):
    app = build(ConsoleSettings(home=home / "console", answer_seconds=2))
    async with app.router.lifespan_context(app):
        yield app


def pages(app):
    """(method, path, route) of every page and action that asks who is signed in."""
    for path, route in routes(app):
        if permission_of(route) not in (PUBLIC, "metrics.read"):
            for method in sorted(route.methods - {"HEAD"}):
                yield method, path, route


def address(path, project):
    kinds = {"quarantine": "drop", "/runs/": "approve", "/review/": "skip"}
    what = next((word for part, word in kinds.items() if part in path), "retrain")
    for name, value in (FILLED | {"project": project, "what": what}).items():
        path = path.replace("{" + name + "}", value)
    return path


async def walk(app, behind, role, project):
    """Status and calls of every page, by (method, path)."""
    found, token = {}, f"{role}@a"
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    for method, path, _ in pages(app):
        for service in behind.values():
            service.calls.clear()
        people = app.state.services.people
        clients = people.clients(token)
        for name in SERVICES:
            getattr(clients, name).api._client = httpx.AsyncClient(
                transport=behind[name], base_url="http://localhost"
            )
        key = people.begin(token, clients)
        form = FORM | {"csrf": people.find(key).csrf}
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as browser:
            browser.cookies.set("millrace_session", key)
            headers = {"x-csrf": form["csrf"]}
            data = form if method == "POST" else None
            query = next((given for part, given in QUERY.items() if f"/{part}/" in path), None)
            answer = await browser.request(
                method, address(path, project), params=query, data=data, headers=headers
            )
        calls = [call for service in behind.values() for call in service.calls]
        found[method, path] = (answer.status_code, calls)
    return found


def leaks(found, role, project, known):
    """What is wrong with what pages asked, in words; nothing if nobody saw what is not theirs."""
    wrong = []
    for (method, path), (status, calls) in found.items():
        for call in calls:
            where = f"{method} {path} as {role} in {project}: {call}"
            if call.token != f"{role}@a":
                wrong.append(f"not with the person's own token: {where}")
            if (
                "{project}" in path
                and call.about
                and call.permission not in KNOWN
                and call.project != project
            ):
                wrong.append(f"about another project: {where}")
            if project != MINE and call.about and call.permission not in KNOWN and call.status == PASSED:
                wrong.append(f"let into another's project: {where}")
            if call.permission not in known.get((method, path), set()) | KNOWN:
                wrong.append(f"asks for what the page of roles does not say: {where}")
        if status == 500:
            wrong.append(f"broke: {method} {path} as {role} in {project}")
    return wrong


@pytest.mark.parametrize("role", PEOPLE)
async def test_nobody_sees_or_does_in_the_console_what_their_own_token_may_not(console, behind, role):
    known = documented()
    for project in (MINE, OTHER):
        found = await walk(console, behind, role, project)
        assert leaks(found, role, project, known) == []
        if project == MINE:
            asked = {
                path for path, (_, calls) in found.items() if any(call.status == PASSED for call in calls)
            }
            assert len(asked) > 12, "pages do ask the services"


def test_the_page_of_roles_names_every_page_of_the_console_and_no_other(console):
    assert set(documented()) == {(method, path) for method, path, _ in pages(console)}


async def test_a_planted_leak_is_found(console, behind):
    """A page that asks with a token of its own, one that asks about another project, and one that nobody wrote down."""
    known, role = documented(), "viewer"
    found = await walk(console, behind, role, MINE)
    assert leaks(found, role, MINE, known) == []
    page = ("GET", "/p/{project}/alarms")
    status, calls = found[page]
    for change, words in (
        ({"token": "controller"}, "own token"),
        ({"project": OTHER}, "another project"),
        ({"permission": "registry.models.write"}, "does not say"),
    ):
        planted = [Asked(**vars(calls[0]) | {"about": True, "permission": "monitoring.alarms.read"} | change)]
        told = leaks({page: (status, planted)}, role, MINE, known)
        assert any(words in line for line in told), (words, told)
    strange = [Asked("monitoring.alarms.read", True, OTHER, "viewer@a", PASSED)]
    assert leaks({page: (200, strange)}, role, OTHER, known)
