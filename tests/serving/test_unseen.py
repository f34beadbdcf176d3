"""A value that training never saw is answered, and told to whoever asks to be warned."""

import json

import numpy as np

from millrace_contracts.signature import Signature
from millrace_serving.predictions import unseen
from millrace_serving.predictions.rows import columns
from millrace_stats.profiles import fit_spec

from . import graphs

SPEC = fit_spec(
    {
        "distance": np.arange(500.0),
        "origin": np.array(["JFK", "EWR"] * 250, dtype=object),
        "departed": np.arange(500),
    },
    {"distance": "number", "origin": "category", "departed": "timestamp"},
)


def row(**more):
    return {"distance": 10.0, "origin": "JFK", "departed": None} | more


def told(*rows):
    signature = Signature.model_validate(graphs.SIGNATURE)
    count, warnings = unseen.warnings(columns(rows, signature), signature, SPEC)
    return count, [(item.where, item.value) for item in warnings]


def test_unseen_words_and_numbers_beyond_the_range_are_told_by_their_place():
    assert told(row(), row(origin="LGA"), row(distance=9000.0)) == (
        2,
        [("rows[2].distance", "9000.0"), ("rows[1].origin", "LGA")],
    )


def test_what_is_missing_or_known_is_no_news():
    assert told(row(), row(distance=None, origin=None), row(origin="", departed=7)) == (0, [])


def test_all_are_counted_and_the_first_twenty_told():
    count, warnings = told(*[row(origin=f"x{number}") for number in range(30)])
    assert (count, len(warnings)) == (30, 20)


def test_a_request_that_asks_is_warned_and_one_that_does_not_is_answered_alike(serving):
    name = serving.endpoint()
    assert serving.rollout(name, 31)["state"] == "promoted"
    refused = serving.predict(name, [row(origin="LGA")], warn=True)
    assert refused.status_code == 409
    assert "keeps no record of what training saw" in refused.json()["detail"]
    serving.neighbours.remember(31, json.dumps({"profile": SPEC.to_dict()}).encode())
    warned = serving.predict(name, [row(origin="LGA")], warn=True).json()
    assert (warned["unseen"], warned["warnings"][0]["where"]) == (1, "rows[0].origin")
    plain = serving.predict(name, [row(origin="LGA")]).json()
    assert (plain["unseen"], plain["warnings"]) == (None, None)
    assert plain["predictions"] == warned["predictions"]
