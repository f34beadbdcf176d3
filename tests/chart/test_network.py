"""The network policies let the parts talk as they must, and no other way."""

import itertools
from dataclasses import replace

import pytest
from tests.chart.network import allowed, reaches_outside
from tests.chart.rendering import CASES, Pod, case_objects, one, pods, render

from millrace_training.launch import flows

APIS = ("registry", "training", "serving", "monitoring", "controller")
TALK = {
    ("training", "registry", 8080), ("training", "monitoring", 8080), ("training", "controller", 8080),
    ("serving", "registry", 8080), ("serving", "monitoring", 8080),
    ("serving", "gateway", 8000), ("serving", "gateway", 9902), ("serving", "triton", 8000),
    ("monitoring", "registry", 8080), ("monitoring", "serving", 8080),
    *(("controller", api, 8080) for api in APIS if api != "controller"),
    ("gateway", "serving", 8080), ("gateway", "monitoring", 4317), ("gateway", "triton", 8000),
    ("triton", "registry", 8080), ("triton", "serving", 8080),
    ("measure", "registry", 8080), ("measure", "serving", 8080),
    ("job", "registry", 8080), ("job", "training", 8080), ("job", "monitoring", 8080),
    *(("pipeline", api, 8080) for api in APIS),
    *(("backtest", api, 8080) for api in APIS),
    *(("test", api, 8080) for api in APIS), ("test", "gateway", 8000),
}  # fmt: skip
STORED = {(part, "postgres", 5432) for part in (*APIS, "migrate")}
DOOR = {("edge", api, 8080) for api in APIS} | {("edge", "gateway", 8000)}
PAGES = {("console", api, 8080) for api in APIS} | {("edge", "console", 8080)}
"""Where there is a console."""
CALLS = {("gateway", "triton", 8001)}
"""Where inference over gRPC is on."""
PORTS = (4317, 5432, 6379, 8000, 8001, 8002, 8080, 8265, 8443, 9090, 9901, 9902)
RUN_TIME = ("triton", "measure", "job", "pipeline", "backtest")


def everybody(objects):
    """One pod of each component; those made at run time as serving, training and the controller label them."""
    found = {pod.component: pod for pod in pods(objects)}
    policies = {item["metadata"]["name"]: item for item in objects if item["kind"] == "NetworkPolicy"}
    for part in RUN_TIME:
        labels = {"app.kubernetes.io/name": "millrace", "app.kubernetes.io/instance": "millrace"}
        space = policies[f"millrace-{part}"]["metadata"]["namespace"]
        found[part] = Pod(part, space, labels | {"app.kubernetes.io/component": part}, {})
    return found


def open_ways(objects, found):
    several = itertools.product(found.items(), found.items(), PORTS)
    return {
        (a, b, port) for (a, source), (b, target), port in several if allowed(objects, source, target, port)
    }


def test_the_loader_of_a_shared_pod_asks_serving_and_only_where_there_is_one():
    objects = render("--set", "triton.standby.kind=own")
    assert open_ways(objects, everybody(objects)) == (TALK | STORED) - {("triton", "serving", 8080)}


@pytest.mark.parametrize("case", [case for case in CASES if case != "ephemeral"])
def test_the_parts_talk_as_they_must_and_no_other_way(case):
    objects = case_objects(case)
    found = everybody(objects)
    wanted = TALK | (STORED if "postgres" in found else set()) | (DOOR if "edge" in found else set())
    wanted |= CALLS | PAGES if case == "production" else set()
    wanted |= {("autoscaler", "gateway", 9902)} if case == "namespaces" else set()
    ways = open_ways(objects, found)
    to_the_door = {(a, "edge", 8443) for a in found if (a, "edge", 8443) in ways}
    assert ways - to_the_door == wanted


def test_a_closed_way_is_seen():
    """The check itself sees a policy that was taken away."""
    objects = case_objects("default")
    found = everybody(objects)
    assert allowed(objects, found["serving"], found["triton"], 8000)
    one(objects, "NetworkPolicy", "millrace-triton")["spec"].pop("ingress")
    assert not allowed(objects, found["serving"], found["triton"], 8000)


def test_strangers_reach_nothing_and_invited_namespaces_the_apis_and_the_gateway():
    objects = case_objects("default")
    found = everybody(objects)
    stranger = Pod("x", "elsewhere", {"app": "x"}, {})
    assert not any(allowed(objects, stranger, target, port) for target in found.values() for port in PORTS)
    policy = one(objects, "NetworkPolicy", "millrace-registry")
    asked = [
        peer
        for rule in policy["spec"]["ingress"]
        for peer in rule["from"]
        if set(peer) == {"namespaceSelector"}
    ]
    assert {"namespaceSelector": {"matchLabels": {"millrace.dev/access": "true"}}} in asked


def test_prometheus_reads_metrics_and_nothing_else():
    objects = case_objects("default")
    prometheus = Pod("p", "monitoring", {"app": "prometheus"}, {})
    reads = {
        (name, port)
        for name, target in everybody(objects).items()
        for port in PORTS
        if allowed(objects, prometheus, target, port)
    }
    assert reads == {(api, 9090) for api in APIS} | {("gateway", 9902), ("triton", 8002)}


def test_only_who_needs_it_reaches_outside():
    objects = case_objects("default")
    found = everybody(objects)
    outside = {name for name, pod in found.items() if reaches_outside(objects, pod, 443)}
    assert outside == {*APIS, "job", "secrets"}
    assert not any(reaches_outside(objects, pod, 5432) for pod in found.values())


def test_a_job_with_code_that_may_not_use_the_network_reaches_millrace_alone():
    objects = case_objects("default")
    found = everybody(objects)
    job = found["job"]
    apart = replace(job, labels=job.labels | {"millrace.dev/apart": "true"})
    reached = {
        (name, port)
        for name, target in found.items()
        for port in PORTS
        if allowed(objects, apart, target, port)
    }
    assert reached == {(api, 8080) for api in ("registry", "training", "monitoring")}
    assert not any(reaches_outside(objects, apart, port) for port in (443, 5432))
    assert not any(allowed(objects, job, apart, port) for port in PORTS)
    names = Pod("coredns", "kube-system", {"k8s-app": "kube-dns"}, {})
    assert allowed(objects, job, names, 53)
    assert not allowed(objects, apart, names, 53), "a question to DNS can carry anything outside"


def of_ray_job(objects, project, job, **more):
    """A pod of a RayJob, and the policy that training makes for that."""
    found = everybody(objects)["job"]
    signs = {"project": project, "job": job, "attempt": "1"} | more
    labels = found.labels | {f"millrace.dev/{name}": value for name, value in signs.items()}
    meta = {"name": f"train-{job}-1", "namespace": found.namespace, "uid": f"uid-{job}", "labels": labels}
    work = {"apiVersion": "ray.io/v1", "kind": "RayJob", "metadata": meta}
    return replace(found, labels=labels), flows.policy(work)


def test_pods_of_one_ray_job_meet_and_those_of_others_and_of_other_projects_do_not():
    objects = case_objects("default")
    mine, policy = of_ray_job(objects, "team-a", "0a")
    same, other = of_ray_job(objects, "team-a", "0b")
    theirs, third = of_ray_job(objects, "team-b", "0c")
    plain = everybody(objects)["job"]
    assert not allowed(objects, mine, mine, 6379), "without a policy of its own nobody meets"
    objects = [*objects, policy, other, third]
    assert all(allowed(objects, mine, mine, port) for port in (6379, 8265, 29500))
    strangers = (same, theirs, plain)
    assert not any(
        allowed(objects, *pair, port)
        for pod in strangers
        for pair in ((mine, pod), (pod, mine))
        for port in PORTS
    )
    registry = everybody(objects)["registry"]
    assert allowed(objects, mine, registry, 8080), "what a policy adds takes nothing away"


def test_training_may_make_such_policies_where_policies_are_on():
    def rules(case):
        asked = one(case_objects(case), "Role", "millrace-training")["rules"]
        return [rule["verbs"] for rule in asked if "networkpolicies" in rule["resources"]]

    assert rules("default") == [["create", "patch"]]
    assert rules("ephemeral") == []


def test_workers_of_code_meet_one_another_and_a_head_that_scales_asks_the_api_server():
    objects = case_objects("default")
    job = everybody(objects)["job"]
    worker, policy = of_ray_job(objects, "team-a", "0a", apart="true", crew="true")
    alone = replace(job, labels=job.labels | {"millrace.dev/apart": "true"})
    head = replace(job, labels=worker.labels | {"millrace.dev/scales": "true"})
    objects = [*objects, policy]
    assert all(allowed(objects, worker, other, 29500) for other in (worker, head))
    assert not any(
        allowed(objects, *pair, 29500) for pair in ((alone, worker), (worker, alone), (job, worker))
    )
    assert not any(reaches_outside(objects, worker, port) for port in (443, 5432))
    assert reaches_outside(objects, head, 443)


def test_an_external_database_is_reached_by_those_who_store():
    objects = case_objects("production")
    reach = {name for name, pod in everybody(objects).items() if reaches_outside(objects, pod, 5432)}
    assert reach == {*APIS, "migrate"}


def test_a_source_that_is_listed_is_reached_by_jobs_alone():
    for case, who in (("default", set()), ("production", {"job"})):
        objects = case_objects(case)
        reach = {name for name, pod in everybody(objects).items() if reaches_outside(objects, pod, 15432)}
        assert reach == who


def test_two_releases_do_not_touch():
    objects = case_objects("default")
    found = everybody(objects)
    for pod in found.values():
        other = replace(pod, labels=pod.labels | {"app.kubernetes.io/instance": "other"})
        ways = [(target, port) for target in found.values() for port in PORTS]
        assert not any(allowed(objects, other, target, port) for target, port in ways)
