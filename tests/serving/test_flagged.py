"""Answers below a loop's confidence are flagged for people, and left out where the loop says so."""

import numpy as np
import pytest

from millrace_contracts.reviews import ReviewSpec
from millrace_contracts.signature import Signature
from millrace_serving.envoy.manifests import route_tables
from millrace_serving.predictions import answers

from .test_manifests import WAYS, infer_route, split

INPUTS = [{"name": "x", "datatype": "FP32", "column": "x", "kind": "number"}]
THREE = {"inputs": INPUTS, "outputs": [{"name": "probabilities", "datatype": "FP32", "width": 3}], "task": "multiclass",
         "target": "kind", "classes": ["iris", "rose", "tulip"]}  # fmt: skip
TWO = THREE | {
    "outputs": [{"name": "probability", "datatype": "FP32"}],
    "task": "binary",
    "classes": ["no", "yes"],
}
NUMBER = {
    "inputs": INPUTS,
    "outputs": [{"name": "prediction", "datatype": "FP32"}],
    "task": "regression",
    "target": "y",
}


def read(signature, values, **review):
    made = Signature.model_validate(signature)
    given = {made.outputs[0].name: np.array(values, np.float32)}
    return answers.read(given, made, ReviewSpec(**review) if review else None)


def test_what_is_less_probable_than_the_threshold_needs_review_and_is_answered_all_the_same():
    told = read(THREE, [[0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [np.nan, 0, 0]], below=0.6)
    assert told.needs_review == [True, False, True]
    assert told.classes == ["iris", "tulip", None]
    assert told.withheld == 0


def test_of_two_classes_either_may_be_the_sure_one():
    told = read(TWO, [0.1, 0.45, 0.61], below=0.6)
    assert told.needs_review == [False, True, False]


def test_a_withheld_answer_says_nothing_but_that_it_needs_review():
    told = read(THREE, [[0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [np.nan, 0, 0]], below=0.6, withhold=True)
    assert told.needs_review == [True, False, True]
    assert told.classes == [None, "tulip", None]
    assert (told.predictions[0], told.probabilities[0]) == (None, None)
    assert told.withheld == 1  # the last one was no answer


@pytest.mark.parametrize("review", [{}, {"sample": "1%"}])
def test_nothing_is_flagged_where_the_loop_has_no_threshold(review):
    told = read(THREE, [[0.5, 0.3, 0.2]], **review)
    assert (told.needs_review, told.classes) == (None, ["iris"])


def test_a_number_has_no_confidence():
    assert read(NUMBER, [3.0], sample="1%").needs_review is None


def test_the_gateway_tells_the_threshold_with_every_answer_and_looks_into_none():
    (told,) = infer_route(route_tables([split(below=0.6)], WAYS)[0])["response_headers_to_add"]
    assert told["header"] == {"key": "x-millrace-review-below", "value": "0.6"}
    assert "response_headers_to_add" not in infer_route(route_tables([split()], WAYS)[0])
