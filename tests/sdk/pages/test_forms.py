"""The picture of a version's forms: loss against latency with bounds, and what refused a form beside it."""

import pytest

from millrace.pages import forms
from millrace_contracts.variants import ModelVariant, NodeKind

NODE = NodeKind(device="cpu", product="any", runtime="onnxruntime", runtime_version="1")
DIGEST = "sha256:" + "0" * 64
BASE = ModelVariant(
    target="ort-cpu-fp32", state="kept", reason="as exported", name="m", digest=DIGEST, loss=0.5
)


def measured(ratio, low, high):
    latency = {"batch": 1, "p50": 0.3, "p99": 0.4, "repeats": 9, "calls": 100}
    return {
        "node": NODE, "threads": 1, "exclusive": True,
        "base": [latency | {"p10": 0.2, "spread": 0.1}],
        "variant": [latency | {"p10": 0.2 / ratio, "spread": 0.1}],
        "speed_up": [{"batch": 1, "ratio": ratio, "lower": low, "upper": high, "p99": ratio}],
    }  # fmt: skip


def form(state="kept", verdict="passed", difference=-0.02, speed=(2.0, 1.6, 2.5), **more):
    told = {
        "target": "ort-cpu-distilled", "state": state, "reason": "so it is; or not", "name": "d", "digest": DIGEST,
        "loss": 0.5 * (1 + difference), "measured": measured(*speed),
        "difference": {
            "verdict": verdict, "difference": difference, "lower": difference - 0.01, "upper": difference + 0.01,
            "margin": 0.02, "blocks": 20, "rows": 900, "reason": "",
        },
    }  # fmt: skip
    return ModelVariant.model_validate(told | more)


def test_a_point_has_the_bounds_of_what_was_measured():
    base, one = forms.points([BASE, form()])
    assert base.ms == pytest.approx((0.2, 0.19, 0.21))
    assert base.loss == (0.5, 0.5, 0.5)
    assert one.ms == pytest.approx((0.1, 0.08, 0.125))
    assert one.loss == pytest.approx((0.49, 0.485, 0.495))
    assert one.words == ""


@pytest.mark.parametrize(("refused", "words"), [
    ({"verdict": "failed", "difference": 0.091}, "loss +9.1%, up to +10.1%"),
    ({"speed": (0.9, 0.85, 0.95)}, "0.90 times as fast with 1 row, at least 0.85"),
    ({}, "so it is"),
])  # fmt: skip
def test_what_refused_a_form_stands_beside_it_with_its_number(refused, words):
    assert forms.points([BASE, form(state="refused", **refused)])[1].words == words


def test_a_slice_that_refused_a_form_is_named():
    worse = form().difference.model_dump() | {"verdict": "failed", "column": "shop", "value": "S1"}
    assert forms.points([BASE, form(state="refused", slices=[worse])])[1].words == "shop S1: failed"


def test_the_picture_tells_kept_from_refused_and_draws_the_same_bytes():
    told = [BASE, form(), form(state="refused", target="ort-cpu-int8", speed=(0.9, 0.85, 0.95))]
    drawn = str(forms.picture(told))
    assert drawn.startswith("<svg")
    assert drawn == str(forms.picture(told))
    assert len(forms.points(told)) == 3
    assert drawn != str(forms.picture([BASE, form(), form(target="ort-cpu-int8", speed=(0.9, 0.85, 0.95))]))


def test_what_was_never_measured_is_not_drawn():
    assert forms.picture([BASE, form(state="unmeasured", measured=None)]) is None
