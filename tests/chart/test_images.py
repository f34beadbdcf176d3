"""Images can be built and can run what they are for, as far as that shows without building them."""

import importlib.metadata
import json
import os
import re
import runpy
import subprocess
import sys
from functools import cache

import pytest
from packaging.requirements import Requirement
from tests.chart.reach import IMAGES, LOCKED, ROOT, distributions, normal, pinned, reach

DOCKERFILE = (ROOT / "services" / "Dockerfile").read_text()
SERVICES = ("registry", "training", "serving", "monitoring", "controller", "console")
COMMON = ("millrace_core.serve", "millrace_core.migrate")
ENTRIES = {
    "registry": (*COMMON, "millrace_registry.main"),
    "training": (*COMMON, "millrace_training.main"),
    "serving": (*COMMON, "millrace_serving.main", "millrace_serving.envoy.bootstrap"),
    "monitoring": (*COMMON, "millrace_monitoring.main"),
    "controller": (
        *COMMON,
        "millrace_controller.main",
        "millrace_controller.operator.farewell",
        "millrace_core.secret",
        "millrace.selftest",
    ),
    "console": ("millrace_core.serve", "millrace_console.main"),
    "pipeline-runner": ("millrace.steps", "millrace_controller.pipelines.local"),
    "training-cpu": (
        "millrace_training.process.child",
        "millrace_training.pod.agent",
        "millrace_replay.replay",
    ),
}
"""What is started in each image."""
JOBS = (
    "millrace_training.automl.train",
    "millrace_training.code.adopting",
    "millrace_training.code.train",
    "millrace_training.rows.infer",
    "millrace_training.rows.ingest",
    "millrace_training.rows.validate",
    "millrace_training.evaluate.evaluate",
    "millrace_training.compress.compress",
    "millrace_training.sources.gather",
    "millrace_training.sources.look",
    "millrace_training.sources.pull",
    "millrace_training.sources.sql",
    "millrace_training.sources.bucket",
    "millrace_training.sources.http",
    "millrace_training.scoring.score",
    "millrace_training.scoring.part",
    "millrace_training.pod.agent",
    "millrace_training.process.child",
    "millrace_training.process.warm",
    "millrace_training.runtime.executors.inline",
    "millrace_training.runtime.executors.ray",
)
ELSEWHERE = {
    "training": dict.fromkeys(JOBS, "training-cpu"),
    "controller": {
        "millrace_controller.pipelines.local": "pipeline-runner",
        "millrace_replay.replay": "training-cpu",
    },
}
"""Modules that an image names and another one runs."""
PEOPLES = ("millrace.transport.kube", "millrace_replay.inside")
"""Modules that only a person's machine reaches: after a login there, or where all services are installed."""
OF_ANOTHER_PYTHON = {"contourpy"}
"""Versions that differ by Python; images have 3.11."""
LINES = [line.strip() for line in re.sub(r"\\\n", " ", DOCKERFILE).splitlines()]


@cache
def stages() -> dict[str, list[str]]:
    """Instructions by stage, those of the stages below it first."""
    found: dict[str, list[str]] = {}
    current = ""
    for line in LINES:
        if match := re.fullmatch(r"FROM (\S+) AS (\S+)", line):
            current = match[2]
            found[current] = list(found.get(match[1], []))
        elif current and line and not line.startswith("#"):
            found[current].append(line)
    return found


def stage(image: str) -> list[str]:
    """The instructions of an image."""
    name = "service" if image in SERVICES else image
    return [line.replace("${SERVICE}", image) for line in stages()[name]]


def folders(image: str) -> set[str]:
    """Folders below services/ that an image holds."""
    return {
        line.split()[1].removeprefix("services/")
        for line in stage(image)
        if line.startswith("COPY services/")
    }


def built() -> list[str]:
    """The images that `make images` builds."""
    made = subprocess.run(
        ["make", "-s", "--eval", "print-images:; @echo $(IMAGES)", "print-images"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return made.stdout.split()


ALL = sorted({*ENTRIES, "training-gpu", "triton-test", "envoy", "postgres"})


def test_make_builds_every_image_but_the_one_for_gpus():
    assert sorted([*built(), "training-gpu"]) == ALL


@pytest.mark.parametrize("image", ALL)
def test_an_image_runs_as_nobody_in_particular(image):
    users = [line.split()[1] for line in stage(image) if line.startswith("USER")]
    assert users
    assert set(users) == {"65532:65532"}


@pytest.mark.parametrize("image", ALL)
def test_an_image_starts_a_program_and_no_shell(image):
    commands = [line for line in stage(image) if line.startswith(("CMD", "ENTRYPOINT"))]
    assert len(commands) == 1
    assert json.loads(commands[0].removeprefix("CMD "))[0] in {"python", "envoy", "tritonserver"}


@pytest.mark.parametrize("image", ALL)
def test_an_image_says_what_it_is(image):
    labels = " ".join(line for line in stage(image) if line.startswith("LABEL"))
    assert all(f"org.opencontainers.image.{name}=" in labels for name in ("title", "version", "licenses"))


@pytest.mark.parametrize("image", ["training-cpu", "training-gpu"])
def test_an_image_that_learns_carries_no_other_service(image):
    assert folders(image) & set(SERVICES) == {"training"}


@pytest.mark.parametrize("image", ["postgres", "triton-test"])
def test_what_is_not_for_production_says_so(image):
    assert "not for production" in " ".join(stage(image))


def test_base_image_is_a_full_name_with_a_version():
    assert "ARG BASE_IMAGE=docker.io/library/python:3.11-slim-bookworm" in LINES
    assert {line.split()[1] for line in LINES if line.startswith("FROM")} <= {"${BASE_IMAGE}", *stages()}


def test_nothing_is_fetched_from_an_address():
    assert not re.search(r"https?://|curl|wget|ADD ", DOCKERFILE)
    assert "latest" not in DOCKERFILE
    install = (IMAGES / "install.py").read_text()
    assert all(option in install for option in ("--no-index", "--require-hashes", "--no-deps"))


def test_the_context_holds_only_what_is_copied():
    ignored = (ROOT / ".dockerignore").read_text().split()
    kept = [line[1:] for line in ignored if line.startswith("!")]
    copied = {word for line in LINES if line.startswith("COPY") for word in line.split()[1:-1]}
    assert "*" in ignored
    assert all(any(path == keep or path.startswith(keep + "/") for keep in kept) for path in copied)


@pytest.mark.parametrize("lock", sorted(path.name for path in IMAGES.parent.glob("*.lock")))
def test_every_requirement_is_a_version_with_hashes_and_no_address(lock):
    text = (IMAGES.parent / lock).read_text()
    assert not re.search(r"://|--index|--find-links| @ ", text)
    for requirement in re.split(r"\n(?=\S)", text.strip()):
        assert re.match(r"\S+==\S+ (; .* )?\\\n +--hash=sha256:[0-9a-f]{64}", requirement), requirement[:80]


def test_an_environment_has_one_lock_and_an_image_none_of_its_own():
    assert sorted(path.stem for path in IMAGES.parent.glob("*.lock")) == [
        "bench", "browser", "decisions-data", "decisions-evidently", "decisions-nannyml", "decisions-river",
        "dev", "mlflow-client", "mlflow-client-old", "openvino", "peers-bentoml", "peers-mlflow",
        "peers-mlserver", "peers-ray", "platform", "torch", "training-gpu", "triton",
    ]  # fmt: skip
    assert list(IMAGES.glob("*.lock")) == []
    assert {path.stem for path in IMAGES.glob("*.in")} == {*ALL, "core", "sdk", "build"}


@pytest.mark.parametrize("image", sorted(ENTRIES))
def test_an_image_has_the_versions_the_tests_ran_with(image):
    here = {normal(dist.metadata["Name"]): dist.version for dist in importlib.metadata.distributions()}
    differing = {name for name, version in pinned(image) if here.get(name, version) != version}
    assert differing <= OF_ANOTHER_PYTHON


@pytest.mark.parametrize("image", sorted(ENTRIES))
def test_what_an_image_installs_lacks_nothing_that_it_needs(image):
    """The metadata of what is installed here says it again, independently of the lock."""
    have = distributions(image)
    lacking = {
        (name, need.name)
        for name in have
        for line in importlib.metadata.requires(name) or []
        if (need := Requirement(line)).marker is None
        or need.marker.evaluate(LOCKED["IMAGE_PYTHON"] | {"extra": ""})
        if normal(need.name) not in have
    }
    assert lacking == set()


@pytest.mark.parametrize("image", ["postgres", "triton-test"])
def test_test_images_have_the_laptops_versions(image):
    lock = {"postgres": "dev.lock", "triton-test": "triton.lock"}[image]
    laptop = {(item.name, item.version) for item in LOCKED["read"](IMAGES.parent / lock)}
    assert pinned(image) <= laptop


@pytest.mark.parametrize("image", ALL)
def test_an_image_is_given_all_that_its_list_refers_to(image):
    """Lists name others with -r, and locks with -c: what is not copied is not there while the image is built."""
    copied = {word for line in stage(image) if line.startswith("COPY") for word in line.split()[1:-1]}
    todo, wanted = [IMAGES / f"{image}.in"], set()
    while todo:
        file = todo.pop().resolve()
        wanted.add(str(file.relative_to(ROOT)))
        if file.suffix == ".in":
            todo += [
                file.parent / name for name in re.findall(r"^-[rc] (\S+)$", file.read_text(), re.MULTILINE)
            ]
    assert wanted <= copied


def test_a_name_that_no_lock_has_stops_the_build(tmp_path, monkeypatch):
    (tmp_path / "odd.in").write_text(f"-c {IMAGES.parent / 'platform.lock'}\nhttpx\nno-such-thing\n")
    monkeypatch.setitem(LOCKED["requirements"].__globals__, "HERE", tmp_path)
    with pytest.raises(SystemExit, match="no-such-thing"):
        LOCKED["requirements"]("odd")


def test_an_image_gets_what_its_python_needs_and_nothing_for_other_machines():
    assert "colorama" not in distributions("training-cpu")
    assert dict(pinned("monitoring"))["contourpy"] == "1.3.3"


@pytest.mark.slow
@pytest.mark.parametrize("image", sorted(ENTRIES))
def test_what_an_image_starts_can_be_imported_in_it(image):
    modules, others = reach(ENTRIES[image], (*PEOPLES, *ELSEWHERE.get(image, ())))
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    tried = subprocess.run(
        [sys.executable, "-m", "tests.chart.reach", image, ",".join(folders(image)), *sorted(modules)],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert tried.returncode == 0, tried.stderr[-3000:]
    assert others


@pytest.mark.parametrize("image", sorted(ENTRIES))
def test_late_imports_are_in_the_image_too(image):
    from importlib.metadata import packages_distributions

    owners = packages_distributions()
    have = distributions(image)
    _, others = reach(ENTRIES[image], (*PEOPLES, *ELSEWHERE.get(image, ())))
    lacking = {
        top: user
        for top, user in others.items()
        if not have & {normal(name) for name in owners.get(top, [top])}
    }
    assert lacking == {}


def test_what_runs_elsewhere_is_there():
    for image, modules in ELSEWHERE.items():
        assert image in ENTRIES
        for module, other in modules.items():
            assert module in reach([*ENTRIES[other], *JOBS] if other == "training-cpu" else ENTRIES[other])[0]


def test_only_the_runner_holds_kfp_and_only_training_on_gpus_torch():
    having = {name: {image for image in ALL if name in distributions(image)} for name in ("kfp", "torch")}
    assert having == {"kfp": {"pipeline-runner"}, "torch": {"training-gpu"}}


@pytest.mark.parametrize(
    "folder", ["core", "sdk", "stats", "replay", "registry", "serving", "monitoring", "controller", "console"]
)
def test_services_use_no_part_of_scipy_that_their_images_lack(folder):
    """Images without scikit-learn keep scipy.special alone."""
    used = {
        line.strip()
        for file in (ROOT / "services" / folder).rglob("*.py")
        for line in re.findall(r"^\s*(?:from|import) scipy.*$", file.read_text(), re.MULTILINE)
    }
    assert {
        line for line in used if not re.match(r"from scipy(\.special import| import special\b)", line)
    } == set()


LATE = {
    "monitoring": (
        "from millrace.pages import figures; print(len(figures.draw(lambda axes: axes.plot([1, 2]))))"
    ),
    "training-cpu": (
        "from millrace.pages import figures; figures.draw(lambda axes: axes.plot([1, 2]))\n"
        "import pyarrow.parquet, pyarrow.dataset, pyarrow.csv, ray, ray.util.state, ray.job_submission\n"
        "import ray.dashboard.head, ray.dashboard.agent, ray.dashboard.modules.job.job_head"
    ),
}
"""What images do with other people's packages only once they work."""


@pytest.mark.slow
@pytest.mark.parametrize("image", sorted(LATE))
def test_what_is_left_out_is_not_missed_at_work(image):
    source = f"from tests.chart.reach import pretend\npretend({image!r}, {folders(image)!r})\n{LATE[image]}"
    tried = subprocess.run(
        [sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert tried.returncode == 0, tried.stderr[-3000:]


def test_scipy_special_stands_alone():
    """What install.py leaves out is not imported by what it keeps."""
    code = runpy.run_path(str(IMAGES / "install.py"))
    left_out = [path.replace("/", ".") for path in code["FOR_LEARNING"]]
    source = (
        f"import sys\nfor name in {left_out!r}: sys.modules[name] = None\n"
        "from scipy import special\nprint(special.stdtrit(9, 0.975), special.stdtr(9, -2.2), special.ndtri(0.9))"
    )
    said = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True).stdout
    assert [round(float(number), 3) for number in said.split()] == [2.262, 0.028, 1.282]
