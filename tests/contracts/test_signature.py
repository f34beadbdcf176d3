"""A signature says what every value means, within one set of bounds, and its JSON does not say what it need not."""

import pytest
from pydantic import ValidationError

from millrace_contracts.models import Lineage
from millrace_contracts.signature import MOST_CLASSES, MOST_INPUTS, MOST_OUTPUTS, Signature

INPUT = {"name": "x", "datatype": "FP32", "column": "x", "kind": "number"}
REGRESSION = {
    "inputs": [INPUT], "outputs": [{"name": "prediction", "datatype": "FP32"}], "task": "regression",
    "target": "y",
}  # fmt: skip
MULTICLASS = {
    "inputs": [INPUT],
    "outputs": [
        {"name": "probabilities", "datatype": "FP32", "width": 3},
        {"name": "class", "datatype": "BYTES", "width": 1},
    ],
    "task": "multiclass",
    "target": "kind",
    "classes": ["a", "b", "c"],
}


@pytest.mark.parametrize("document", [REGRESSION, MULTICLASS])
def test_its_json_is_what_was_written(document):
    assert Signature.model_validate(document).model_dump(mode="json") == document


def test_an_output_without_a_width_has_one_value_a_row():
    assert Signature.model_validate(REGRESSION).outputs[0].values() == 1
    assert Signature.model_validate(MULTICLASS).output("probabilities").values() == 3


def test_what_another_version_says_besides_is_left_aside():
    assert Signature.model_validate(REGRESSION | {"colour": "red"}).model_dump(mode="json") == REGRESSION


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": [INPUT | {"name": f"x{i}"} for i in range(MOST_INPUTS + 1)]},
        {"inputs": []},
        {"inputs": [INPUT, INPUT]},
        {"outputs": [{"name": f"o{i}", "datatype": "FP32"} for i in range(MOST_OUTPUTS + 1)]},
        {"outputs": [{"name": "p", "datatype": "FP32", "width": MOST_CLASSES + 1}]},
        {"classes": ["one"]},
        {"classes": list(range(MOST_CLASSES + 1))},
        {"classes": ["0", True]},
        {"classes": [1, 1.0]},
        {"classes": [0, 2**64]},
        {"classes": [0.0, float("nan")]},
        {"task": "clairvoyance"},
    ],
)
def test_what_is_out_of_bounds_is_refused(change):
    with pytest.raises(ValidationError):
        Signature.model_validate(REGRESSION | change)


def test_the_instants_of_a_lineage_are_told_as_decisions_write_them():
    told = Lineage(trained_through="2013-03-01T00:00:00+00:00").model_dump(mode="json")
    assert told["trained_through"] == "2013-03-01T00:00:00+00:00"


@pytest.mark.parametrize("classes", [[False, True], [1, 2, 10], [1, 2.5], ["01", "1"], [-(2**63), 0]])
def test_classes_of_one_kind_stay_as_the_data_has_them(classes):
    kept = Signature.model_validate(MULTICLASS | {"classes": classes}).classes
    assert [(type(item), item) for item in kept] == [(type(item), item) for item in classes]
