"""TensorRT engines: waited for, given up, and never taken for another's. No engine was ever built here."""

# ruff: noqa: F811 - a fixture of another file is used by its name

import json
from dataclasses import replace

import pytest

from millrace_contracts.signature import Signature
from millrace_serving.settings import Engines
from millrace_serving.triton import engine
from millrace_serving.triton.engine import EngineKey, StaleEngine
from millrace_serving.triton.loading import NotYet

from . import mlp
from .test_pod_manifests import ENGINES, GPU_PLACEMENT, KEY
from .test_revisions import keep, revision, world  # noqa: F401

PLAN = b"what trtexec wrote"


@pytest.fixture
def sealed(tmp_path):
    """A volume with the engine of KEY."""
    engine.building(tmp_path, KEY).write_bytes(PLAN)
    engine.seal(tmp_path, KEY)
    return tmp_path


def test_a_sealed_engine_is_taken_by_who_needs_just_that_one(sealed, tmp_path):
    engine.take(sealed, KEY, tmp_path / "model.plan")
    assert (tmp_path / "model.plan").read_bytes() == PLAN


@pytest.mark.parametrize("field", ["gpu", "driver", "tensorrt", "digest"])
def test_an_engine_under_a_forged_name_is_refused_by_its_seal(sealed, field):
    wanted = KEY.model_copy(update={field: "another"})
    with pytest.raises(StaleEngine, match="there is no sealed engine"):
        engine.take(sealed, wanted, sealed / "model.plan")
    for suffix in ("plan", "json"):
        (sealed / f"{KEY.text}.{suffix}").rename(sealed / f"{wanted.text}.{suffix}")
    with pytest.raises(StaleEngine, match=f"is for {field} {getattr(KEY, field)}"):
        engine.take(sealed, wanted, sealed / "model.plan")
    assert not (sealed / "model.plan").exists()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / f"{KEY.text}.plan").write_bytes(PLAN + b"!"), "was sealed as"),
        (lambda folder: (folder / f"{KEY.text}.json").write_text("{}"), "there is no sealed engine"),
        (lambda folder: (folder / f"{KEY.text}.json").unlink(), "there is no sealed engine"),
        (lambda folder: (folder / f"{KEY.text}.plan").unlink(), "there is no sealed engine"),
    ],
)
def test_an_engine_that_is_not_whole_is_refused(sealed, spoil, words):
    spoil(sealed)
    with pytest.raises(StaleEngine, match=words):
        engine.take(sealed, KEY, sealed / "model.plan")


def test_an_engine_that_is_still_built_is_not_there(tmp_path):
    engine.building(tmp_path, KEY).write_bytes(PLAN[:3])
    with pytest.raises(StaleEngine):
        engine.take(tmp_path, KEY, tmp_path / "model.plan")


def test_texts_and_wide_numbers_are_not_for_tensorrt_alone():
    assert engine.why_not(Signature.model_validate(mlp.SIGNATURE)) is None
    assert "origin" in engine.why_not(revision().signature)


def candidate(**more):
    signature = Signature.model_validate(mlp.SIGNATURE)
    item = revision(placement=GPU_PLACEMENT, target="tensorrt-int8")
    return replace(item, signature=signature, digest="sha256:" + "7" * 64, **more)


@pytest.fixture
def gpus(world):
    world.settings.triton_engines = Engines.model_validate(ENGINES)
    world.candidates = [candidate()]
    return world


def key_of(item):
    return EngineKey(gpu=KEY.gpu, driver=KEY.driver, tensorrt=KEY.tensorrt, digest=item.digest)


def job(gpus):
    """The Job of the candidate's engine."""
    return gpus.cluster.objects["Job", "work", f"engine-{key_of(candidate()).text}"]


async def load(gpus):
    """One call of load on what is stored; the words of what it waits for, empty when it is done."""
    try:
        await gpus.revisions.load(gpus.candidates[0])
    except NotYet as error:
        return str(error)
    return ""


async def test_a_candidate_waits_for_its_engine_and_then_has_pods_that_take_it(gpus):
    assert "is built by the Job engine-" in await load(gpus)
    await keep(gpus)
    assert gpus.cluster.names("Deployment") == []
    assert gpus.cluster.names("Job") == [job(gpus)["metadata"]["name"]]
    job(gpus)["status"] = {"succeeded": 1}
    for triton in gpus.tritons:
        triton.outputs = mlp.golden(mlp.fp32())["outputs"]
    gpus.candidates[0] = replace(
        gpus.candidates[0], golden=type(gpus.candidates[0].golden)(**mlp.golden(mlp.fp32()))
    )
    while await load(gpus):
        pass
    (deployment,) = [item for (kind, *_), item in gpus.cluster.objects.items() if kind == "Deployment"]
    (fetch,) = deployment["spec"]["template"]["spec"]["initContainers"]
    assert f"--engine={key_of(candidate()).model_dump_json()}" in fetch["args"]
    assert gpus.fallen == []


async def test_an_engine_that_a_measurement_asks_for_is_not_swept_away_while_it_is_built(gpus, monkeypatch):
    """No revision has that form yet: its Job would be made and deleted in turns, and the form never measured."""
    (item,), gpus.candidates = gpus.candidates, []
    building = gpus.revisions.building
    for _ in range(2):
        with pytest.raises(NotYet, match="is built by the Job engine-"):
            await building.ready(item, None, measured=True)
        await keep(gpus)
    assert gpus.cluster.names("Job") == [f"engine-{key_of(item).text}"]
    assert gpus.cluster.deleted == []
    monkeypatch.setattr("millrace_serving.cluster.building.ASKED_SECONDS", -1.0)
    await keep(gpus)
    assert gpus.cluster.names("Job") == [], "nobody asked for a while"


BAD = {
    "fails": (
        lambda job: job.update(
            status={
                "conditions": [
                    {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "no"}
                ]
            }
        ),
        "BackoffLimitExceeded",
    ),
    "takes too long": (
        lambda job: job["metadata"].update(creationTimestamp="2020-01-01T00:00:00Z"),
        "was not built by the Job",
    ),
}


@pytest.mark.parametrize("case", BAD)
async def test_an_engine_that_fails_or_takes_too_long_gives_way_to_onnxruntime(gpus, case):
    spoil, words = BAD[case]
    await load(gpus)
    spoil(job(gpus))
    assert "the base form is loaded" in await load(gpus)
    ((target, why),) = gpus.fallen
    assert target == "tensorrt-int8"
    assert words in why
    assert gpus.candidates[0].target == "ort-cpu-fp32"
    await keep(gpus)
    assert gpus.cluster.names("Job") == []
    (deployment,) = [item for (kind, *_), item in gpus.cluster.objects.items() if kind == "Deployment"]
    (fetch,) = deployment["spec"]["template"]["spec"]["initContainers"]
    assert "--target=ort-cpu-fp32" in fetch["args"]


async def test_another_driver_is_another_engine_whatever_was_built_before(gpus):
    await load(gpus)
    job(gpus)["status"] = {"succeeded": 1}
    before = gpus.cluster.names("Job")
    gpus.settings.triton_engines = Engines.model_validate(ENGINES | {"driver": "999.1"})
    assert "is built by the Job" in await load(gpus)
    await keep(gpus)
    assert gpus.cluster.names("Job") != before
    assert gpus.cluster.names("Deployment") == []


async def test_without_a_gpu_or_a_place_for_engines_the_base_form_serves(gpus):
    gpus.settings.triton_engines = None
    await load(gpus)
    assert "triton.engines" in gpus.fallen[0][1]
    gpus.candidates[0] = replace(candidate(), placement=revision().placement)
    gpus.settings.triton_engines = Engines.model_validate(ENGINES)
    await load(gpus)
    assert gpus.fallen[1][1] == "its pods ask for no GPU"


async def test_pods_that_took_a_stale_engine_give_way_to_the_base_form_without_being_ended_first(gpus):
    item = candidate(standby=False)
    gpus.candidates, gpus.wanted = [], [item]
    said = "the engine 12 is for driver 1"
    ended = {"name": "fetch", "state": {"terminated": {"exitCode": 3, "message": said}}, "restartCount": 0}
    gpus.cluster.born = lambda pod: pod["status"].update(phase="Pending", initContainerStatuses=[ended])
    await keep(gpus)
    assert said in gpus.fallen[0][1]
    assert gpus.cluster.deleted == []
    assert gpus.wanted[0].target == "ort-cpu-fp32"


async def test_a_pod_tells_the_kinds_of_its_node(world):
    done = {
        "name": "fetch",
        "state": {"terminated": {"exitCode": 0, "message": json.dumps({"nodes": ["a", "b"]})}},
    }
    born = world.cluster.born

    def told(pod):
        born(pod)
        pod["status"]["initContainerStatuses"] = [done]

    world.cluster.born, world.wanted = told, [revision(1)]
    await keep(world)
    assert world.revisions.nodes["flights--r1"] == {frozenset({"a", "b"})}
