"""Pure configuration: what Envoy and Triton are told, without either."""

import numpy as np
import pytest

from millrace_contracts import access
from millrace_contracts.signature import Signature
from millrace_core.errors import BadInput
from millrace_serving.envoy import bootstrap, manifests
from millrace_serving.envoy import grpc as calls
from millrace_serving.envoy.listeners import LOGGED
from millrace_serving.envoy.manifests import Split, Ways, route_tables, weights
from millrace_serving.predictions import answers, rows
from millrace_serving.revisions.wire import revision_name, wire_name
from millrace_serving.triton.golden import WrongAnswer, compare
from millrace_serving.triton.manifests import arguments, config_text
from millrace_serving.triton.tensors import MISSING_TIMESTAMP, tensor

from . import graphs

WAYS = Ways(lambda _: ("127.0.0.1", 1), ("*",), 5.0)


def split(**changes):
    given = {
        "project": "default",
        "endpoint": "fraud",
        "wire": "fraud",
        "arms": (("fraud--r1", 9500), ("fraud--r2", 500)),
        "salt": "fraud/7",
    }
    return Split(**given | changes)


def infer_route(table):
    found = table["virtual_hosts"][0]["routes"]
    return next(item for item in found if item["match"].get("path", "").endswith("/infer"))


def test_the_split_pins_the_revision_salts_the_key_and_keeps_the_total():
    action = infer_route(route_tables([split()], WAYS)[0])["route"]
    clusters = action["weighted_clusters"]["clusters"]
    assert [item["name"] for item in clusters] == ["fraud--r1", "fraud--r2"]
    assert sum(item["weight"] for item in clusters) == manifests.TOTAL
    assert action["path_rewrite"] == "/v2/models/%UPSTREAM_CLUSTER%/infer"
    (policy,) = action["hash_policy"]
    assert policy["header"]["regex_rewrite"]["substitution"] == "fraud/7|\\1"
    assert "request_mirror_policies" not in action


def test_a_mirror_goes_to_the_shadow_listener_and_from_there_to_the_candidate():
    public, shadow = route_tables([split(mirror=("fraud--r3", 2.5))], WAYS)
    (copy,) = infer_route(public)["route"]["request_mirror_policies"]
    assert copy["cluster"] == "shadow-hop"
    assert copy["runtime_fraction"]["default_value"] == {"numerator": 25_000, "denominator": "MILLION"}
    (route,) = shadow["virtual_hosts"][0]["routes"]
    assert route["match"] == {"prefix": "/v2/models/fraud--"}
    assert route["route"]["cluster"] == "fraud--r3"
    assert route["metadata"] == infer_route(public)["metadata"]


def test_every_table_checks_clusters_and_tells_the_revision():
    for table in route_tables([split()], WAYS):
        assert table["validate_clusters"] is True
        assert table["request_headers_to_remove"] == [
            "accept-encoding", "grpc-accept-encoding", "authorization", "x-api-key",
        ]  # fmt: skip
        (told,) = table["response_headers_to_add"]
        assert told["header"] == {"key": "x-millrace-revision", "value": "%UPSTREAM_CLUSTER%"}


@pytest.mark.parametrize(("percent", "canary"), [(0.01, 1), (1, 100), (33.3, 3330), (100, 10_000)])
def test_weights_add_up(percent, canary):
    assert weights(percent) == (10_000 - canary, canary)


def test_names_on_the_wire_cannot_collide_between_projects():
    assert wire_name("default", "fraud") == "fraud"
    assert wire_name("team", "fraud") == "team.fraud"
    assert revision_name("team", "fraud", 3) == "team.fraud--r3"


def test_both_listeners_log_every_field_and_listen_on_loopback():
    made = bootstrap.bootstrap(bootstrap.Gateway(1, 2, 3, 4, 5, 0.1, 30, "secret"))
    for name, listener in zip(("inference", "shadow"), made["static_resources"]["listeners"], strict=True):
        assert listener["address"]["socket_address"]["address"] == "127.0.0.1"
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        log = manager["access_log"][0]["typed_config"]
        fields = dict(zip(access.FIELDS, log["body"]["string_value"].split(access.END), strict=True))
        assert fields == LOGGED | {"listener": name}
        assert log["common_config"]["buffer_flush_interval"] == "0.1s"
        assert manager["rds"]["config_source"]["initial_fetch_timeout"] == "0s"


def test_tritons_configuration_has_one_input_a_column_and_survives_odd_names():
    signature = graphs.SIGNATURE | {
        "inputs": [{"name": 'a "b"\\c', "datatype": "FP32", "column": "x", "kind": "number"}]
    }
    text = config_text("fraud--r1", Signature.model_validate(signature), "sha256:0", 64, 2)
    assert 'name: "a \\"b\\"\\\\c" data_type: TYPE_FP32 dims: [ 1 ]' in text
    assert "max_batch_size: 64" in text
    assert "count: 2" in text
    assert "dynamic_batching { }" in text, "a queue policy makes requests wait for half a second"
    assert "model_warmup" in text


def test_triton_is_told_of_vectors_and_of_texts():
    text = config_text("kinds--r1", Signature.model_validate(graphs.CLASSES_SIGNATURE), "sha256:0", 64, 1)
    assert 'name: "probabilities" data_type: TYPE_FP32 dims: [ 3 ]' in text
    assert 'name: "class" data_type: TYPE_STRING dims: [ 1 ]' in text


def test_tritons_command_line_is_closed_to_strangers(tmp_path):
    ports = {"triton_port": 1, "triton_metrics_port": 2}
    line = arguments(tmp_path, "id", tmp_path, tmp_path, tmp_path, ports, "s3cret", 4)
    assert "--http-address=127.0.0.1" in line
    assert "--allow-grpc=false" in line
    restricted = next(item for item in line if item.startswith("--http-restricted-api="))
    assert restricted.endswith(":x-mr-admin=s3cret")
    assert "model-repository" in restricted


def test_null_is_a_missing_value_of_each_kind():
    assert np.isnan(tensor([None, 1], "FP32")[0])
    assert tensor([None, "a"], "BYTES").tolist() == ["", "a"]
    assert tensor([None, "1970-01-01T00:00:10Z", "1970-01-01T00:00:10"], "INT64").tolist() == [
        MISSING_TIMESTAMP,
        10,
        10,
    ]


def test_every_wrong_value_of_many_rows_is_named():
    bad = [
        {"distance": 1, "origin": "JFK", "departed": None},
        {"distance": "x", "origin": True, "departed": 1.5},
    ]
    with pytest.raises(BadInput) as caught:
        rows.columns(bad, Signature.model_validate(graphs.SIGNATURE))
    assert [item.where for item in caught.value.errors] == [
        "rows[1].distance",
        "rows[1].origin",
        "rows[1].departed",
    ]


@pytest.mark.parametrize(
    ("answered", "words"),
    [
        ({}, "missing"),
        ({"prediction": np.float32([1])}, "1 values for 2 golden rows"),
        ({"prediction": np.float32([])}, "0 values for 2 golden rows"),
        ({"prediction": np.float32([np.inf, 1])}, "not a finite number for golden row 0"),
        ({"prediction": np.float32([1, 3])}, "is 3 for golden row 1, expected 2"),
    ],
)
def test_the_silent_errors_of_a_wrong_numpy_are_caught_by_golden_rows(answered, words):
    with pytest.raises(WrongAnswer, match=words):
        compare({"prediction": [1.0, 2.0]}, answered)


VECTORS = {"probabilities": [[0.7, 0.2, 0.1], [0.1, 0.45, 0.45]], "class": ["a", "b"]}


def test_golden_vectors_and_texts_are_compared_row_by_row():
    right = np.float32(VECTORS["probabilities"])
    compare(VECTORS, {"probabilities": right, "class": np.array(["a", "b"], dtype=object)})
    wrong = {
        "the second class": ({"class": np.array(["b", "b"], dtype=object)}, "class is 'b' for golden row 0"),
        "a swapped column": (
            {"probabilities": right[:, ::-1]},
            r"probabilities is \[0.1, 0.2, 0.7\] for golden",
        ),
        "one value a row": ({"probabilities": right[:, :1]}, "2 values for 2 golden rows of 3 values each"),
        "a row too few": ({"probabilities": right[:1]}, "3 values for 2 golden rows of 3 values each"),
        "no number": (
            {"probabilities": right * [[1, 1, 1], [1, np.nan, 1]]},
            "not a finite number for golden row 1",
        ),
        "no class": ({"class": np.array(["a"], dtype=object)}, "class has 1 values for 2 golden rows"),
    }
    for change, words in wrong.values():
        with pytest.raises(WrongAnswer, match=words):
            compare(VECTORS, {"probabilities": right, "class": np.array(["a", "b"], dtype=object)} | change)


def test_which_of_two_equally_likely_classes_is_named_does_not_matter():
    named = np.array(["a", "c"], dtype=object)
    compare(VECTORS, {"probabilities": np.float32(VECTORS["probabilities"]), "class": named})
    binary = {"probability": [0.5, 0.9], "class": ["yes", "yes"]}
    compare(binary, {"probability": np.float32([0.5, 0.9]), "class": np.array(["no", "yes"], dtype=object)})
    with pytest.raises(WrongAnswer, match="class is 'no' for golden row 1"):
        compare(
            binary, {"probability": np.float32([0.5, 0.9]), "class": np.array(["no", "no"], dtype=object)}
        )


def answered(values, **signature):
    return answers.read(values, Signature.model_validate(graphs.SIGNATURE | signature))


def test_a_number_is_told_as_a_number():
    told = answered({"prediction": np.float32([1.5, np.nan])})
    assert (told.predictions, told.classes, told.probabilities) == ([1.5, None], None, None)


def test_of_two_classes_the_number_is_the_second_ones_probability_and_the_class_is_named():
    signature = {
        "outputs": [{"name": "probability", "datatype": "FP32"}], "task": "binary", "classes": ["no", "yes"],
    }  # fmt: skip
    told = answered({"probability": np.float32([0.25, 0.75, np.nan])}, **signature)
    assert told.predictions == [0.25, 0.75, None]
    assert told.classes == ["no", "yes", None]
    assert told.probabilities == [{"no": 0.75, "yes": 0.25}, {"no": 0.25, "yes": 0.75}, None]


def test_of_many_classes_the_number_is_that_of_the_class_that_is_named():
    values = {"probabilities": np.float32([[0.5, 0.25, 0.25], [np.nan, 0, 1]])}
    told = answered(values | {"class": np.array(["a", "?"], dtype=object)}, **graphs.CLASSES_SIGNATURE)
    assert (told.predictions, told.classes) == ([0.5, None], ["a", None])
    assert told.probabilities == [{"a": 0.5, "b": 0.25, "c": 0.25}, None]


def test_a_call_goes_as_a_request_does_to_a_door_of_its_own():
    ways = Ways(WAYS.triton, ("*",), 5.0, grpc=lambda name: (f"{name}.work.svc", 8001))
    made = manifests.clusters(["fraud--r1", "fraud--r2"], ways)
    assert [item["name"] for item in made] == ["fraud--r1", "fraud--r2", "grpc:fraud--r1", "grpc:fraud--r2"]
    assert [item.get("alt_stat_name") for item in made] == [None, None, "fraud--r1", "fraud--r2"]
    assert calls.revisions(made) == {"fraud--r1", "fraud--r2"}
    public = route_tables([split(mirror=("fraud--r3", 2.5))], ways)[0]
    asked = infer_route(public)["route"]
    (call,) = [
        item["route"]
        for item in public["virtual_hosts"][0]["routes"]
        if item.get("name") and item["match"].get("path", "").endswith("/ModelInfer")
    ]
    split_as = call["weighted_clusters"]["clusters"]
    assert [(item["name"].removeprefix("grpc:"), item["weight"]) for item in split_as] == [
        (item["name"], item["weight"]) for item in asked["weighted_clusters"]["clusters"]
    ]
    for same in ("hash_policy", "retry_policy", "timeout"):
        assert call[same] == asked[same]
    assert "path_rewrite" not in call
    assert call["request_mirror_policies"][0]["cluster"] == calls.SHADOW


def test_where_no_calls_are_taken_nothing_of_them_is_published_but_the_reason():
    assert [item["name"] for item in manifests.clusters(["fraud--r1"], WAYS)] == ["fraud--r1"]
    closed = Ways(WAYS.triton, ("*",), 5.0, no_grpc="Why, and what instead.")
    table = str(route_tables([split()], closed))
    assert table.count("grpc-status") == 1
    assert "Why, and what instead." in table
    assert "GRPCInferenceService" not in table
