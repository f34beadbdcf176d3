"""Pods by load: what gateways say becomes a metric that only the API server may ask for, and pods follow it."""

import asyncio
import ssl
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import kubernetes_validate
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from millrace_contracts.serving import Autoscaling, ServingSpec
from millrace_core.errors import Unavailable
from millrace_serving.autoscaling import adapter, certificate, custom_metrics, front_proxy
from millrace_serving.autoscaling.demand import STALE_SECONDS, Demand
from millrace_serving.autoscaling.front_proxy import FrontProxy
from millrace_serving.autoscaling.watching import Watching
from millrace_serving.cluster import manifests, scaling
from millrace_serving.cluster.scaling import METRIC
from millrace_serving.settings import ServingSettings

from .fake_cluster import FakeCluster
from .test_pod_manifests import VERSIONS, settings
from .test_revisions import keep, revision, world  # noqa: F401 - the fixture

HOST = "millrace-autoscaler.millrace.svc"
SCALED = ServingSpec(autoscaling=Autoscaling(min=2, max=6, in_flight=4))


def scaled(number=1, **more):
    return revision(number, serving=SCALED, **more)


def made(item, **more):
    found = manifests.objects(settings(autoscaler=True, **more), item, None)
    return {manifest["kind"]: manifest for manifest in found}


# --- the objects ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_a_loop_that_asks_for_it_gets_an_autoscaler_and_its_deployment_says_no_number(version):
    objects = made(scaled())
    for manifest in objects.values():
        kubernetes_validate.validate(manifest, version, strict=True)
    asks = objects["HorizontalPodAutoscaler"]["spec"]
    assert (asks["minReplicas"], asks["maxReplicas"]) == (2, 6)
    (metric,) = asks["metrics"]
    assert metric["object"]["describedObject"] == {
        "apiVersion": "v1",
        "kind": "Service",
        "name": objects["Service"]["metadata"]["name"],
    }
    assert metric["object"]["metric"] == {"name": METRIC}
    assert metric["object"]["target"] == {"type": "AverageValue", "averageValue": "4000m"}
    assert "replicas" not in objects["Deployment"]["spec"]


@pytest.mark.parametrize(
    ("item", "more"),
    [(revision(1), {}), (scaled(standby=True), {}), (scaled(), {"autoscaler": False})],
    ids=["does not ask", "stands by", "nobody could tell its load"],
)
def test_all_others_have_a_fixed_number(item, more):
    found = manifests.objects(settings(**{"autoscaler": True} | more), item, None)
    objects = {manifest["kind"]: manifest for manifest in found}
    assert "HorizontalPodAutoscaler" not in objects
    assert objects["Deployment"]["spec"]["replicas"] == 1


def test_a_candidate_begins_with_as_many_pods_as_the_champion_has():
    champion = manifests.deployment(settings(), scaled(1))
    champion["spec"]["replicas"] = 5
    found = {("Deployment", "flights-r1"): champion}
    grown = scaling.grown(scaled(2, rising=True), found)
    assert grown.serving.autoscaling.min == 5
    assert scaling.grown(scaled(2), found).serving == SCALED, "once it serves, its own bounds hold"
    champion["spec"]["replicas"] = 50
    assert scaling.grown(scaled(2, rising=True), found).serving.autoscaling.min == 6


async def test_an_autoscaler_comes_and_goes_with_what_the_loop_asks_for(world):  # noqa: F811
    world.settings.autoscaler = True
    world.wanted = [scaled()]
    await keep(world)
    assert world.cluster.names("HorizontalPodAutoscaler") == ["flights-r1"]
    assert "replicas" not in world.cluster.objects["Deployment", "work", "flights-r1"]["spec"]
    world.cluster.objects["HorizontalPodAutoscaler", "work", "flights-r1"]["status"] = STATUS
    await keep(world)
    told = world.revisions.pods("flights--r1").replicas
    assert (told.current, told.wanted, told.least, told.most) == (2, 4, 2, 6)
    world.wanted = [revision(1)]
    await keep(world)
    assert world.cluster.names("HorizontalPodAutoscaler") == []
    assert "replicas" in world.cluster.objects["Deployment", "work", "flights-r1"]["spec"]
    world.wanted = []
    await keep(world)
    assert world.cluster.names("Deployment") == []


async def test_what_stands_by_loses_its_autoscaler(world):  # noqa: F811
    world.settings.autoscaler = True
    world.wanted = [scaled()]
    await keep(world)
    world.wanted = [scaled(standby=True)]
    await keep(world)
    assert world.cluster.names("HorizontalPodAutoscaler") == []
    assert world.cluster.objects["Deployment", "work", "flights-r1"]["spec"]["replicas"] == 1


async def test_pods_that_are_there_stay_when_an_autoscaler_takes_over(world):  # noqa: F811
    """To apply a Deployment without the number that we had set sets it to 1, unless somebody else holds it."""
    world.wanted = [revision(1)]
    await keep(world)
    held = world.cluster.objects["Deployment", "work", "flights-r1"]
    held["metadata"]["managedFields"] = [
        {"manager": "millrace", "fieldsV1": {"f:spec": {"f:replicas": {}, "f:selector": {}}}}
    ]
    applied, usual = [], world.cluster.apply

    async def apply(manifest, namespace=None, manager="millrace"):
        applied.append((manager, manifest["kind"], manifest.get("spec", {}).get("replicas")))
        return {} if manager != "millrace" else await usual(manifest, namespace)

    world.cluster.apply = apply
    world.settings.autoscaler, world.wanted = True, [scaled()]
    await keep(world)
    number = held["spec"]["replicas"]
    assert [item for item in applied if item[1] == "Deployment"] == [
        (scaling.HANDED, "Deployment", number),
        ("millrace", "Deployment", None),
    ]


STATUS = {
    "currentReplicas": 2,
    "desiredReplicas": 4,
    "currentMetrics": [{"type": "Object", "object": {"current": {"averageValue": "7500m", "value": "15"}}}],
    "conditions": [
        {"type": "AbleToScale", "status": "True", "reason": "SucceededRescale"},
        {"type": "ScalingActive", "status": "True", "reason": "ValidMetricFound"},
        {"type": "ScalingLimited", "status": "False", "reason": "DesiredWithinRange"},
    ],
}


def told(**status):
    asks = made(scaled())["HorizontalPodAutoscaler"]
    return scaling.replicas(asks | {"status": STATUS | status})


def test_how_many_pods_and_why_is_said_in_a_sentence():
    assert told().why == "7.5 requests in flight for each pod, 4 aimed at"
    limited = [{"type": "ScalingLimited", "status": "True", "reason": "TooManyReplicas"}]
    assert told(conditions=limited).why.endswith("; there are the most there may be")
    blind = [
        {
            "type": "ScalingActive",
            "status": "False",
            "reason": "FailedGetObjectMetric",
            "message": "no metrics",
        }
    ]
    assert told(conditions=blind).why == "its load is not known: no metrics"
    fresh = scaling.replicas(made(scaled())["HorizontalPodAutoscaler"])
    assert (fresh.current, fresh.wanted, fresh.why) == (0, 0, "the autoscaler has not looked yet")


@pytest.mark.parametrize(
    ("written", "meant"), [("1k", "1000"), ("2500m", "2.5"), ("12", "12"), ("1500", "1500")]
)
def test_what_is_aimed_at_is_read_however_the_api_server_writes_it(written, meant):
    """It writes 1000000m as 1k; one loop's large number must not keep all others from being served."""
    asks = made(scaled())["HorizontalPodAutoscaler"]
    asks["spec"]["metrics"][0]["object"]["target"]["averageValue"] = written
    now = {"type": "Object", "object": {"current": {"averageValue": "2k"}}}
    found = scaling.replicas(asks | {"status": STATUS | {"currentMetrics": [now]}})
    assert found.why.startswith(f"2000 requests in flight for each pod, {meant} aimed at")


def test_an_autoscaler_that_somebody_else_changed_stops_no_pass():
    """What is found is looked at before it is mended."""
    other = {"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 80}}}
    for spec in ({}, {"minReplicas": None, "metrics": []}, {"maxReplicas": 4, "metrics": [other]}):
        assert scaling.replicas({"spec": spec, "status": STATUS}).why == "the autoscaler has not looked yet"


# --- what is measured -------------------------------------------------------------------------------------------------


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_the_mean_is_over_what_was_seen_and_nothing_is_said_of_long_ago():
    clock = Clock()
    demand = Demand(clock)
    assert demand.mean("flights--r1") is None
    for number in (0, 8, 4):
        clock.now += 1
        demand.note({"flights--r1": number})
    assert demand.mean("flights--r1") == 4
    assert demand.mean("boats--r1") is None, "no gateway knows it: not the same as no load"
    clock.now += STALE_SECONDS + 0.1
    assert demand.mean("flights--r1") is None


def test_a_step_is_seen_whole_in_seconds_and_a_short_gap_is_none():
    clock = Clock()
    demand = Demand(clock)
    for number in [0] * 10 + [20] * 5:
        clock.now += 1
        demand.note({"flights--r1": number})
    assert demand.mean("flights--r1") == 20
    for _ in range(5):
        clock.now += 1
        demand.note({"flights--r1": 0})
    assert demand.mean("flights--r1") == pytest.approx(100 / 16)


def test_an_old_burst_is_forgotten():
    clock = Clock()
    demand = Demand(clock)
    demand.note({"flights--r1": 100})
    for _ in range(20):
        clock.now += 1
        demand.note({"flights--r1": 2})
    assert demand.mean("flights--r1") == 2


async def test_a_sample_without_one_of_the_gateways_does_not_count():
    demand = Demand()
    watching = Watching(ServingSettings(), FakeCluster(), demand)
    watching.gateways.look = lambda: asyncio.sleep(0)
    answers = [[{"a--r1": 3, "b--r1": 0}, {"a--r1": 2}], None]

    async def in_flight():
        return answers.pop(0)

    watching.gateways.in_flight = in_flight
    await watching.once()
    assert (demand.mean("a--r1"), demand.mean("b--r1")) == (5, 0)
    await watching.once()
    assert len(demand._seen) == 1


# --- the API ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def demand():
    found = Demand()
    found.note({"flights--r1": 3, "team-a.flights--r2": 0})
    return found


async def ask(demand, path):
    transport = httpx.ASGITransport(custom_metrics.app(demand, "work"))
    async with httpx.AsyncClient(transport=transport, base_url="http://adapter") as client:
        return await client.get(custom_metrics.ROOT + path)


async def test_the_metric_of_a_service_is_told_as_kubernetes_writes_it(demand):
    answer = await ask(demand, f"/namespaces/work/services/flights-r1/{METRIC}")
    assert answer.status_code == 200
    (item,) = answer.json()["items"]
    assert item["value"] == "3000m"
    assert item["describedObject"] == {
        "kind": "Service",
        "namespace": "work",
        "name": "flights-r1",
        "apiVersion": "v1",
    }
    listed = (await ask(demand, "")).json()
    assert [one["name"] for one in listed["resources"]] == [f"services/{METRIC}"]


@pytest.mark.parametrize(
    "path",
    [
        f"/namespaces/work/services/boats-r1/{METRIC}",
        f"/namespaces/other/services/flights-r1/{METRIC}",
        "/namespaces/work/services/flights-r1/something_else",
        f"/namespaces/work/pods/flights-r1/{METRIC}",
    ],
)
async def test_what_is_not_known_is_not_0_but_404(demand, path):
    assert (await ask(demand, path)).status_code == 404


# --- who may ask ------------------------------------------------------------------------------------------------------


def key():
    return ec.generate_private_key(ec.SECP256R1())


def signed(name, mine, by=None, authority=None):
    """A certificate of *name*, signed by an authority, or by itself as one."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if authority is None else authority.subject)
        .public_key(mine.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .sign(by or mine, hashes.SHA256())
    )


def pem(thing):
    return thing.public_bytes(serialization.Encoding.PEM).decode()


class Authority:
    def __init__(self, name):
        self.key = key()
        self.certificate = signed(name, self.key)

    def client(self, folder, name):
        """A file with a certificate of *name* and its key."""
        mine = key()
        text = mine.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        path = folder / f"{name}-{id(self)}.pem"
        path.write_text(pem(signed(name, mine, self.key, self.certificate)) + text)
        return path


@asynccontextmanager
async def serving(demand, proxy, folder):
    """The adapter's secure port; yields its port and the certificate that the API server is told."""
    shown, kept, authority = certificate.make(HOST, folder)
    server = adapter.secure(custom_metrics.app(demand, "work"), proxy, (shown, kept), port=0)
    server.config.host = "127.0.0.1"
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1], authority
    finally:
        server.should_exit = True
        await task


async def listed(port, authority, shows=None):
    """Status of a listing, as the API server asks for it: by the adapter's name, trusting its authority alone."""
    context = ssl.create_default_context(cadata=authority)
    if shows is not None:
        context.load_cert_chain(shows)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=HOST)
    try:
        writer.write(
            f"GET {custom_metrics.ROOT} HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n\r\n".encode()
        )
        await writer.drain()
        said = await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()
    return int(said.split()[1]) if said else None


async def refused(port, authority, shows=None):
    try:
        return await listed(port, authority, shows) is None
    except (ssl.SSLError, ConnectionError):
        return True


async def test_the_front_proxy_is_let_in_and_nobody_else(demand, tmp_path):
    right, wrong = Authority("front-proxy-ca"), Authority("somebody")
    proxy = FrontProxy(pem(right.certificate), ("front-proxy-client",))
    async with serving(demand, proxy, tmp_path) as (port, authority):
        assert await listed(port, authority, right.client(tmp_path, "front-proxy-client")) == 200
        assert await refused(port, authority), "no certificate"
        assert await refused(port, authority, right.client(tmp_path, "admin")), (
            "another name of that authority"
        )
        assert await refused(port, authority, wrong.client(tmp_path, "front-proxy-client")), (
            "another authority"
        )
        assert await listed(port, authority, right.client(tmp_path, "front-proxy-client")) == 200


async def test_and_the_check_of_names_is_what_keeps_the_other_name_out(demand, tmp_path):
    right = Authority("front-proxy-ca")
    async with serving(demand, FrontProxy(pem(right.certificate), ()), tmp_path) as (port, authority):
        assert await listed(port, authority, right.client(tmp_path, "admin")) == 200


def configured(**data):
    cluster = FakeCluster()
    cluster.objects["ConfigMap", "kube-system", "extension-apiserver-authentication"] = {"data": data}

    async def get(kind, name, namespace, api_version="v1"):
        return cluster.objects.get((kind, namespace, name))

    cluster.get = get
    return cluster


CA, NAMES, CLIENTS = front_proxy.CA, front_proxy.NAMES, front_proxy.CLIENTS


async def test_whom_to_believe_is_what_the_api_server_says():
    found = await front_proxy.read(configured(**{CA: "authority", NAMES: '["front-proxy-client"]'}))
    assert found == FrontProxy("authority", ("front-proxy-client",))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({CLIENTS: "clients"}, "without an aggregation layer"),
        ({CA: "clients", NAMES: "[]", CLIENTS: "clients"}, "every user of the cluster could pass"),
    ],
)
async def test_where_nobody_could_be_told_apart_nobody_is_let_in(data, words):
    with pytest.raises(Unavailable, match=words):
        await front_proxy.read(configured(**data))


async def test_another_authority_of_the_front_proxy_ends_the_process(monkeypatch):
    cluster = configured(**{CA: "one", NAMES: '["front-proxy-client"]'})
    applied = []

    async def apply(manifest, namespace=None, manager="millrace"):
        applied.append(manifest)

    cluster.apply = apply
    life = adapter.Adapter(cluster, HOST, "certificate")
    await life.believe()
    assert life.why
    await life.register()
    assert not life.why
    assert applied[0]["spec"] == {"caBundle": "Y2VydGlmaWNhdGU="}, "nothing but its authority is written"
    cluster.objects["ConfigMap", "kube-system", "extension-apiserver-authentication"]["data"][CA] = "two"
    with pytest.raises(adapter.Over):
        await life.register()
