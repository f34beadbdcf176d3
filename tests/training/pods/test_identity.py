"""The token that the cluster projected into a job's pod opens the workspace of that job, and no other."""

import pytest
from tests.core.fake_issuer import issuing, token

ACCOUNT = "system:serviceaccount:millrace:millrace-job"
ROLES = [{"subject": ACCOUNT, "role": "job"}, {"subject": "ada", "role": "admin"}]


@pytest.fixture
def issuers(tmp_path):
    with issuing(tmp_path, ROLES) as path:
        yield path


@pytest.fixture
def jobs(start, cluster, issuers):
    """A service, and the ids of two jobs whose pods are there and say nothing."""
    service = start(issuers_file=issuers)
    cluster.stuck = ("waiting", "ContainerCreating", "")
    ids = [service.submit("count", key, trials=1) for key in ("one", "two")]
    for id in ids:
        service.until(id, lambda job: job["state"] == "running")
    return service, *ids


def bearer(pod=None, **claims):
    bound = {"namespace": "millrace", "pod": {"name": pod, "uid": "1"}} if pod else {"namespace": "millrace"}
    shown = token(**{"sub": ACCOUNT, "kubernetes.io": bound} | claims)
    return {"authorization": f"Bearer {shown}"}


def usage(service, id, headers, attempt=1):
    path, body = f"/v1/jobs/{id}/workspace/usage", {"rss": 1, "peak_rss_bytes": 1}
    return service.http.put(path, params={"attempt": attempt}, json=body, headers=headers)


def pod(id, attempt=1):
    return f"train-{id}-{attempt}-x7k2p"


def test_a_pod_reads_and_writes_the_workspace_of_its_own_job_and_of_no_other(jobs):
    service, one, two = jobs
    mine = bearer(pod(one))
    assert usage(service, one, mine).status_code == 200
    refused = usage(service, two, mine)
    assert (refused.status_code, refused.headers["content-type"]) == (403, "application/problem+json")
    assert f"given to the pod {pod(one)}, and not to attempt 1 of the job {two}" in refused.json()["detail"]
    read = service.http.get(f"/v1/jobs/{two}/workspace", params={"attempt": 1}, headers=mine)
    assert read.status_code == 403
    assert not (service.folder(two).path / "usage.json").exists()


@pytest.mark.parametrize("part", ["trials", "result", "error", "streams/log", "pieces/a.json"])
def test_nothing_of_another_job_can_be_written(jobs, part):
    service, one, two = jobs
    path, more = f"/v1/jobs/{two}/workspace/{part}", {"attempt": 1, "offset": 0}
    assert service.http.put(path, params=more, content=b"{}", headers=bearer(pod(one))).status_code == 403


def test_a_pod_of_an_earlier_attempt_speaks_for_itself_and_not_for_the_current_one(jobs):
    service, one, _ = jobs
    assert usage(service, one, bearer(pod(one)), attempt=2).status_code == 403
    assert usage(service, one, bearer(pod(one, 2)), attempt=2).status_code == 409, "the current one is 1"
    assert usage(service, one, bearer(pod(one, 11))).status_code == 403


@pytest.mark.parametrize(
    "name",
    [
        "train-{}-1-8dxvq-head-k2x9s",
        "train-{}-1-8dxvq-workers-worker-k2x9s",
        "{}-1-raycluster-8dxvq-head-abcde",
    ],
)
def test_the_pods_of_a_ray_cluster_are_its_jobs_also_with_shortened_names(jobs, name):
    service, one, two = jobs
    own = name.format(one)[-56:] if name.startswith("{") else name.format(one)
    assert usage(service, one, bearer(own)).status_code == 200
    assert usage(service, two, bearer(own)).status_code == 403


@pytest.mark.parametrize("claims", [{}, {"kubernetes.io": None}, {"kubernetes.io": {"pod": "one"}}])
def test_a_token_of_the_account_that_was_given_to_no_pod_opens_nothing(jobs, claims):
    service, one, _ = jobs
    refused = usage(service, one, bearer(**claims))
    assert refused.status_code == 403
    assert "given to no pod" in refused.json()["detail"]


def test_tokens_of_the_file_and_of_other_roles_are_not_asked_for_a_pod(jobs):
    service, one, two = jobs
    for headers in ({"authorization": "Bearer token-of-job"}, bearer(sub="ada")):
        assert usage(service, one, headers).status_code == 200
        assert usage(service, two, headers).status_code == 200
    assert usage(service, one, {"authorization": "Bearer rubbish"}).status_code == 401
