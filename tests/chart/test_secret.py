"""The password of the embedded PostgreSQL is made once, in the cluster, and goes with its volume."""

import pytest
from tests.chart.rendering import kind, one, pods, render

from millrace_core.errors import Conflict, NotFound
from millrace_core.secret import ensure

VOLUME = {"metadata": {"name": "data", "uid": "u-1", "labels": {"app.kubernetes.io/instance": "millrace"}}}


class Cluster:
    """The two calls that are made, on a dictionary."""

    def __init__(self, **objects):
        self.objects = objects
        self.taken = False

    async def get(self, sort, name, namespace):
        return self.objects.get(f"{sort}_{name}")

    async def create(self, manifest, namespace):
        if self.taken:
            raise Conflict("exists")
        self.objects[f"Secret_{manifest['metadata']['name']}"] = manifest
        return manifest


async def make(cluster):
    return await ensure(cluster, "postgres", "password", "millrace", "PersistentVolumeClaim/data")


async def test_it_is_made_once_and_stays():
    cluster = Cluster(PersistentVolumeClaim_data=VOLUME)
    assert await make(cluster)
    first = cluster.objects["Secret_postgres"]
    assert not await make(cluster)
    assert cluster.objects["Secret_postgres"] is first
    assert len(first["stringData"]["password"]) == 48


async def test_it_belongs_to_the_volume_that_it_opens():
    cluster = Cluster(PersistentVolumeClaim_data=VOLUME)
    await make(cluster)
    (owner,) = cluster.objects["Secret_postgres"]["metadata"]["ownerReferences"]
    assert owner == {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": "data", "uid": "u-1"}


async def test_two_jobs_at_once_make_one():
    cluster = Cluster(PersistentVolumeClaim_data=VOLUME)
    cluster.taken = True
    assert not await make(cluster)


async def test_it_waits_for_its_volume():
    with pytest.raises(NotFound, match="PersistentVolumeClaim/data"):
        await make(Cluster())


@pytest.mark.parametrize(
    ("arguments", "owner"),
    [
        ([], "PersistentVolumeClaim/millrace-postgres"),
        (["--set", "persistence.enabled=false"], "ServiceAccount/millrace-postgres"),
    ],
)
def test_the_job_may_do_exactly_that(arguments, owner):
    objects = render(*arguments)
    (pod,) = [pod for pod in pods(objects) if pod.component == "secrets"]
    command = pod.spec["containers"][0]["command"]
    assert command[:5] == ["python", "-m", "millrace_core.secret", "millrace-postgres", "password"]
    assert command[5:] == ["--owner", owner]
    sort, _, name = owner.partition("/")
    assert one(objects, sort, name)
    rules = one(objects, "Role", "millrace-secrets")["rules"]
    assert [(rule["resources"], rule["verbs"], rule.get("resourceNames")) for rule in rules] == [
        (["secrets"], ["create"], None),
        (["secrets"], ["get"], ["millrace-postgres"]),
        ([f"{sort.lower()}s"], ["get"], [name]),
    ]


def test_an_external_database_needs_no_such_job():
    objects = render("--set", "embeddedPostgres.enabled=false,externalDatabase.existingSecret=x")
    assert not [found for found in kind(objects, "Job", "Role") if "secrets" in found["metadata"]["name"]]
