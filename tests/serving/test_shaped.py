"""Tensors of a shape at the doors of serving: their form in Triton, in requests, and the words for a wrong shape."""

import json

import numpy as np
import pytest

from millrace import oip
from millrace_contracts import packing as forms
from millrace_contracts.signature import Signature
from millrace_core.errors import BadInput
from millrace_serving.predictions import asking, rows, unseen
from millrace_serving.predictions.packing import Packer
from millrace_serving.refusals import faults
from millrace_serving.rollouts.judge import same_tensors
from millrace_serving.triton import golden
from millrace_serving.triton.manifests import config_text
from millrace_stats.profiles import ProfileSpec


def signature(*shape: int) -> Signature:
    image = {
        "name": "image",
        "datatype": "FP32",
        "column": "the image",
        "kind": "tensor",
        "shape": list(shape),
    }
    age = {"name": "age", "datatype": "FP32", "column": "age", "kind": "number"}
    outputs = [{"name": "prediction", "datatype": "FP32"}]
    return Signature.model_validate({"inputs": [image, age], "outputs": outputs})


SIGNATURE = signature(2, 3)
IMAGE = [[1, 2, 3], [4, None, 6.5]]
ROWS = [{"the image": IMAGE, "age": 7}, {"the image": IMAGE, "age": None}]


def test_triton_is_told_the_shape_and_packs_the_others_alone():
    text = config_text("m", SIGNATURE, "sha256:0", 8, 1)
    assert 'name: "image" data_type: TYPE_FP32 dims: [ 2, 3 ] }' in text
    assert 'name: "age" data_type: TYPE_FP32 dims: [ 1 ] optional: true' in text
    assert 'name: "packed.FP32" data_type: TYPE_FP32 dims: [ 1 ] optional: true' in text
    assert "dims: [ 2, 3 ] zero_data: true" in text


def test_nested_lists_are_sent_beside_what_is_packed_and_mean_the_same_in_every_form():
    plain = Packer(SIGNATURE).pack(ROWS[:1])
    assert plain is not None
    slowly = rows.columns(ROWS, SIGNATURE)
    assert slowly["image"][1].shape == (2, 2, 3)
    quickly = asking.columns(plain)
    np.testing.assert_array_equal(quickly["image"][1], slowly["image"][1][:1])
    for body, headers in (asking.packed(plain), oip.pack(quickly)):
        head = json.loads(body[: int(headers[oip.HEADER_LENGTH])])
        assert [(item["name"], item["shape"]) for item in head["inputs"]] == [
            ("image", [1, 2, 3]),
            ("packed.FP32", [1, 1]),
        ]
        assert forms.names(head["parameters"]["packed.FP32"]) == ["age"]
    body, headers = oip.encode(slowly)
    head = json.loads(body[: int(headers[oip.HEADER_LENGTH])])
    assert [item["shape"] for item in head["inputs"]] == [[2, 2, 3], [2, 1]]
    assert Packer(SIGNATURE).pack([{"the image": None, "age": 1}]) is None
    assert np.isnan(rows.columns([{"the image": None, "age": 1}], SIGNATURE)["image"][1]).all()


def test_a_wrong_shape_is_told_beside_the_expected_one_at_every_entrance():
    wrong = {"the image": IMAGE[:1], "age": 7}
    assert Packer(SIGNATURE).pack([wrong]) is None
    with pytest.raises(BadInput, match=r"rows\[0\]\.the image has the shape \[1, 3\], expected \[2, 3\]"):
        rows.columns([wrong], SIGNATURE)
    with pytest.raises(ValueError, match=r"'the image' has the shape \[1, 3\], expected \[2, 3\]"):
        oip.columns_from_rows({"the image": [IMAGE[:1]], "age": [1.0]}, SIGNATURE)
    values = np.zeros((1, 1, 3), np.float32)
    for body, headers in (oip.encode({"image": ("FP32", values), "age": ("FP32", np.zeros(1, np.float32))}),):
        told = faults.of_request(body, int(headers[oip.HEADER_LENGTH]), SIGNATURE, 8)
        assert [(item.where, item.what) for item in told] == [
            ("inputs.image (column the image)", "has the shape [1, 1, 3], expected [rows, 2, 3]")
        ]
    nested = {"inputs": [
        {"name": "image", "shape": [1, 2, 3], "datatype": "FP32", "data": [IMAGE]},
        {"name": "age", "shape": [1, 1], "datatype": "FP32", "data": [1]},
    ]}  # fmt: skip
    (told,) = faults.of_request(json.dumps(nested).encode(), 0, SIGNATURE, 8)
    assert (told.where, told.what) == ("inputs.image (column the image).data[4]", "is null")


def test_a_table_of_columns_becomes_a_tensor_whatever_holds_its_cells():
    cells = np.empty(2, object)
    cells[:] = [np.array([np.array([1.0, 2, 3]), np.array([4.0, 5, 6])], object), None]
    made = oip.columns_from_rows({"the image": cells, "age": [1.0, 2.0]}, SIGNATURE)
    assert made["image"][1].shape == (2, 2, 3)
    assert np.isnan(made["image"][1][1]).all()


def test_golden_rows_hold_their_numbers_one_behind_the_other():
    made = golden.columns({"image": [[1, 2, 3, 4, None, 6], None], "age": [1, 2]}, SIGNATURE)
    assert made["image"][1].shape == (2, 2, 3)
    assert made["image"][1][0, 1, 0] == 4


def test_another_shape_is_another_signature_and_nobody_is_warned_of_single_numbers():
    assert same_tensors(SIGNATURE, signature(3, 2)) == "its signature differs in image"
    assert same_tensors(SIGNATURE, SIGNATURE) is None
    spec = ProfileSpec({})
    assert unseen.warnings(rows.columns(ROWS, SIGNATURE), SIGNATURE, spec) == (0, [])
