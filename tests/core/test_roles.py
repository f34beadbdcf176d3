"""Role × route × project: every route of every service is called in every role; the answers are those of the docs."""

import asyncio
import hashlib
import importlib
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from millrace_contracts.people import PERSONAL, TokenGrant, TokenStanding
from millrace_core import auth
from millrace_core.auth import PUBLIC, is_of_a_project, permission_of, routes
from millrace_core.errors import MillraceError
from millrace_core.personal import Personal
from millrace_core.roles import KNOWN, PEOPLE

SERVICES = ("registry", "training", "serving", "monitoring", "controller")
PAGE = (Path(__file__).parents[2] / "docs/reference/roles.md").read_text()
PASSED = 218
MINE, OTHER = "team-a", "team-b"


class Passed(MillraceError):
    """The guard let the caller through; what the route does then is for other tests."""

    status = PASSED


def table(heading):
    """Rows of the table below a heading, cell by cell."""
    part = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line[:1] == "|"
    ]
    return rows[0], rows[2:]


def documented():
    """Permissions by role in a project, and (permission, who) of what is of none."""
    head, rows = table("In a project")
    there = {
        role: {row[0].strip("`") for row in rows if row[number + 1] == "yes"}
        for number, role in enumerate(head[1:])
    }
    return there, {row[0].strip("`"): row[2] for row in table("Of no single project")[1]}


THERE, NOWHERE = documented()


@pytest.fixture(scope="module")
def apps(tmp_path_factory):
    """Every service as it is built, with a token for each role, in the project team-a and everywhere."""
    home = tmp_path_factory.mktemp("home")
    (home / "run").mkdir()
    entries = [{"name": f"{role}@a", "role": role, "project": MINE} for role in PEOPLE]
    entries += [{"name": f"{role}@all", "role": role} for role in PEOPLE]
    for entry in entries:
        entry["sha256"] = hashlib.sha256(entry["name"].encode()).hexdigest()
    (home / "run" / "tokens.json").write_text(json.dumps({"tokens": entries}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MILLRACE_HOME", str(home))
        patch.setenv("MILLRACE_DATA_PLANE", "false")
        found = {name: importlib.import_module(f"millrace_{name}.main").build() for name in SERVICES}
        for app in found.values():
            app.state.services.tokens.personal = Personal(kept_by_the_registry)
        yield found


async def kept_by_the_registry(sha256):
    """A token of somebody's for each role in the project team-a, as the registry tells services of it."""
    names = {hashlib.sha256(f"{PERSONAL}{role}@a".encode()).hexdigest(): role for role in PEOPLE}
    if sha256 not in names:
        return None
    grants = [TokenGrant(role=names[sha256], project=MINE)]
    until = datetime.now(UTC) + timedelta(days=1)
    who = {"name": "ada@login.example", "identifier": "https://login.example#1"}
    return TokenStanding(id="00000001", **who, grants=grants, ends_at=until)


@pytest.fixture
def guarded(monkeypatch):
    """Whom the guard lets through is answered 218, and no route is run."""
    guard = auth.Permit.__call__

    async def stop(self, request):
        await guard(self, request)
        if self.permission != PUBLIC:
            raise Passed("let through")

    monkeypatch.setattr(auth.Permit, "__call__", stop)


def every_route(apps):
    for name, app in apps.items():
        for path, route in routes(app):
            for method in sorted(route.methods - {"HEAD"} or route.methods):
                yield name, method, re.sub(r"\{[^}]*\}", "1", path), route


async def statuses(apps, who, project):
    """Status by (service, method, path) of every route that is not public."""
    found = {}
    for name, app in apps.items():
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        headers = {"authorization": f"Bearer {who}"} if who else {}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost", headers=headers
        ) as caller:
            for service, method, path, route in every_route({name: app}):
                if permission_of(route) != PUBLIC:
                    answer = await caller.request(method, path, params={"project": project})
                    found[service, method, path] = answer.status_code
    return found


def guards(apps):
    """(permission, whether the route is about a project) by (service, method, path)."""
    return {
        (name, method, path): (permission_of(route), is_of_a_project(route))
        for name, method, path, route in every_route(apps)
        if permission_of(route) != PUBLIC
    }


def expected(role, permission, about, mine):
    """What somebody with *role* in team-a alone is answered."""
    if permission in KNOWN:
        return PASSED
    if not about:
        return 403
    if not mine:
        return 404
    return PASSED if permission in THERE[role] else 403


@pytest.mark.parametrize("by", ["the file", "a personal token"])
@pytest.mark.parametrize("role", PEOPLE)
async def test_a_role_in_one_project_may_there_what_the_page_says_and_nothing_elsewhere(
    apps, guarded, role, by
):
    known = guards(apps)
    assert len(known) > 100
    who = f"{role}@a" if by == "the file" else f"{PERSONAL}{role}@a"
    for project in (MINE, OTHER, "default"):
        found = await statuses(apps, who, project)
        wrong = {
            route: (found[route], permission)
            for route, (permission, about) in known.items()
            if found[route] != expected(role, permission, about, project == MINE)
        }
        assert wrong == {}, project


@pytest.mark.parametrize("role", PEOPLE)
async def test_a_role_everywhere_is_the_same_in_every_project_and_reaches_what_is_of_none(
    apps, guarded, role
):
    known = guards(apps)
    one, other = await asyncio.gather(*(statuses(apps, f"{role}@all", project) for project in (MINE, OTHER)))
    assert one == other
    for route, (permission, about) in known.items():
        if role == "admin":
            may = True
        elif about or permission in KNOWN:
            may = permission in THERE[role] or permission in KNOWN
        else:
            may = "admin" not in NOWHERE[permission]
        assert one[route] == (PASSED if may else 403), (route, permission)


async def test_without_a_token_no_route_but_the_public_ones_answers(apps, guarded):
    for who in ("", "nobody", f"{PERSONAL}nobody@a"):
        assert set((await statuses(apps, who, MINE)).values()) == {401}


def test_the_page_names_every_permission_of_every_route_and_no_other(apps):
    inside = {permission for permission, about in guards(apps).values() if about} - KNOWN
    outside = {permission for permission, about in guards(apps).values() if not about or permission in KNOWN}
    assert {row[0].strip("`") for row in table("In a project")[1]} == inside
    assert set(NOWHERE) == outside
    assert table("In a project")[0][1:] == list(PEOPLE)


async def test_a_request_that_names_two_projects_is_refused(apps, guarded):
    transport = httpx.ASGITransport(apps["controller"], raise_app_exceptions=False)
    headers = {"authorization": "Bearer viewer@a"}
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as caller:
        for query in (f"project={MINE}&project={OTHER}", f"project={OTHER}&project={MINE}"):
            assert (await caller.get(f"/v1/loops?{query}")).status_code == 422
