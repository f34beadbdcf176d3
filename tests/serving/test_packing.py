"""Rows typed at the speed of arrays mean what rows looked at one by one mean, or are left to be looked at."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.table import entrances

from millrace import oip
from millrace_contracts import packing as forms
from millrace_contracts.signature import Signature
from millrace_core.errors import BadInput
from millrace_serving.predictions import asking, rows
from millrace_serving.predictions.packing import Packer

from . import graphs

PACKER = Packer(entrances.SIGNATURE)
CELLS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.sampled_from(["", " x ", "NA", "1.5", "2024-03-01", "true", "1700000000", "\ud800", "x" * 10_001])
)
ROW = st.fixed_dictionaries(dict.fromkeys(entrances.TYPES, CELLS))


def same(one, other):
    assert list(one) == list(other)
    for name, (datatype, values) in one.items():
        assert (datatype, values.dtype) == (other[name][0], other[name][1].dtype)
        numbers = datatype.startswith("FP")
        assert np.array_equal(values, other[name][1], equal_nan=numbers), name
        zeros = values == 0
        assert not numbers or np.array_equal(np.signbit(values[zeros]), np.signbit(other[name][1][zeros]))


@settings(deadline=None, max_examples=300)
@given(st.lists(ROW, min_size=1, max_size=3))
def test_what_is_packed_is_what_the_slow_way_says_and_nothing_wrong_is(table):
    packed = PACKER.pack(table)
    try:
        slowly = rows.columns(table, entrances.SIGNATURE)
    except BadInput:
        assert packed is None
        return
    if packed is not None:
        in_order = asking.columns(packed)
        same({name: in_order[name] for name in slowly}, slowly)


@settings(deadline=None)
@given(entrances.ROWS)
def test_all_that_is_plain_is_packed(table):
    assert PACKER.pack(entrances.as_json(table)) is not None


ROWS = [{"distance": 1, "origin": "JFK", "departed": None}, {"distance": -0.0, "origin": None, "departed": 7}]


@pytest.mark.parametrize(
    "odd",
    [
        [{"distance": 1, "origin": "JFK"}],
        [ROWS[0] | {"more": 1}],
        [ROWS[0], {"distance": 1, "origin": "JFK", "arrived": None}],
        [ROWS[0] | {"distance": "1"}],
        [ROWS[0] | {"distance": float("nan")}],
        [ROWS[0] | {"distance": 1e39}],
        [ROWS[0] | {"distance": 10**400}],
        [ROWS[0] | {"distance": [1]}],
        [ROWS[0] | {"origin": 1.5}],
        [ROWS[0] | {"departed": "yesterday"}],
    ],
)
def test_what_is_not_plain_is_left_to_be_told(odd):
    assert Packer(Signature.model_validate(graphs.SIGNATURE)).pack(odd) is None


def test_both_ways_send_the_same_bytes():
    signature = Signature.model_validate(graphs.SIGNATURE)
    packed = Packer(signature).pack(ROWS)
    assert asking.packed(packed) == oip.pack(rows.columns(ROWS, signature))


def test_a_signature_that_uses_the_name_of_a_packed_tensor_has_no_packed_form():
    taken = {"name": "packed.FP32", "datatype": "FP32", "column": "x", "kind": "number"}
    signature = Signature.model_validate(graphs.SIGNATURE | {"inputs": [taken]})
    assert forms.groups(signature) == {}
    assert not Packer(signature).packs
