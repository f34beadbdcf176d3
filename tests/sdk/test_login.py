"""`millrace login --kube` finds the platform by the kubeconfig, takes the namespace as project, and keeps no token."""

import json

import pytest
import yaml
from tests.sdk.fake_cluster import Cluster, service

from millrace.cli.main import main
from millrace.client import Millrace
from millrace.transport import login as logins
from millrace.transport import release as releases
from millrace.transport.kube import Kube


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    made = Cluster(tmp_path)
    monkeypatch.setenv("MILLRACE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KUBECONFIG", str(made.config))
    for name in ("MILLRACE_PROJECT", "MILLRACE_REGISTRY_URL", "MILLRACE_TOKEN", "MILLRACE_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    yield made
    made.close()


def kept(tmp_path):
    return json.loads((tmp_path / "home" / "login.json").read_text())


def test_the_release_is_found_and_the_namespace_is_the_project(cluster, tmp_path, capsys):
    assert main(["login", "--kube"]) == 0
    said = capsys.readouterr().out
    assert "You are team-a/millrace in the project team-a: viewer, operator." in said
    assert "by port-forward" in said
    assert cluster.forwards == [("registry-1", "8080")]
    assert (kept(tmp_path)["project"], kept(tmp_path)["account"]) == ("team-a", "team-a/millrace")
    assert "token-of" not in (tmp_path / "home" / "login.json").read_text(), "no token is kept"


def test_commands_go_there_with_a_token_of_their_own_and_back_after_a_logout(cluster, capsys):
    assert main(["login", "--kube"]) == 0
    before = len(cluster.tokens)
    capsys.readouterr()
    assert main(["whoami", "-o", "json"]) == 0
    assert len(cluster.tokens) == before + 1
    assert cluster.shown[-1] == cluster.tokens[-1]
    assert json.loads(capsys.readouterr().out)["project"] == "team-a"
    assert main(["logout"]) == 0
    assert main(["whoami"]) != 0
    assert "no platform is running" in capsys.readouterr().err


def test_one_client_asks_for_one_token_and_one_connection(cluster, monkeypatch):
    assert main(["login", "--kube"]) == 0
    tokens, forwards = len(cluster.tokens), len(cluster.forwards)
    with Millrace.from_environment() as platform:
        for _ in range(5):
            assert platform.registry.whoami().projects[0].roles == ["viewer", "operator"]
    assert (len(cluster.tokens), len(cluster.forwards)) == (tokens + 1, forwards + 1)


def test_a_token_is_renewed_before_it_ends(cluster, monkeypatch):
    assert main(["login", "--kube"]) == 0
    monkeypatch.setattr(logins, "TOKEN_SECONDS", logins.RENEW_SECONDS - 1)
    with Millrace.from_environment() as platform:
        platform.registry.whoami()
        platform.registry.whoami()
    assert cluster.shown[-1] != cluster.shown[-2]


def test_an_ingress_that_leads_to_the_door_is_used(cluster):
    backend = {"service": {"name": "millrace-edge", "port": {"number": 443}}}
    rule = {"host": "models.example", "http": {"paths": [{"path": "/ml/", "backend": backend}]}}
    cluster.ingresses = [
        {
            "metadata": {"namespace": "millrace"},
            "spec": {"rules": [rule], "tls": [{"hosts": ["models.example"]}]},
        }
    ]
    kube = Kube(file=str(cluster.config))
    found = releases.find(kube)
    assert releases.door(kube, found) == "https://models.example/ml"
    cluster.ingresses[0]["spec"]["tls"] = [{"hosts": ["other.example"]}]
    assert releases.door(kube, found) == "", "no token is sent in plain text"
    rule["http"]["paths"][0]["backend"] = {"service": {"name": "another"}}
    assert releases.door(kube, found) == "", "another Ingress of the namespace is not the door"


def test_a_person_who_sees_no_other_namespace_finds_the_usual_one_or_is_told_what_helps(cluster, capsys):
    cluster.hidden = {"/api/v1/services"}
    assert main(["login", "--kube"]) == 0
    cluster.hidden |= {"/api/v1/namespaces/millrace/services"}
    assert main(["login", "--kube"]) != 0
    said = capsys.readouterr().err
    assert "millrace login --kube --url https://HOST" in said
    url = f"http://127.0.0.1:{cluster.registry.server_port}"
    assert main(["login", "--kube", "--url", url]) == 0
    assert cluster.shown[-1].startswith("token-of-team-a/millrace")


def test_without_an_account_the_admins_is_taken_and_without_any_the_lines_that_help_are_said(
    cluster, capsys, tmp_path
):
    cluster.accounts = {"millrace/millrace-admin"}
    assert main(["login", "--kube"]) == 0
    assert kept(tmp_path)["account"] == "millrace/millrace-admin"
    cluster.accounts = set()
    assert main(["login", "--kube"]) != 0
    said = capsys.readouterr().err
    assert "kubectl create serviceaccount millrace -n team-a" in said
    assert "--clusterrole=millrace-modelloops-edit --serviceaccount=team-a:millrace" in said


def test_an_account_without_rights_is_told_how_it_gets_them(cluster, capsys):
    cluster.roles = []
    assert main(["login", "--kube"]) == 0
    said = capsys.readouterr()
    assert "without a role" in said.out
    assert "kubectl create rolebinding millrace-edits -n team-a" in said.err


def test_the_clusters_own_token_is_shown_only_if_asked_for(cluster):
    assert main(["login", "--kube"]) == 0
    assert "of-the-user" not in cluster.shown
    assert main(["login", "--kube", "--own-token"]) == 0
    assert cluster.shown[-1] == "of-the-user"


def test_several_releases_are_told_apart_by_their_namespace(cluster, capsys, tmp_path):
    cluster.services.append(service("staging", "ml-millrace-registry", "ml"))
    assert main(["login", "--kube"]) != 0
    assert "millrace login --kube --platform staging" in capsys.readouterr().err
    assert main(["login", "--kube", "--platform", "staging"]) == 0
    assert (kept(tmp_path)["name"], kept(tmp_path)["instance"]) == ("ml-millrace", "ml")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "millrace login --kube"),
        (["--kube", "--context", "elsewhere"], "no context elsewhere"),
        (["--kube", "--account", "millrace"], "NAMESPACE/NAME"),
    ],
)
def test_a_mistake_is_told_with_what_helps(cluster, capsys, arguments, said):
    assert main(["login", *arguments]) != 0
    assert said in capsys.readouterr().err


def test_a_cluster_that_does_not_answer_and_a_kubeconfig_that_is_not_there_are_told(
    cluster, capsys, monkeypatch, tmp_path
):
    assert main(["login", "--kube"]) == 0
    cluster.api.shutdown()
    cluster.api.server_close()
    assert main(["whoami"]) != 0
    assert "does not answer" in capsys.readouterr().err
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    assert main(["login", "--kube"]) != 0
    assert "no kubeconfig" in capsys.readouterr().err


def test_a_kubeconfig_of_several_files_is_read_whole(cluster, monkeypatch, tmp_path):
    (tmp_path / "other").write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "contexts": []}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KUBECONFIG", "kubeconfig:other")
    assert main(["login", "--kube"]) == 0
    assert kept(tmp_path)["file"] == f"{tmp_path}/kubeconfig:{tmp_path}/other"
    monkeypatch.chdir("/")
    assert main(["whoami"]) == 0


def test_the_environment_goes_before_a_login_and_that_is_said(cluster, monkeypatch, capsys):
    monkeypatch.setenv("MILLRACE_SERVING_URL", "http://serving:8080")
    assert main(["login", "--kube"]) == 0
    assert "MILLRACE_SERVING_URL is set and goes before this login" in capsys.readouterr().err
    monkeypatch.setenv("MILLRACE_REGISTRY_URL", "http://registry:8080")
    monkeypatch.setenv("MILLRACE_TOKEN", "mine")
    platform = Millrace.from_environment()
    assert (platform.urls["registry"], platform.token, platform.project) == (
        "http://registry:8080",
        "mine",
        "default",
    )
