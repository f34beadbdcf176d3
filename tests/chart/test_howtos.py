"""The how-tos for Kubernetes say what is so: their files are valid, their values render, their commands exist."""

import re
import subprocess

import pytest
import yaml
from tests.chart import commands, resources
from tests.chart.howtos import BESIDE, PAGES, Mistake, calls, documents, lay_out, page, script
from tests.chart.rendering import CHART, ROOT, Refused, pods, render
from tests.chart.test_edge import certificate
from tests.chart.test_environment import SETTINGS, settings

DIGEST = re.compile(r"sha256:([0-9])\1{63}")


def examine(text, folder):
    """What is wrong with a page; nothing, if it is right."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        files = lay_out(text, folder)
        certificate(folder)
        (folder / "ca.crt").write_bytes((folder / "tls.crt").read_bytes())
        made = calls(text, folder)
        lay_out_again(text, folder)
        for call in made:
            commands.check(call, folder)
        for file in files:
            check_file(file, folder, made)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def lay_out_again(text, folder):
    """A page may remove what it wrote, like a file with passwords."""
    for name in BESIDE:
        (folder / name).unlink()
    lay_out(text, folder)


def check_file(file, folder, made):
    """A document is valid; values are used by a command, and name settings that services have."""
    if file.suffix != ".yaml":
        return
    for found in documents(file):
        if "apiVersion" not in found:
            used = [call for call in made if call[0] == "helm" and str(file.relative_to(folder)) in call]
            assert used, f"no command uses {file.name}"
            check_environment(found)
        elif found["apiVersion"].startswith("kustomize.config"):
            assert any(call[:2] == ["kubectl", "kustomize"] for call in made), f"nothing builds {file.name}"
        else:
            resources.check(found)
            check_delivery(found, folder)


def check_environment(values):
    for service in SETTINGS:
        known = {f"MILLRACE_{name.upper()}" for name in settings(service).model_fields}
        for item in values.get(service, {}).get("extraEnv", []):
            assert item["name"] in known, f"{service} has no setting {item['name']}"


def check_delivery(found, folder):
    """The chart that a GitOps tool is told to render is there, and takes the values that stand beside it."""
    spec = found.get("spec", {})
    if found["kind"] == "Application" and "helm" in spec["source"]:
        chart, helm = ROOT / spec["source"]["path"], spec["source"]["helm"]
        render_with(chart, [chart / name for name in helm["valueFiles"]], helm["valuesObject"], folder)
    if found["kind"] == "HelmRelease":
        chart = spec["chart"]["spec"]
        files = [ROOT / name for name in chart.get("valuesFiles", [])]
        render_with(ROOT / chart["chart"], files, spec.get("values", {}), folder)


def render_with(chart, files, values, folder):
    beside = folder / "values-of-the-document.yaml"
    beside.write_text(yaml.safe_dump(values))
    arguments = [part for file in [*files, beside] for part in ("-f", str(file))]
    resources.check_rendered(render(*arguments, chart=chart), chart == CHART)


@pytest.mark.parametrize("name", PAGES)
def test_a_how_to_says_what_is_so(name, tmp_path):
    assert examine(page(name), tmp_path / "page") == ""


PLANTED = [
    ("platform", "shortageSeconds: 7200", "shortageSecond: 7200", "shortageSecond"),
    ("platform", "  className: nginx", "  clasName: nginx", "clasName"),
    ("platform", "requests.memory: 64Gi", "requests.memory: [64Gi]", "requests.memory"),
    ("platform", "margin: 0.5, minimumDays", "margins: 0.5, minimumDays", "margins"),
    ("platform", "--pod-selector=", "--pod-selectors=", "--pod-selectors"),
    ("platform", "--expires 30d", "--expire 30d", "--expire"),
    ("platform", "--write-out", "--writeout", "--writeout"),
    ("platform", "observe/rules.yaml", "observe/rule.yaml", "rule.yaml"),
    ("platform", "data quarantine show", "data quarantines show", "no such command"),
    ("platform", "service/millrace-gateway", "service/millrace-gate", "no service"),
    ("production", "existingSecret: millrace-databases", "existingSecrets: millrace-databases", "existingSecrets"),
    ("production", "  publicUrl: https://", "  publicURL: https://", "publicURL"),
    ("production", "controller=postgresql", "controler=postgresql", "lacks ['controller']"),
    ("production", "--from-file=ca.crt", "--from-file=company.crt", "company.crt"),
    ("production", "--audience millrace", "--audiences millrace", "--audiences"),
    ("production", "existingSecret: millrace-smtp", "existingSecrets: millrace-smtp", "existingSecrets"),
    ("production", "charts/millrace-crds", "charts/millrace-crd", "millrace-crd"),
    ("production", "millrace capabilities", "millrace capability", "no such command"),
    ("upgrade", "--force-conflicts", "--force-conflict", "--force-conflict"),
    ("upgrade", "-f k8s/crds.yaml", "-f k8s/crd.yaml", "crd.yaml"),
    ("upgrade", "helm rollback", "helm roll-back", "roll-back"),
    ("gpu", "  placement:\n    gpus: 1 ", "  placement:\n    gpu: 1 ", "gpu"),
    ("gpu", "8Gi, nvidia.com/gpu: 1}", "8Gi, nvidia.com/gpu: one}", "nvidia.com"),
    ("gpu", "k8s/overlays/gpu\nkubectl apply", "k8s/overlays/gpus\nkubectl apply", "gpus"),
    ("kuberay", "executor: ray ", "executor: rays ", "executor"),
    ("kuberay", "MILLRACE_RAY_WORKERS", "MILLRACE_RAY_WORKER", "MILLRACE_RAY_WORKER"),
    ("kubeflow", "controller.kfp.uiUrl", "controller.kfp.uiURL", "uiURL"),
    ("gitops", "selfHeal: true}", "selfheal: true}", "selfheal"),
    ("gitops", "path: charts/millrace\n", "path: chart/millrace\n", "chart"),
    ("gitops", "reconcileStrategy", "reconcilestrategy", "reconcilestrategy"),
    ("gitops", "schedule: 14d", "schedules: 14d", "schedules"),
    ("gitops", "target: {kind: Job}\n    patch", "targets: {kind: Job}\n    patch", "targets"),
    ("grpc", "  grpc: {enabled: true}", "  gRPC: {enabled: true}", "gRPC"),
    ("team", "--clusterrole=millrace-modelloops-edit", "--clusterroles=millrace-modelloops-edit", "--clusterroles"),
    ("team", "labeller: [team-a-labellers]", "labeler: [team-a-labellers]", "labeler"),
    ("openlineage", "  existingSecret: marquez", "  existingSecrets: marquez", "existingSecrets"),
    ("approvals", "--role approver", "--roles approver", "--roles"),
    ("backup", "claimName: millrace-training", "claim: millrace-training", "claim"),
    ("backup", "statefulset/millrace-postgres -- \\\n    sh -c 'PGPASSWORD=$POSTGRES_PASSWORD exec pg_dump",
     "statefulset/millrace-postgresql -- \\\n    sh -c 'PGPASSWORD=$POSTGRES_PASSWORD exec pg_dump", "no statefulset"),
    ("backup", '{"persistentVolumeReclaimPolicy": "Retain"}', '{"persistentVolumeReclaimPolicy": "Retain"', "JSON"),
    ("backup", "verify_decisions", "check_decisions", "check_decisions"),
    ("backup", "done\nkubectl exec", "don\nkubectl exec", "syntax error"),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("name", "right", "wrong", "says"), PLANTED)
def test_a_planted_mistake_is_told(name, right, wrong, says, tmp_path):
    text = page(name)
    assert right in text, f"{name} no longer says {right!r}"
    assert says in examine(text.replace(right, wrong, 1), tmp_path / "page")


def test_every_page_has_caught_something():
    assert {name for name, *_ in PLANTED} == set(PAGES)


def test_a_script_of_a_page_ends_where_something_was_not_refused():
    told = script("```\n! false\necho 1\n! true\necho 2\n```\n")
    done = subprocess.run(["bash", "-euc", told], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (9, "1\nnot refused: true\n")


def test_a_block_that_names_no_file_is_a_mistake(tmp_path):
    with pytest.raises(Mistake):
        lay_out("```yaml\na: b\n```\n", tmp_path)


def test_in_production_every_image_has_its_digest(tmp_path):
    """Also those of pods made at run time, which stand in the environment."""
    lay_out(page("production"), tmp_path)
    base = ["-f", str(CHART / "values-production.yaml")]
    objects = render(*base, "-f", str(tmp_path / "mine.yaml"))
    images = [one["image"] for pod in pods(objects) for one in pod.containers]
    images += [
        item["value"]
        for pod in pods(objects)
        for one in pod.containers
        for item in one.get("env", [])
        if item["name"].endswith("_IMAGE")
    ]
    assert {image.partition("@")[0].partition("/")[0] for image in images} == {"mirror.example"}
    found = {image.partition("@")[2] for image in images}
    assert all(DIGEST.fullmatch(digest) for digest in found)
    assert len(found) == 9
    assert not re.search(r"\bimage: \{[^}]*tag", (tmp_path / "mine.yaml").read_text())


def test_in_production_what_has_several_pods_has_a_budget(tmp_path):
    lay_out(page("production"), tmp_path)
    objects = render("-f", str(CHART / "values-production.yaml"), "-f", str(tmp_path / "mine.yaml"))
    budgets = {item["metadata"]["name"] for item in objects if item["kind"] == "PodDisruptionBudget"}
    assert budgets == {f"millrace-{part}" for part in ("registry", "controller", "gateway", "edge", "triton")}


def test_production_without_what_you_do_not_need_is_still_complete(tmp_path):
    """The least that the how-to on upgrades has renders with no more than the three things only you know."""
    lay_out(page("upgrade"), tmp_path)
    base = ["-f", str(CHART / "values-production.yaml")]
    assert render(*base, "-f", str(tmp_path / "mine.yaml"))
    known = yaml.safe_load((tmp_path / "mine.yaml").read_text())
    for part in known:
        less = tmp_path / "less.yaml"
        less.write_text(yaml.safe_dump({key: value for key, value in known.items() if key != part}))
        with pytest.raises(Refused):
            render(*base, "-f", str(less))


def test_the_overlay_lets_jobs_be_replaced_and_volumes_be_kept(tmp_path):
    lay_out(page("gitops"), tmp_path)
    call = ["kubectl", "kustomize", "overlay", "--load-restrictor", "LoadRestrictionsNone"]
    built = commands._applied(call, tmp_path)
    wanted = {
        "Job": "kustomize.toolkit.fluxcd.io/force",
        "PersistentVolumeClaim": "kustomize.toolkit.fluxcd.io/prune",
    }
    for found in built:
        if found["kind"] in wanted:
            assert wanted[found["kind"]] in found["metadata"]["annotations"]
    assert any(found["kind"] == "CustomResourceDefinition" for found in built)


def anchors(text):
    """What a link can name behind `#`: the page's headings, as they are shown by those who host pages."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_readme_leads_to_every_page_and_every_link_leads_somewhere():
    readme = (ROOT / "README.md").read_text()
    for name in PAGES:
        assert f"(docs/howto/{name}.md)" in readme, name
        for link in re.findall(r"\]\(([^):]+)\)", page(name)):
            path, _, place = link.partition("#")
            file = ROOT / "docs" / "howto" / (path or f"{name}.md")
            assert file.exists(), f"{name}: {link}"
            assert not place or place in anchors(file.read_text()), f"{name}: {link}"
        for path in re.findall(r"`((?:k8s|charts|tests|services)/[\w./-]+)`", page(name)):
            assert (ROOT / path).exists(), f"{name}: {path}"
