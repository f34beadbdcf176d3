"""A version that cannot be trained on is stopped with the reason; so is a leak, by its name."""

import numpy as np
import pyarrow as pa
import pytest
from tables import sales, to_csv

from millrace_contracts.rows import InferSpec, IngestSpec, ValidateSpec
from millrace_training.rows import infer, ingest, validate
from millrace_training.runtime.errors import JobError

RANDOM = np.random.default_rng(0)


def done(kind, schema, spec: dict, context) -> dict:
    """The result of a job as JSON."""
    return kind.run(schema.model_validate(spec), context).model_dump(mode="json", by_alias=True)


def checked(table: pa.Table, task: str, target: str = "y", trusted=frozenset(), **more) -> dict:
    asked = ValidateSpec(dataset="d", dataset_version=1, task=task, target=target, **more)
    return {
        item.check: item for item in validate.check(table, asked, set(trusted)) if item.verdict == "failed"
    }


def table(y, **more) -> pa.Table:
    return pa.table({"x": RANDOM.normal(size=len(y)), "y": y} | more)


@pytest.mark.parametrize(
    ("y", "task", "check", "words"),
    [
        ([1.0] * 100, "regression", "classes", "every row has 1.0"),
        (["a"] * 100, "binary", "classes", "every row has 'a'"),
        (["a", "b", "c", "d"] * 25, "binary", "classes", "4 values"),
        (["a", "b"] * 50, "regression", "target", "type string"),
        ([1.0, 2.0] * 10, "regression", "volume", "20 rows"),
        ([1.0, None] * 50, "regression", "target", "50 rows lack the target"),
        (["a"] * 95 + ["b"] * 5, "binary", "classes", "5 rows of 'b'"),
        (["a"] * 100, "multiclass", "classes", "every row has 'a'"),
        (["a", "b"] * 50, "multiclass", "classes", "2 values"),
        ([f"c{place}" for place in range(1001)] * 2, "multiclass", "classes", "1,001 values"),
        (
            ["a"] * 95 + ["b"] * 5 + ["c"] * 3,
            "multiclass",
            "classes",
            "2 of 3 classes are rare: 3 rows of 'c'",
        ),
    ],
)
def test_a_target_that_cannot_be_learnt_is_refused(y, task, check, words):
    found = checked(table(y), task)
    assert words in found[check].observed
    assert found[check].mend


@pytest.mark.parametrize(
    ("y", "task", "remedy"),
    [
        (["a", "b", "c", "d"] * 25, "binary", "Choose task: multiclass, or"),
        ([0, 1, 2, 3] * 25, "binary", "Choose task: multiclass, or task: regression"),
        (["a", "b"] * 50, "multiclass", "Choose task: binary."),
        ([f"c{place}" for place in range(1001)] * 2, "multiclass", "under one name"),
    ],
)
def test_a_refusal_of_classes_says_what_to_do(y, task, remedy):
    assert remedy in checked(table(y), task)["classes"].mend


@pytest.mark.parametrize(
    "y", [["a", "b", "c"] * 50, [1, 2, 3] * 50, [0.5, 1.5, 2.5] * 50, ["true", "false", "unknown"] * 50]
)
def test_classes_of_every_kind_can_be_learnt(y):
    assert checked(table(y), "multiclass") == {}


def test_rare_classes_are_named_and_what_becomes_of_them():
    y = ["common", "usual"] * 100 + ["odd"] * 3 + ["odder"]
    asked = ValidateSpec(dataset="d", dataset_version=1, task="multiclass", target="y")
    found = {item.check: item for item in validate.check(table(y), asked, set())}
    note = found["rare classes"]
    assert (note.verdict, note.rows) == ("noted", 4)
    assert "2 of 4 classes have fewer than 10 rows: 1 row of 'odder', 3 rows of 'odd'" in note.observed
    assert "stay among the classes" in note.mend
    assert found["classes"].verdict == "passed"


def test_a_copy_of_the_class_is_named():
    y = list("abcde") * 60
    found = checked(
        table(y, code=[{"a": 9, "b": 2, "c": 7, "d": 1, "e": 4}[kind] for kind in y]), "multiclass"
    )
    assert found["leakage"].column == "code"


def test_a_leak_is_named_unless_it_is_excluded_or_trusted():
    y = RANDOM.normal(size=300)
    leaky = table(y, paid=y * 1.19)
    found = checked(leaky, "regression")
    assert found["leakage"].column == "paid"
    assert "'paid' gives the target away" in found["leakage"].observed
    assert checked(leaky, "regression", exclude=["paid"]) == {}
    assert checked(leaky, "regression", trusted={"paid"}) == {}


def test_a_column_that_is_not_there_is_named():
    assert "'z'" in checked(table([1.0, 2.0] * 50), "regression", target="z")["columns"].observed
    assert "features" in checked(table([1.0, 2.0] * 50), "regression", exclude=["x"])


def test_a_dataset_version_is_validated_with_the_trust_its_contract_declares(client, context):
    data = sales()
    data = data.append_column("copy", pa.array(np.asarray(data["revenue"]) * 2))
    digest = client.registry.put_artifact(to_csv(data))
    guessed = done(
        infer,
        InferSpec,
        {"digest": digest, "format": "csv", "target": "revenue", "event_time": "sold_at"},
        context(),
    )
    assert (guessed["task_guess"], guessed["rows"]) == ("regression", 400)
    source = {"kind": "artifact", "digest": digest, "name": "s.csv", "format": "csv"}
    roles = {"target": "revenue", "event_time": "sold_at"}
    done(ingest, IngestSpec, {"dataset": "sales", "source": source} | roles, context())
    spec = {"dataset": "sales", "dataset_version": 1, "task": "regression"} | roles
    refused = done(validate, ValidateSpec, spec, context())
    assert (refused["accepted"], refused["failed"]) == (False, [{"check": "leakage", "column": "copy"}])
    assert done(validate, ValidateSpec, spec | {"exclude": ["copy"]}, context())["accepted"]
    contract = guessed["contract"]
    next(column for column in contract["columns"] if column["name"] == "copy")["trusted"] = True
    done(
        ingest, IngestSpec, {"dataset": "trusting", "source": source, "contract": contract} | roles, context()
    )
    assert done(validate, ValidateSpec, spec | {"dataset": "trusting"}, context())["accepted"]


def test_a_version_with_rare_classes_is_accepted_and_says_so(client, context):
    y = ["common", "usual"] * 100 + ["odd"] * 3
    digest = client.registry.put_artifact(to_csv(table(y)))
    source = {"kind": "artifact", "digest": digest, "name": "s.csv", "format": "csv"}
    done(ingest, IngestSpec, {"dataset": "kinds", "source": source, "target": "y"}, context())
    spec = {"dataset": "kinds", "dataset_version": 1, "task": "multiclass", "target": "y"}
    result = done(validate, ValidateSpec, spec, context())
    assert (result["accepted"], result["failed"]) == (True, [])
    assert "3 rows of 'odd'. They stay among the classes" in result["reason"]


def test_a_sample_that_cannot_be_read_fails_the_job_with_the_reason(client, context):
    digest = client.registry.put_artifact(b"a,a\n1,2\n")
    with pytest.raises(JobError) as caught:
        done(infer, InferSpec, {"digest": digest, "format": "csv"}, context())
    assert "same name: 'a'" in caught.value.problem().detail


@pytest.mark.parametrize(
    ("target", "guess", "warned"),
    [
        (["a", "b"] * 50, "binary", False),
        ([0, 1] * 50, "binary", False),
        (["a", "b", "c", "d"] * 25, "multiclass", False),
    ],
)
def test_the_task_is_guessed_from_the_target(client, context, target, guess, warned):
    digest = client.registry.put_artifact(to_csv(pa.table({"x": range(100), "y": target})))
    found = done(infer, InferSpec, {"digest": digest, "format": "csv", "target": "y"}, context())
    assert (found["task_guess"], bool(found["warnings"])) == (guess, warned)
