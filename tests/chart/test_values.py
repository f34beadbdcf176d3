"""Values: documented, strict, and every switch does what it says; with Helm 4 and with Helm 3."""

import itertools
import json
import re

import kubernetes_validate
import pytest
import yaml
from tests.chart import foreign
from tests.chart.rendering import (
    CASES,
    CHART,
    HELMS,
    ROOT,
    Refused,
    case_objects,
    kind,
    one,
    pods,
    render,
    text,
)
from tests.chart.tools import Unavailable, helm

VERSIONS = ("1.30", "1.34", "1.37")


def helm_or_skip(which):
    try:
        helm(HELMS[which])
    except Unavailable as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", CASES)
def test_everything_rendered_is_valid_for_each_kubernetes(case, version):
    for found in case_objects(case):
        if foreign.known(found):
            assert foreign.problems(found) == []
        else:
            kubernetes_validate.validate(found, version, strict=True)


def test_the_validation_sees_a_misspelled_field():
    wrong = one(case_objects("default"), "Deployment", "millrace-registry")
    wrong["spec"]["replicaz"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.34", strict=True)


@pytest.mark.parametrize("case", CASES)
def test_helm_3_renders_the_same_as_helm_4(case):
    helm_or_skip("helm3")
    assert case_objects(case, "helm3") == case_objects(case, "helm4")


@pytest.mark.parametrize("which", HELMS)
@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("registry.replica=2", "registry"),
        ("registery.replicas=2", "registery"),
        ("registry.replicas=two", "registry.replicas"),
        ("registry.image.tag=latest", "registry.image.tag"),
        ("registry.resources.requests.cpu=lots", "registry.resources.requests.cpu"),
        ("registry.storage.url=/data", "registry.storage.url"),
        ("triton.backend=tensorflow", "triton.backend"),
        ("triton.image.digest=sha256:1", "triton.image.digest"),
        ("controller.kfp.url=ml-pipeline", "controller.kfp.url"),
        ("identity.roles[0].role=root,identity.roles[0].subject=x", "identity.roles.0.role"),
        ("networkPolicy.clients[0].podselector.a=b", "networkPolicy.clients.0"),
        ("persistence.enabled=maybe", "persistence.enabled"),
        ("trust.existingConfigMap=Company_CA", "trust.existingConfigMap"),
        ("serving.serviceAccount.annotation.a=b", "serving.serviceAccount"),
        ("registry.resources.limits.memry=1Gi", "registry.resources.limits"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_with_its_path(which, value, path):
    helm_or_skip(which)
    with pytest.raises(Refused) as refusal:
        render("--set", value, which=which)
    said = str(refusal.value).replace("/", ".")
    assert path in said, said


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ("embeddedPostgres.enabled=false", "externalDatabase.existingSecret:"),
        ("externalDatabase.existingSecret=x", "externalDatabase.existingSecret:"),
        ("registry.replicas=2", "registry.replicas:"),
        ("registry.storage.existingSecret=x", "registry.storage.existingSecret:"),
        (
            "registry.storage.url=s3://b,registry.persistence.existingClaim=x",
            "registry.persistence.existingClaim:",
        ),
        ("triton.autoscaling.minReplicas=9", "triton.autoscaling.minReplicas:"),
        ("triton.standby.kind=own,triton.standby.idleMinutes=10", "triton.standby.idleMinutes:"),
        (
            "triton.engines.claim=engines,triton.engines.image=x,triton.engines.gpu=y",
            "triton.engines.driver:",
        ),
        ("controller.operator.watchAllNamespaces=false", "controller.operator.namespaces:"),
        ("controller.operator.namespaces={a}", "controller.operator.namespaces:"),
        ("production=true", "embeddedPostgres.enabled:"),
        (
            "production=true,embeddedPostgres.enabled=false,externalDatabase.existingSecret=x",
            "triton.image.digest:",
        ),
    ],
)
def test_values_that_contradict_each_other_are_refused(arguments, path):
    with pytest.raises(Refused, match=re.escape(path)):
        render("--set", arguments)


def test_production_names_what_only_you_know():
    """Filled in one by one, each refusal names the next thing that is missing."""
    production = ["-f", str(CHART / "values-production.yaml")]
    digest = "sha256:" + "0" * 64
    for given, missing in (
        ([], "externalDatabase.existingSecret:"),
        (["externalDatabase.existingSecret=x"], "registry.replicas:"),
        (["externalDatabase.existingSecret=x", "registry.storage.url=s3://b"], "triton.image.digest:"),
    ):
        with pytest.raises(Refused, match=re.escape(missing)):
            render(*production, *[part for value in given for part in ("--set", value)])
    given = [
        "externalDatabase.existingSecret=x",
        "registry.storage.url=s3://b",
        f"triton.image.digest={digest}",
    ]
    assert render(*production, *[part for value in given for part in ("--set", value)])


SWITCHES = {
    "embeddedPostgres.enabled=false,externalDatabase.existingSecret=x": "StatefulSet/millrace-postgres",
    "networkPolicy.enabled=false": "NetworkPolicy/millrace-deny",
    "persistence.enabled=false": "PersistentVolumeClaim/millrace-registry",
    "registry.storage.url=s3://b": "PersistentVolumeClaim/millrace-registry",
    "controller.operator.enabled=false": "ClusterRole/millrace-millrace-modelloops",
    "tls.existingSecret=": "Deployment/millrace-edge",
    "prometheus.monitors=false": "PodMonitor/millrace-triton",
    "prometheus.rules=false": "PrometheusRule/millrace-rules",
    "grafana.dashboards=false": "ConfigMap/millrace-dashboard-system",
    "triton.replicas=1": "PodDisruptionBudget/millrace-triton",
}
ON = "tls.existingSecret=x,prometheus.monitors=true,prometheus.rules=true,grafana.dashboards=true,triton.replicas=2"


@pytest.mark.parametrize("switch", SWITCHES)
def test_each_switch_renders_its_part_and_takes_it_away(switch):
    def names(*arguments):
        return {f"{found['kind']}/{found['metadata']['name']}" for found in render(*arguments)}

    assert SWITCHES[switch] in names("--set", ON)
    assert SWITCHES[switch] not in names("--set", ON, "--set", switch)


def test_grpc_is_opened_by_one_switch_at_every_place_that_it_needs():
    for switched, ports in (("false", {"http": 8000}), ("true", {"http": 8000, "grpc": 8001})):
        objects = render("--set", f"gateway.grpc.enabled={switched},tls.existingSecret=x")
        service = one(objects, "Service", "millrace-gateway")["spec"]["ports"]
        assert {item["name"]: item["port"] for item in service} == ports
        assert {item["targetPort"] for item in service} == {"http"}
        door = one(objects, "ConfigMap", "millrace-edge")["data"]["envoy.yaml"]
        assert ("gateway-grpc" in door) is (switched == "true")
        (init,) = one(objects, "Deployment", "millrace-gateway")["spec"]["template"]["spec"]["initContainers"]
        serving = one(objects, "Deployment", "millrace-serving")["spec"]["template"]["spec"]["containers"][0]
        for container in (init, serving):
            assert {"name": "MILLRACE_GRPC", "value": switched} in container["env"]


def test_serving_may_make_jobs_only_where_engines_are_built_or_forms_are_measured():
    def jobs(*arguments):
        role = one(render(*arguments), "Role", "millrace-serving")
        return [rule["verbs"] for rule in role["rules"] if "jobs" in rule["resources"]]

    given = {"claim": "c", "image": "i", "gpu": "g", "driver": "d", "tensorrt": "t"}
    verbs = [["get", "list", "create", "patch", "delete"]]
    off = ("--set", "triton.measureForms=false")
    assert jobs() == verbs
    assert jobs(*off) == []
    told = ",".join(f"triton.engines.{name}={value}" for name, value in given.items())
    assert jobs(*off, "--set", told) == verbs


def test_pods_that_measure_have_an_account_whose_role_is_theirs_alone():
    objects = render()
    assert one(objects, "ServiceAccount", "millrace-measure")
    (issuers,) = [
        item for item in objects if item["kind"] == "ConfigMap" and "issuers.json" in item.get("data", {})
    ]
    subject = {"subject": "system:serviceaccount:millrace:millrace-measure", "role": "measure"}
    assert subject in json.loads(issuers["data"]["issuers.json"])["issuers"][0]["roles"]
    for switch, value in (("true", "true"), ("false", "false")):
        made = one(render("--set", f"triton.measureForms={switch}"), "Deployment", "millrace-serving")
        (container,) = made["spec"]["template"]["spec"]["containers"]
        assert {"name": "MILLRACE_MEASURE_FORMS", "value": value} in container["env"]


def test_the_runtimes_of_the_test_image_are_those_of_its_lock():
    locked = (ROOT / "requirements" / "triton.in").read_text()
    assert DEFAULTS["triton"]["runtimes"] == dict(re.findall(r"^(onnxruntime)==(\S+)$", locked, re.MULTILINE))


def resolved(schema, key):
    found = schema["properties"][key]
    return DEFINITIONS[found["$ref"].rsplit("/", 1)[1]] if "$ref" in found else found


SCHEMA = json.loads((CHART / "values.schema.json").read_text())
DEFINITIONS = SCHEMA["definitions"]
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())


COMMON = set(DEFAULTS["pods"]) | {"updateStrategy", "serviceAccount", "service", "runtimeClassName"}
"""What each part takes, and values.yaml says once."""


def test_the_schema_names_exactly_the_values_there_are():
    def known(schema, tree):
        assert schema.get("additionalProperties") is False
        assert set(tree) <= set(schema["properties"]) <= set(tree) | COMMON, tree
        for key, value in tree.items():
            child = resolved(schema, key)
            if isinstance(value, dict) and "properties" in child and key not in {"resources", *COMMON}:
                known(child, value)

    known(SCHEMA, DEFAULTS)


def test_every_value_has_a_sentence_above_it():
    """Headings like `registry:` speak for themselves, and so do requests and limits."""
    lines = [line.strip() for line in (CHART / "values.yaml").read_text().splitlines()]
    pairs = [(before, line) for before, line in itertools.pairwise(lines) if re.match(r"[a-zA-Z]+: ", line)]
    bare = [
        line
        for before, line in pairs
        if not before.startswith("# ") and line[:8] not in ("requests", "limits: ")
    ]
    assert len(pairs) > 80
    assert bare == []


def test_the_default_profile_asks_for_little():
    """At most 10 pods, 1 CPU and 2 GiB requested while the platform runs, its first jobs and one Triton included."""
    found = list(pods(render("--no-hooks")))
    triton = DEFAULTS["triton"]["resources"]["requests"]
    asked = [triton] + [one["resources"]["requests"] for pod in found for one in pod.spec["containers"]]
    assert len(found) + 1 <= 10
    assert sum(int(amount["cpu"].removesuffix("m")) for amount in asked) <= 1000
    assert sum(int(amount["memory"].removesuffix("Mi")) for amount in asked) <= 2048


def test_a_claim_keeps_its_annotation_beside_yours_and_outlives_the_release():
    given = "persistence.annotations.example\\.org/backup=daily,persistence.annotations.helm\\.sh/resource-policy=x"
    claims = kind(render("--set", given), "PersistentVolumeClaim")
    wanted = {"helm.sh/resource-policy": "keep", "example.org/backup": "daily"}
    assert [claim["metadata"]["annotations"] for claim in claims] == [wanted] * 4


def test_a_cloud_identity_is_given_to_the_accounts_that_reach_the_object_store():
    objects = render(
        "--no-hooks", "--set", "registry.serviceAccount.annotations.example\\.org/identity=bucket"
    )
    found = {
        item["metadata"]["name"]: item["metadata"].get("annotations")
        for item in kind(objects, "ServiceAccount")
    }
    assert found.pop("millrace-registry") == {"example.org/identity": "bucket"}
    assert set(found.values()) == {None}


def test_the_release_name_leads_every_name():
    other = render(release="loops")
    assert {found["metadata"]["name"] for found in kind(other, "Deployment")} >= {"loops-millrace-registry"}
    assert {pod.labels["app.kubernetes.io/instance"] for pod in pods(other)} == {"loops"}


def test_jobs_are_renamed_when_what_they_run_changes():
    """A Job cannot be changed: with one name for two contents an upgrade would fail."""
    mirror = ("--set", "global.imageRegistry=mirror.example")
    first, same, other = (
        {found["metadata"]["name"] for found in kind(render("--no-hooks", *given), "Job")}
        for given in ((), (), mirror)
    )
    assert first == same
    assert not first & other


REFUSES = ("_claims.tpl", "_neighbours.tpl")
"""What looks at the cluster, and makes nothing of it: it only refuses."""


def test_what_looks_at_the_cluster_only_refuses():
    for name in REFUSES:
        written = (CHART / "templates" / name).read_text()
        code = re.sub(r"\{\{.*?\}\}", "", written, flags=re.DOTALL)
        assert code.strip() == ""
    assert text("--set", "registry.persistence.size=11Gi").replace("storage: 11Gi", "storage: 10Gi") == text()


def test_no_template_is_random():
    assert text() == text()
    files = [path for path in (CHART / "templates").rglob("*") if path.is_file() and path.name not in REFUSES]
    templates = "".join(path.read_text() for path in files)
    assert not re.search(
        r"\b(rand(Alpha|Numeric|Ascii|Bytes)|genSelfSigned|genCA|uuidv4|now|lookup)\b", templates
    )


def test_an_upgrade_changes_no_immutable_field():
    """Selectors, claims and the StatefulSet's identity are the same under any version."""
    for found in render("--set", "global.imageRegistry=mirror.example"):
        if found["kind"] in ("Deployment", "StatefulSet"):
            assert not {"version", "chart"} & {
                key.split("/")[-1] for key in found["spec"]["selector"]["matchLabels"]
            }
        if found["kind"] == "StatefulSet":
            assert "volumeClaimTemplates" not in found["spec"]


def test_the_crds_chart_keeps_the_resource():
    objects = render(chart=ROOT / "charts" / "millrace-crds")
    (crd,) = kind(objects, "CustomResourceDefinition")
    assert crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def issuers(objects):
    return json.loads(one(objects, "ConfigMap", "millrace-issuers")["data"]["issuers.json"])


GROUPS = ("identity.oidc[0].issuer=https://login.example,identity.oidc[0].audience=millrace,"
          "identity.projects.team-a.operator={engineers},identity.projects.team-b.viewer={engineers}")  # fmt: skip


def test_groups_get_roles_by_project_as_the_services_read_them(tmp_path):
    from millrace_core.identity import Issuers

    found = issuers(render("--set", GROUPS))
    (_, people) = found["issuers"]
    assert people["roles"] == [
        {"claim": "groups", "value": "engineers", "role": "operator", "project": "team-a"},
        {"claim": "groups", "value": "engineers", "role": "viewer", "project": "team-b"},
    ]
    assert "known_as" not in people, "the API server is not asked for whom it does not know"
    path = tmp_path / "issuers.json"
    path.write_text(json.dumps(issuers(case_objects("production"))))
    assert Issuers(path).present, "a service starts with it"
    assert issuers(case_objects("production"))["issuers"][1]["known_as"] == {
        "username": "email", "username_prefix": "oidc:", "groups": "groups", "groups_prefix": "oidc:",
    }  # fmt: skip


def test_services_may_ask_who_may_do_what_and_only_where_modelloops_are_taken():
    every = one(render(), "ClusterRole", "millrace-millrace-access")
    assert every["rules"] == [
        {
            "apiGroups": ["authorization.k8s.io"],
            "resources": ["localsubjectaccessreviews"],
            "verbs": ["create"],
        }
    ]
    named = case_objects("namespaces")
    roles = [item for item in kind(named, "Role") if item["metadata"]["name"] == "millrace-access"]
    assert [item["metadata"]["namespace"] for item in roles] == ["team-a", "team-b"]
    assert all(item["rules"] == every["rules"] for item in roles)
    assert not [item for item in kind(named, "ClusterRole") if "access" in item["metadata"]["name"]]
    assert issuers(named)["spaces"] == {"watched": ["team-a", "team-b"], "projects": {"team-a": "flights"}}
    bound = one(render(), "ClusterRoleBinding", "millrace-millrace-access")["subjects"]
    assert {item["name"].removeprefix("millrace-") for item in bound} == {
        "registry", "training", "serving", "monitoring", "controller",
    }  # fmt: skip


@pytest.mark.parametrize("off", ["identity.rbac=false", "controller.operator.enabled=false"])
def test_without_rbac_nobody_is_asked(off):
    objects = render("--set", off)
    assert not [item for item in objects if item["metadata"]["name"].endswith("-access")]
    assert "known_as" not in issuers(objects)["issuers"][0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("identity.projects.team-a.operator={x}", "identity.projects:"),
        ("identity.projects.team-a.boss={x}", "boss"),
        ("identity.projects.Team.viewer={x}", "Team"),
        ("identity.oidc[0].issuer=https://x,identity.oidc[0].audience=m", "identity.oidc[0]:"),
        (
            f"{GROUPS},identity.oidc[1].issuer=https://login.example,identity.oidc[1].audience=millrace",
            "identity.oidc[1]: https://login.example stands there twice for the audience millrace",
        ),
        (
            "identity.roles[0].subject=x,identity.roles[0].role=job,identity.roles[0].project=a",
            "no role of people",
        ),
        (
            "identity.rbac=false,identity.oidc[0].issuer=https://x,identity.oidc[0].audience=m,"
            "identity.oidc[0].kubernetes.usernameClaim=sub",
            "identity.oidc[0].kubernetes:",
        ),
    ],
)
def test_rights_that_would_do_nothing_are_refused(arguments, said):
    with pytest.raises(Refused, match=re.escape(said)):
        render("--set", arguments)


def test_nodes_are_seen_only_where_that_is_asked_for_and_no_more_than_seen():
    def reach(*arguments):
        roles = [item for item in render(*arguments) if item["kind"] == "ClusterRole"]
        return [rule for role in roles for rule in role["rules"] if "nodes" in rule["resources"]]

    assert reach() == []
    (rule,) = reach("--set", "training.job.seeNodes=true")
    assert rule == {"apiGroups": [""], "resources": ["nodes", "pods"], "verbs": ["list"]}
    objects = render("--set", "training.job.seeNodes=true", release="loops")
    bound = one(objects, "ClusterRoleBinding", "millrace-loops-millrace-training-room")
    assert bound["subjects"] == [
        {"kind": "ServiceAccount", "name": "loops-millrace-training", "namespace": "millrace"}
    ]


def test_the_queue_of_kueue_reaches_training_by_the_setting_that_it_reads():
    from millrace_training.settings import TrainingSettings

    made = one(render("--set", "training.job.queue=all"), "Deployment", "millrace-training")
    (container,) = made["spec"]["template"]["spec"]["containers"]
    assert {"name": "MILLRACE_JOB_QUEUE", "value": "all"} in container["env"]
    assert "job_queue" in TrainingSettings.model_fields
    assert not any("kueue" in json.dumps(item) for item in render()), (
        "it is used where it is, and never installed"
    )


def test_the_console_is_made_only_where_it_is_wanted():
    assert not [item for item in render() if item["metadata"]["name"] == "millrace-console"]
    objects = render("--set", "console.enabled=true")
    made = {item["kind"] for item in objects if item["metadata"]["name"] == "millrace-console"}
    assert made == {"Deployment", "Service", "ServiceAccount", "NetworkPolicy"}
    (pod,) = [pod for pod in pods(objects) if pod.component == "console"]
    assert {item["name"] for item in pod.spec["volumes"]} == {"tmp", "home", "issuers"}, "no token is mounted"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("console.hosts={console.example}", "console.hosts: is not used while console.enabled is false"),
        ("console.enabled=true,console.hosts={console.example}", "console.hosts: are answered by the door"),
        ("console.enabled=true,console.updateStrategy.type=RollingUpdate", "console.updateStrategy.type:"),
    ],
)
def test_values_of_the_console_that_contradict_each_other_are_refused(values, said):
    with pytest.raises(Refused, match=re.escape(said)):
        render("--set", values)


def test_an_ingress_takes_the_hosts_of_the_console_too():
    values = (
        "console.enabled=true,console.hosts={console.example},ingress.enabled=true,ingress.hosts={m.example}"
    )
    rules = one(render("--set", values), "Ingress", "millrace-edge")["spec"]["rules"]
    assert [rule["host"] for rule in rules] == ["m.example", "console.example"]
