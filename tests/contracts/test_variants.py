"""Variants say what was measured on which kind of node, and a release holds the files of those that may be served."""

import pytest
from pydantic import TypeAdapter, ValidationError

from millrace_contracts.endpoints import EndpointRead
from millrace_contracts.models import ModelVersionWrite
from millrace_contracts.variants import ModelVariant, NodeKind, Wishes

ONE, TWO = (f"sha256:{sign * 64}" for sign in "ab")
CPUINFO = """processor\t: 0
model name\t: Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz
flags\t\t: fpu vme avx avx2 avx512f avx512_vnni amx_int8

processor\t: 1
model name\t: Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz
flags\t\t: fpu vme avx avx2 avx512f avx512_vnni amx_int8
"""
NODE = NodeKind.of_cpu(CPUINFO, "onnxruntime", "1.31.1")
MEASURED = {
    "node": NODE.model_dump(), "threads": 1, "exclusive": True,
    "base": [{"batch": 1, "p10": 0.2, "p50": 0.21, "p99": 0.4, "repeats": 5, "calls": 200, "spread": 0.05}],
    "variant": [{"batch": 1, "p10": 0.1, "p50": 0.1, "p99": 0.2, "repeats": 5, "calls": 200, "spread": 0.03}],
    "speed_up": [{"batch": 1, "ratio": 2.0, "lower": 1.9, "upper": 2.1, "p99": 2.0}],
}  # fmt: skip
QUICK = {
    "target": "ort-cpu-int8", "state": "kept", "reason": "as good, and 2.0 times faster",
    "name": "model.ort-cpu-int8.onnx", "digest": TWO, "measured": MEASURED,
}  # fmt: skip
UNIT = {
    "key": "k",
    "signature": {
        "inputs": [{"name": "x", "datatype": "FP32", "column": "x", "kind": "number"}],
        "outputs": [{"name": "prediction", "datatype": "FP32"}],
    },
    "task": "regression",
    "target": "y",
}


def release(*files, variants):
    base = {"role": "model", "name": "model.onnx", "digest": ONE}
    return ModelVersionWrite.model_validate(UNIT | {"files": [base, *files], "variants": variants})


def test_a_node_is_known_by_what_makes_it_fast():
    assert NODE.key == (
        "cpu/intel-xeon-platinum-8481c-2.70ghz/avx2+avx512f+avx512_vnni+amx_int8/onnxruntime-1.31.1"
    )
    without = NodeKind.of_cpu(CPUINFO.replace(" avx512_vnni", ""), "onnxruntime", "1.31.1")
    newer = NodeKind.of_cpu(CPUINFO, "onnxruntime", "1.32.0")
    assert len({NODE.key, without.key, newer.key}) == 3


@pytest.mark.parametrize(
    ("flags", "saturates"),
    [("avx2", True), ("avx2 avx512f", True), ("avx2 avx_vnni", False), ("avx2 avx512f avx512_vnni", False)],
)
def test_an_x86_without_vnni_is_known_to_overflow(flags, saturates):
    assert NodeKind.of_cpu(f"flags : {flags}", "onnxruntime", "1.31.1").saturates is saturates
    assert not NodeKind.of_cpu("Features : asimddp", "onnxruntime", "1.31.1").saturates


def test_an_engine_is_bound_to_its_driver():
    kinds = [
        NodeKind(device="gpu", product="H200", runtime="tensorrt", runtime_version="11.0", driver=driver)
        for driver in ("580.1", "590.2")
    ]
    assert kinds[0].key != kinds[1].key


def test_a_node_that_tells_nothing_still_has_a_key():
    assert NodeKind.of_cpu("", "onnxruntime", "1.31.1").key == "cpu/unknown/plain/onnxruntime-1.31.1"


def test_a_kept_variant_names_its_file_and_its_measurement():
    assert ModelVariant.model_validate(QUICK).measured.at(1).ratio == 2.0
    for lacking in ("name", "digest", "measured"):
        with pytest.raises(ValidationError, match="kept and"):
            ModelVariant.model_validate({**QUICK, lacking: None})


def test_a_variant_that_may_be_served_has_its_file_in_the_release():
    file = {"role": "model", "variant": "ort-cpu-int8", "name": "model.ort-cpu-int8.onnx", "digest": TWO}
    assert release(file, variants=[QUICK]).variants[0].state == "kept"
    with pytest.raises(ValidationError, match="without their file of the role model: ort-cpu-int8"):
        release(variants=[QUICK])
    assert release(variants=[{**QUICK, "state": "refused", "reason": "0.9 times as fast"}])


def test_what_is_wanted_may_be_one_word():
    wishes = TypeAdapter(Wishes)
    assert wishes.validate_python("auto") == ["auto"]
    with pytest.raises(ValidationError, match="none stands alone"):
        wishes.validate_python(["none", "ort-cpu-int8"])


def test_an_endpoint_names_the_revision_and_the_form_that_a_job_should_answer_as():
    """The one with the traffic, not the newest; what no CPU of a job runs is answered in the base form."""
    told = {"nodes": [], "reason": "Fastest", "message": "", "wants": []}
    revision = {
        "version": 1,
        "digest": "sha256:" + "0" * 64,
        "state": "ready",
        "reason": "",
        "waiting": None,
        "weight": 0,
    }
    revisions = [
        revision | {"number": number, "name": f"shop--r{number}", "form": told | {"target": target}}
        for number, target in enumerate(("ort-cpu-int8", "tensorrt-int8", "ort-cpu-fp32"), 1)
    ]
    endpoint = {
        "project": "default", "name": "shop", "model": "shop", "mode": "live", "timezone": "UTC", "url": None,
        "stable_version": 1, "event_time": None, "rollout": None, "revisions": revisions,
    }  # fmt: skip
    seen = {
        stable: (read.revision_of(1), read.variant_of(1))
        for stable in (1, 2, 3)
        for read in [EndpointRead.model_validate(endpoint | {"stable": stable})]
    }
    assert seen == {
        1: ("shop--r1", "ort-cpu-int8"),
        2: ("shop--r2", "base"),
        3: ("shop--r3", "base"),
    }
