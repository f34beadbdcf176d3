"""A form that was never measured on its nodes is asked for, measured, and rolled out of its own under the judge."""

# ruff: noqa: F811 - a fixture of another file is used by its name

import asyncio
import json

import pytest

from millrace_contracts.variants import Measurement
from millrace_serving.choice import choose
from millrace_serving.settings import ServingSettings
from millrace_serving.triton import golden, measuring
from millrace_serving.triton.measuring import Busy, NotMeasured

from . import mlp
from .test_cluster_plane import world  # noqa: F401
from .test_served_forms import ELSEWHERE, HERE, Release, digest, measured, variant

BASE = digest(mlp.fp32())
OPENVINO = HERE.model_copy(update={"runtime": "openvino", "runtime_version": "1.8.1"})


def forms(*told):
    return [Release.read(item) for item in told]


class TestChoice:
    """Pure: from what was measured where to the form that serves."""

    def test_the_fastest_form_of_this_kind_of_node_is_chosen(self):
        other = variant("openvino-cpu-int8", kind=OPENVINO, ratio=4.0)
        made = choose(BASE, forms(variant(), other), [{HERE.key, OPENVINO.key}], {})
        assert (made.target, made.reason, made.wants) == ("openvino-cpu-int8", "Fastest", ())

    def test_a_small_model_that_was_taught_is_a_form_like_any_other(self):
        taught = variant("ort-cpu-distilled", ratio=3.5)
        assert choose(BASE, forms(variant(), taught), [{HERE.key}], {}).target == "ort-cpu-distilled"
        slower = variant("ort-cpu-distilled", ratio=2.0)
        assert choose(BASE, forms(variant(), slower), [{HERE.key}], {}).target == "ort-cpu-int8"

    def test_what_no_runtime_of_the_node_runs_is_neither_chosen_nor_asked_for(self):
        others = variant("openvino-cpu-int8", kind=OPENVINO), variant("tensorrt-int8")
        made = choose(BASE, forms(*others), [{HERE.key}], {})
        assert (made.target, made.reason, made.wants) == ("ort-cpu-fp32", "OnlyForm", ())
        assert made.message == "No other form of it runs on this kind of node."

    @pytest.mark.parametrize("nodes", [[], [{ELSEWHERE.key}], [{HERE.key}, {ELSEWHERE.key}]])
    def test_nodes_that_are_not_known_or_not_all_measured_get_the_base_form_and_a_measurement_is_asked_for(
        self, nodes
    ):
        made = choose(BASE, forms(variant()), nodes, {})
        assert (made.target, made.digest, made.reason) == ("ort-cpu-fp32", BASE, "NeverMeasured")
        assert made.wants == ("ort-cpu-int8",)
        assert "never measured" in made.message

    def test_what_serving_measured_itself_counts_as_much_and_decides_on_every_kind_of_node(self):
        nodes = [{HERE.key}, {ELSEWHERE.key}]
        own = {("ort-cpu-int8", ELSEWHERE.key): Measurement.model_validate(measured(ELSEWHERE, 1.5))}
        made = choose(BASE, forms(variant()), nodes, own)
        assert (made.target, made.reason) == ("ort-cpu-int8", "Fastest")
        assert "1.5 times" in made.message
        slow = {("ort-cpu-int8", ELSEWHERE.key): Measurement.model_validate(measured(ELSEWHERE, 1.05))}
        assert choose(BASE, forms(variant()), nodes, slow).reason == "NotFaster"

    def test_a_base_form_whose_latency_was_searched_for_is_measured_where_it_serves(self):
        base = variant("ort-cpu-fp32", mlp.fp32(), name="model.onnx")
        base["measured"] |= {"variant": [], "speed_up": []}
        made = choose(BASE, forms(base), [{HERE.key}], {})
        assert (made.target, made.wants, made.latency) == ("ort-cpu-fp32", ("ort-cpu-fp32",), ())
        own = {("ort-cpu-fp32", HERE.key): Measurement.model_validate(base["measured"])}
        told = choose(BASE, forms(base), [{HERE.key}], own)
        assert (told.wants, [item.batch for item in told.latency]) == ((), [1])
        assert choose(BASE, forms(base), [], {}).wants == ()

    def test_a_refused_form_is_never_chosen_and_one_form_is_no_choice(self):
        refused = variant(state="refused", name=None)
        assert choose(BASE, forms(refused), [{HERE.key}], {}).reason == "OnlyForm"
        assert choose(BASE, [], [{HERE.key}], {}).reason == "OnlyForm"


def on_node(world, key):
    """Every pod says that its node is of this kind."""
    born = world.cluster.born
    said = json.dumps({"nodes": [key]})
    done = {"name": "fetch", "state": {"terminated": {"exitCode": 0, "message": said}}}

    def told(pod):
        born(pod)
        pod["status"]["initContainerStatuses"] = [done]

    world.cluster.born = told


async def roll_out(world, number, *variants, plan=None):
    await world.client.put("/v1/endpoints/flights", json={"model": "air-time"})
    release = Release(world, number, *variants)
    answer = await world.client.post("/v1/endpoints/flights/rollouts", json=release.body(plan))
    assert answer.status_code in (200, 201), answer.text
    path = f"/v1/endpoints/flights/rollouts/{answer.json()['id']}"
    return (await world.client.get(path, params={"wait": 30})).json()


async def until(world, seen):
    """The endpoint once *seen* says so."""
    async with asyncio.timeout(20):
        while True:
            told = (await world.client.get("/v1/endpoints/flights")).json()
            if seen(told):
                return told
            await asyncio.sleep(0.05)


EITHER = variant(golden=mlp.golden(mlp.fp32())["outputs"])
"""The fakes of pods answer one thing whatever they are made for."""


async def test_pods_tell_their_nodes_and_the_form_that_was_measured_there_is_rolled_out_of_its_own(world):
    on_node(world, HERE.key)
    world.triton.outputs = mlp.golden(mlp.fp32())["outputs"]
    assert (await roll_out(world, 1, EITHER))["state"] == "promoted"
    told = await until(
        world, lambda seen: seen["rollout"]["id"] == 2 and seen["rollout"]["state"] != "loading"
    )
    assert (told["rollout"]["version"], told["rollout"]["state"]) == (1, "mirroring")
    first, second = told["revisions"]
    assert (first["form"]["target"], second["form"]["target"]) == ("ort-cpu-fp32", "ort-cpu-int8")
    for day in (2, 6, 10):  # a step that no request reached is three times as long
        moment = {"event_time": f"2013-03-{day:02}T00:00:00Z"}
        await world.client.post("/v1/endpoints/flights:advance", json=moment)
    told = await until(world, lambda seen: seen["stable"] == 2)
    assert told["rollout"]["state"] == "promoted"
    body = {"reason": "by hand", "key": "back"}
    answer = (await world.client.post("/v1/endpoints/flights:rollback", json=body)).json()
    assert (answer["stable"], answer["stable_version"]) == (1, 1)
    back = [d for d in world.neighbours.decisions if d["kind"] == "rollback"]
    while not back:
        await asyncio.sleep(0.05)
        back = [d for d in world.neighbours.decisions if d["kind"] == "rollback"]
    assert "from version 1 (ort-cpu-int8) back to version 1 (ort-cpu-fp32)" in back[0]["reason"]
    await asyncio.sleep(0.3)
    assert (await until(world, lambda seen: True))["stable"] == 1, "what was taken back came again by itself"


async def test_a_new_version_goes_before_another_form_of_the_old_one(world):
    on_node(world, HERE.key)
    world.triton.outputs = mlp.golden(mlp.fp32())["outputs"]
    await roll_out(world, 1, EITHER)
    await until(world, lambda seen: seen["rollout"]["id"] == 2 and seen["rollout"]["state"] == "mirroring")
    assert (await roll_out(world, 2))["state"] == "promoted"
    aborted = (await world.client.get("/v1/endpoints/flights/rollouts/2")).json()
    assert aborted["reason"] == "It gives way to version 2."


async def test_a_kind_of_node_that_nobody_measured_is_told_on_the_revision(world):
    on_node(world, "cpu/unheard-of/plain/onnxruntime-1")
    world.triton.outputs = mlp.golden(mlp.fp32())["outputs"]
    await roll_out(world, 1, EITHER)
    told = await until(world, lambda seen: seen["revisions"][0]["form"]["nodes"])
    form = told["revisions"][0]["form"]
    assert (form["reason"], form["wants"], form["nodes"]) == (
        "NeverMeasured",
        ["ort-cpu-int8"],
        ["cpu/unheard-of/plain/onnxruntime-1"],
    )


class TestMeasuring:
    """On this machine, in Triton's own environment."""

    COLUMNS = golden.columns(mlp.golden(mlp.fp32())["inputs"], Release.signature())

    def graphs(self, target="ort-cpu-int8"):
        return {"ort-cpu-fp32": mlp.fp32(), target: mlp.int8()}

    @pytest.mark.slow
    async def test_both_forms_are_run_in_turn_and_told_with_error_bars(self):
        environment = ServingSettings().triton_environment
        told = await measuring.measure(environment, HERE, self.graphs(), self.COLUMNS, (1, 4))
        assert [item.batch for item in told.speed_up] == [1, 4]
        assert all(item.lower <= item.ratio <= item.upper for item in told.speed_up)
        assert all(item.p10 > 0 and item.repeats == 9 for item in (*told.base, *told.variant))
        assert told.node == HERE

    @pytest.mark.slow
    async def test_a_base_form_alone_is_told_without_a_ratio(self):
        environment = ServingSettings().triton_environment
        told = await measuring.measure(environment, HERE, {"ort-cpu-fp32": mlp.fp32()}, self.COLUMNS, (1, 8))
        assert ([item.batch for item in told.base], told.variant, told.speed_up) == ([1, 8], [], [])

    async def test_what_cannot_run_here_says_why(self):
        environment = ServingSettings().triton_environment
        with pytest.raises(NotMeasured, match="OpenVINO is not installed"):
            await measuring.measure(environment, HERE, self.graphs("openvino-cpu-int8"), self.COLUMNS, (1,))

    async def test_there_is_one_measurement_at_a_time_on_a_machine(self, monkeypatch, tmp_path):
        monkeypatch.setattr(measuring.tempfile, "gettempdir", lambda: str(tmp_path))
        with measuring.slot(), pytest.raises(Busy):
            await measuring.measure(tmp_path, HERE, self.graphs(), self.COLUMNS, (1,))
