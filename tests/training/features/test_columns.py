"""Columns get safe, unique tensor names that are kept beside the names in the data."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace_contracts.signature import Signature
from millrace_training.features.columns import columns_from_signature, columns_of, is_identifier, safe_names


@given(st.lists(st.text(max_size=12), unique=True, max_size=30))
def test_tensor_names_are_safe_and_unique(names):
    made = safe_names(names)
    assert len(set(made)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) for name in made)


@pytest.mark.parametrize(
    ("names", "tensors"),
    [
        (["mean radius", "mean_radius"], ["mean_radius_2", "mean_radius"]),
        (["1st", "größe", "ok"], ["c_1st", "gr_e", "ok"]),
        (["東京", "!"], ["c", "c_2"]),
        (["prediction", "probability", "class"], ["prediction_2", "probability_2", "class_2"]),
        (["prediction_2", "prediction", "Prediction"], ["prediction_2", "prediction_3", "Prediction"]),
    ],
)
def test_a_plain_name_stays_and_others_give_way(names, tensors):
    assert safe_names(names) == tensors


def test_the_signature_leads_back_to_the_columns():
    schema = [
        {"name": name, "type": type_}
        for name, type_ in (
            ("n", "integer"),
            ("w w", "string"),
            ("b", "boolean"),
            ("t", "timestamp"),
            ("y", "number"),
        )
    ]
    columns = columns_of(schema, ["y"])
    signature = Signature.model_validate(
        {
            "inputs": [column.as_input() for column in columns],
            "outputs": [{"name": "prediction", "datatype": "FP32"}],
        }
    )
    assert [item.datatype for item in signature.inputs] == ["FP32", "BYTES", "FP32", "INT64"]
    assert columns_from_signature(signature) == columns


def test_a_text_that_names_its_rows_is_no_feature():
    assert is_identifier(words=9_000, rows=10_000)
    assert not is_identifier(words=4_000, rows=10_000)
    assert not is_identifier(words=100, rows=120)
