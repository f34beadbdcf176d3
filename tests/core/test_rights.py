"""What somebody may do in a project: by a role given there or Kubernetes' RBAC of its namespace, and nowhere else."""

import asyncio

import pytest

from millrace_core import reviews
from millrace_core.auth import Tokens
from millrace_core.errors import Forbidden, NotFound, Unavailable
from millrace_core.reviews import Reviews, Spaces, Subject
from millrace_core.rights import Actor, Rights

from .fake_issuer import KeyServer, issuers_file, token
from .fake_reviews import Rbac

READ, FEED, LABEL, SETTLE = (
    "controller.loops.read", "training.data.write", "monitoring.labels.write", "registry.quarantine.write",
)  # fmt: skip
EVERYBODY = "system:authenticated"


@pytest.fixture
def server():
    made = Rbac()
    yield made
    if not made.closed:
        made.close()


@pytest.fixture
def asking(server, tmp_path, monkeypatch):
    """The reviews of a pod whose account is in a folder."""
    account = tmp_path / "account"
    account.mkdir()
    (account / "token").write_text("of the pod\n")
    (account / "ca.crt").write_text("")
    monkeypatch.setattr(reviews.ssl, "create_default_context", lambda cafile: True)
    return lambda: Reviews(reviews.ApiServer(server.url, account))


@pytest.fixture
def rights(asking):
    """Rights by RBAC, with the namespace team-a as the project flights."""
    spaces = Spaces(projects={"team-a": "flights"})
    return Rights(lambda: spaces, asking())


def person(name="ada", *groups):
    return Actor(f"{name}@example.org", "", "", subject=Subject(f"oidc:{name}", (*groups, EVERYBODY)))


async def acts(rights, actor, permission, project):
    """The role in which that is allowed, or why it is not."""
    try:
        return (await rights.acting(actor, permission, project)).role
    except (Forbidden, NotFound, Unavailable) as error:
        return error.status


async def test_who_may_edit_modelloops_feeds_and_runs_the_namespaces_project_and_who_may_get_them_looks(
    rights, server
):
    server.rules = {
        ("oidc:ada", "team-a", "get"),
        ("oidc:ada", "team-a", "update"),
        ("lookers", "team-a", "get"),
    }
    assert await acts(rights, person(), READ, "flights") == "viewer"
    assert await acts(rights, person(), FEED, "flights") == "operator"
    assert await acts(rights, person(), "registry.models.write", "flights") == 403
    assert await acts(rights, person("bob", "lookers"), READ, "flights") == "viewer"
    assert await acts(rights, person("bob", "lookers"), FEED, "flights") == 403
    assert await rights.roles(person(), "flights") == ["viewer", "operator"]
    assert server.callers == {"Bearer of the pod"}, "it is asked by the service's own account"


async def test_who_may_approve_a_part_of_modelloops_approves_and_who_may_edit_them_does_not(rights, server):
    approve = "controller.approvals.write"
    server.rules = {("oidc:ada", "team-a", "approve"), ("oidc:bob", "team-a", "update")}
    assert await acts(rights, person(), approve, "flights") == "approver"
    assert await acts(rights, person(), READ, "flights") == "approver"
    assert await acts(rights, person(), "controller.loops.write", "flights") == 403
    assert await acts(rights, person("bob"), approve, "flights") == 403
    assert await acts(rights, person(), approve, "team-b") == 404
    assert await rights.roles(person(), "flights") == ["approver"]


async def test_without_a_role_a_project_is_not_there_whether_it_exists_or_not(rights, server):
    server.rules = {("oidc:ada", "team-b", "get"), ("oidc:ada", "team-a", "get")}
    assert await acts(rights, person(), READ, "team-b") == "viewer"
    assert await acts(rights, person(), READ, "team-a") == 404, "the namespace stands for another project"
    assert await acts(rights, person(), FEED, "nowhere") == 404
    assert await acts(rights, person("eve"), READ, "flights") == 404
    assert await acts(rights, person("eve"), READ, None) == 403, (
        "what is of no project takes a role everywhere"
    )


async def test_only_watched_namespaces_count(server, asking):
    server.rules = {("oidc:ada", "team-b", "get"), ("oidc:ada", "team-c", "get")}
    spaces = Spaces(watched=("team-b",))
    rights = Rights(lambda: spaces, asking())
    assert [await acts(rights, person(), READ, name) for name in ("team-b", "team-c")] == ["viewer", 404]
    assert await acts(rights, person(), READ, "team-b-") == 404, "no name of a namespace"


async def test_a_right_that_is_taken_is_gone_within_seconds_and_one_that_is_given_is_there(
    rights, server, monkeypatch
):
    server.rules = {("oidc:ada", "team-a", "get")}
    for _ in range(5):
        assert await acts(rights, person(), READ, "flights") == "viewer"
    assert len(server.reviewed) == 2, "one question for each namespace of the project, and its answer is kept"
    assert max(reviews.ALLOWED_SECONDS, reviews.DENIED_SECONDS) <= 10
    monkeypatch.setattr(reviews, "ALLOWED_SECONDS", -1.0)
    monkeypatch.setattr(reviews, "DENIED_SECONDS", -1.0)
    rights._reviews._answers.clear()
    assert await acts(rights, person(), READ, "flights") == "viewer"
    server.rules = set()
    assert await acts(rights, person(), READ, "flights") == 404
    server.rules = {("oidc:ada", "team-a", "get")}
    assert await acts(rights, person(), READ, "flights") == "viewer"


async def test_many_requests_at_once_are_one_question(rights, server):
    server.rules = {("oidc:ada", "team-a", "get")}
    found = await asyncio.gather(*(acts(rights, person(), READ, "flights") for _ in range(50)))
    assert set(found) == {"viewer"}
    assert len(server.reviewed) == 2, "one for each namespace of the project"


async def test_a_list_of_many_projects_asks_about_few_at_once(monkeypatch):
    under_way, most = 0, 0

    async def ask(path, review):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return {"status": {"allowed": False}}

    rights = Rights(reviews=Reviews(ask))
    assert not any(await asyncio.gather(*(rights.roles(person(), f"p-{number}") for number in range(300))))
    assert most == reviews.TOGETHER


async def test_nothing_is_allowed_while_the_api_server_is_away_and_that_is_said(rights, server, monkeypatch):
    server.rules = {("oidc:ada", "team-a", "get")}
    server.close()
    with pytest.raises(Unavailable, match="API server does not say now"):
        await rights.acting(person(), READ, "flights")
    admin = Actor("root@example.org", "admin", "", subject=Subject("oidc:root", (EVERYBODY,)))
    assert await acts(rights, admin, FEED, "flights") == "admin", "who needs no answer does not wait for one"
    given = Actor("bob", "", given=(("flights", "viewer"),), subject=Subject("oidc:bob", ()))
    assert await acts(rights, given, READ, "flights") == "viewer"
    assert await acts(rights, given, FEED, "flights") == 503, "RBAC could allow it, and is not known"


async def test_a_refusal_of_the_api_server_is_no_permission(rights, server):
    server.answers = [(403, "localsubjectaccessreviews is forbidden")]
    assert await acts(rights, person(), READ, "flights") == 503


async def test_roles_in_two_projects_do_not_mix(rights):
    both = Actor("ada", "", given=(("one", "labeller"), ("two", "approver")))
    found = {
        (project, permission): await acts(rights, both, permission, project)
        for project in ("one", "two", "three")
        for permission in (READ, LABEL, SETTLE)
    }
    assert found == {
        ("one", READ): "labeller", ("one", LABEL): "labeller", ("one", SETTLE): 403,
        ("two", READ): "approver", ("two", LABEL): 403, ("two", SETTLE): "approver",
        ("three", READ): 404, ("three", LABEL): 404, ("three", SETTLE): 404,
    }  # fmt: skip


def test_a_decision_names_the_person_and_the_role_in_which_they_acted():
    assert Actor("ada@example.org", "operator", "").author == "user:ada@example.org (operator)"
    assert Actor("team-a/ci", "operator", "ci-1").author == "user:team-a/ci (operator)"
    assert Actor("user", "admin").author == "user:user", "the laptop's token has one role"
    assert Actor("serving", "serving", "").author == "serving"
    long = Actor("a" * 300 + "@example.org", "operator", "").author
    assert len(long) == 100
    assert long.endswith("(operator)")


@pytest.fixture
def tokens(tmp_path):
    keys = KeyServer()
    roles = [
        {"claim": "groups", "value": "a-team", "role": "operator", "project": "team-a"},
        {"claim": "groups", "value": "a-team", "role": "viewer", "project": "team-b"},
        {"claim": "groups", "value": "all", "role": "viewer"},
        {"subject": "system:serviceaccount:millrace:millrace-job", "role": "job"},
    ]

    def known(**change):
        return Tokens(None, issuers_file(tmp_path, {"jwks_url": keys.url, "roles": roles} | change))

    yield known
    keys.server.shutdown()


def test_groups_of_the_issuer_give_roles_in_projects_and_everywhere(tokens):
    found = tokens().actor(
        token(sub="42", email="ada@example.org", email_verified=True, groups=["a-team", "all"])
    )
    assert (found.name, found.role) == ("ada@example.org", "viewer")
    assert found.given == (("team-a", "operator"), ("team-b", "viewer"))
    assert tokens().actor(token(sub="42", groups=["others"])) is None


def test_a_role_of_a_part_is_never_given_in_a_project(tmp_path):
    with pytest.raises(ValueError, match="one of people's"):
        Tokens(
            None, issuers_file(tmp_path, {"roles": [{"subject": "x", "role": "controller", "project": "a"}]})
        )


def test_the_cluster_knows_a_service_account_by_its_own_groups(tokens):
    known = tokens(known_as={})
    found = known.actor(token(sub="system:serviceaccount:team-a:ci"))
    groups = ("system:serviceaccounts", "system:serviceaccounts:team-a", EVERYBODY)
    assert (found.name, found.role) == ("team-a/ci", "")
    assert found.subject == Subject("system:serviceaccount:team-a:ci", groups)
    assert known.actor(token(sub="system:serviceaccount:millrace:millrace-job")).subject is None
    assert known.actor(token(sub="42", groups=["others"])) is None, "no service account"


def test_a_provider_names_people_as_the_api_server_does_and_nobody_of_the_clusters_own(tokens):
    known = tokens(
        known_as={
            "username": "email",
            "username_prefix": "oidc:",
            "groups": "groups",
            "groups_prefix": "oidc:",
        }
    )
    found = known.actor(token(sub="42", email="ada@example.org", groups=["others"]))
    assert found.subject == Subject("oidc:ada@example.org", ("oidc:others", EVERYBODY))
    for said in (False, "false", None):
        assert known.actor(token(sub="42", email="ada@example.org", email_verified=said)) is None
    bare = tokens(known_as={"username": "sub", "groups": "groups"})
    assert bare.actor(token(sub="system:serviceaccount:kube-system:root")) is None
    assert bare.actor(token(sub="ada", groups=["system:masters", "b"])).subject == Subject(
        "ada", ("b", EVERYBODY)
    )


def test_the_file_tells_which_namespace_is_which_project(tmp_path):
    path = issuers_file(tmp_path, {})
    path.write_text(path.read_text()[:-1] + ', "spaces": {"watched": [], "projects": {"team-a": "flights"}}}')
    known = Tokens(None, path).issuers.spaces
    assert (known.project("team-a"), known.project("team-b")) == ("flights", "team-b")
    assert (known.of("flights"), known.of("team-a"), known.of("team-b")) == (
        ["flights", "team-a"],
        [],
        ["team-b"],
    )
