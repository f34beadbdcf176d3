"""A team's own rights on a real cluster: RBAC of its namespace is what its token may do, and in no other project."""

import time

import pytest

pytestmark = pytest.mark.timeout(900)
TEAM, OTHER = "team-r", "team-s"
ASK = """
import json, os, sys
from millrace.client import ApiError, Millrace
token, project, what = sys.argv[1:]
os.environ.pop("MILLRACE_TOKEN_FILE")
os.environ["MILLRACE_TOKEN"] = token
client = Millrace.from_environment(project)
calls = {
    "look": lambda: [item.name for item in client.controller.loops()],
    "data": lambda: [item.name for item in client.registry.datasets()],
    "jobs": lambda: len(client.training.jobs().items),
    "endpoints": lambda: len(client.serving.endpoints()),
    "monitors": lambda: len(client.monitoring.monitors()),
    "feed": lambda: client.registry.put_artifact(b"rows of a team"),
    "promote": lambda: client.registry.put_model("m").name,
    "who": lambda: client.registry.whoami().model_dump(mode="json"),
}
try:
    print(json.dumps(calls[what]()))
except ApiError as error:
    print(json.dumps({"status": error.status, "detail": error.problem.get("detail")}))
"""


@pytest.fixture(scope="module")
def team(kube, release):
    """A namespace with an account that has no right yet."""
    for name in (TEAM, OTHER):
        kube.namespace(name, **{"millrace.dev/access": "true"})
    kube.kubectl("create", "serviceaccount", "millrace", "-n", TEAM)
    yield kube.kubectl("create", "token", "millrace", "-n", TEAM, "--audience", "millrace").strip()
    kube.kubectl("delete", "namespace", TEAM, OTHER, "--wait=false")


def told(release, token, project, what):
    return release.python(ASK, token, project, what)


def status(answer):
    return answer.get("status", 200) if isinstance(answer, dict) else 200


def bind(kube, verb):
    kube.kubectl(
        "create", "rolebinding", verb, "-n", TEAM, f"--clusterrole=millrace-modelloops-{verb}",
        f"--serviceaccount={TEAM}:millrace",
    )  # fmt: skip


def test_rights_come_and_go_with_bindings_and_reach_no_other_project(kube, release, team):
    def is_answered(what, wanted, project=TEAM):
        return lambda: status(told(release, team, project, what)) == wanted

    looks = ("look", "data", "jobs", "endpoints", "monitors")
    assert [status(told(release, team, TEAM, what)) for what in looks] == [404] * 5, "nobody gave it a right"
    bind(kube, "view")
    kube.until("it may look", 20, is_answered("look", 200), release.namespace)
    assert [status(told(release, team, TEAM, what)) for what in looks] == [200] * 5, "in every service"
    refused = told(release, team, TEAM, "feed")
    assert (refused["status"], "operator" in refused["detail"]) == (403, True)
    bind(kube, "edit")
    kube.until("it may feed", 20, is_answered("feed", 200), release.namespace)
    assert status(told(release, team, TEAM, "promote")) == 403
    who = told(release, team, TEAM, "who")
    assert (who["name"], who["role"]) == (f"{TEAM}/millrace", None)
    assert who["projects"] == [{"project": TEAM, "roles": ["viewer", "operator"]}]
    for project in (OTHER, "team-a", "default", "nowhere"):
        assert [status(told(release, team, project, what)) for what in (*looks, "feed")] == [404] * 6, project
    kube.kubectl("delete", "rolebinding", "edit", "view", "-n", TEAM)
    began = time.monotonic()
    kube.until("it may nothing any more", 30, is_answered("look", 404), release.namespace)
    print(f"\na right that was taken was gone after {time.monotonic() - began:.0f} s")


def test_who_may_approve_a_part_of_modelloops_is_an_approver(kube, release, team):
    bind(kube, "approve")

    def roles():
        who = told(release, team, TEAM, "who")
        return who.get("projects") == [{"project": TEAM, "roles": ["viewer", "approver"]}]

    kube.until("it may look and approve, and nothing else", 30, roles, release.namespace)
    assert status(told(release, team, TEAM, "feed")) == 403
    kube.kubectl("delete", "rolebinding", "approve", "-n", TEAM)
