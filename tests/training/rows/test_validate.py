"""A version that cannot be trained on is stopped with the reason; so is a leak, by its name."""

import numpy as np
import pyarrow as pa
import pytest
from tables import sales, to_csv

from millrace_contracts.learning import TrainSpec
from millrace_contracts.rows import InferSpec, IngestSpec, ValidateSpec
from millrace_training.automl.table import load
from millrace_training.rows import infer, ingest, precision, validate
from millrace_training.rows.records import Records
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
    digest = client.registry.put_artifact(
        to_csv(pa.table({"x": [place % 9 for place in range(100)], "y": target}))
    )
    found = done(infer, InferSpec, {"digest": digest, "format": "csv", "target": "y"}, context())
    assert (found["task_guess"], bool(found["warnings"])) == (guess, warned)


def noted(table: pa.Table, task: str = "regression", **more) -> dict[str, list]:
    """The notes on a table, by what was looked at; nothing must have failed."""
    asked = ValidateSpec(dataset="d", dataset_version=1, task=task, target="y", **more)
    lines = validate.check(table, asked, set())
    assert [line for line in lines if line.verdict == "failed"] == []
    names = {line.check for line in lines if line.verdict == "noted"}
    return {name: [line for line in lines if line.check == name] for name in names}


MAILS = [f"someone.{place}@example.org" if place % 2 else None for place in range(300)]


def test_personal_data_is_named_and_left_out_unless_it_is_kept():
    rows = table(RANDOM.normal(size=300), contact=MAILS)
    (line,) = noted(rows)["personal data"]
    assert (line.column, "it is left out" in line.observed) == ("contact", True)
    assert "data.keepPersonal" in line.mend
    assert "someone" not in line.observed
    (kept,) = noted(rows, keep_personal=["contact"])["personal data"]
    assert "it is used, as data.keepPersonal says" in kept.observed
    assert noted(rows, exclude=["contact"]) == {}
    alone = rows.drop_columns(["x"])
    assert checked(alone, "regression")["features"].observed == "no column is left"


def test_proxies_of_a_protected_column_are_named_with_their_strength():
    sex = RANDOM.choice(["f", "m"], 1000)
    rows = pa.table(
        {
            "y": RANDOM.normal(size=1000),
            "sex": sex,
            "title": np.where(RANDOM.random(1000) < 0.7, np.where(sex == "f", "Ms", "Mr"), "Dr"),
            "height": np.where(sex == "f", 166, 179) + RANDOM.normal(0, 7, 1000),
            "maternity": pa.array([1 if one == "f" and RANDOM.random() < 0.5 else None for one in sex]),
            "shoes": RANDOM.normal(size=1000),
            "word": RANDOM.choice(["a", "b", "c"], 1000),
        }
    )
    lines = noted(rows, protected=["sex"])["proxy"]
    assert [line.column for line in lines] == ["title", "height", "maternity"]
    assert "'title' stands in for the protected 'sex', strength 0.9" in lines[0].observed
    assert noted(rows.drop_columns(["title", "height", "maternity"]), protected=["sex"]) == {}
    assert "'race'" in checked(rows, "regression", protected=["race"])["columns"].observed


def test_proxies_of_an_age_and_of_many_groups_are_named():
    age, group = RANDOM.uniform(18, 80, 1000), RANDOM.choice(list("abcde"), 1000)
    rows = pa.table(
        {
            "y": RANDOM.normal(size=1000),
            "age": age,
            "group": group,
            "years_in_work": (age - 18) * RANDOM.uniform(0.6, 1, 1000),
            "town": [f"{one}{RANDOM.integers(3)}" if one < "c" else "elsewhere" for one in group],
            "noise": RANDOM.normal(size=1000),
        }
    )
    lines = noted(rows, protected=["age", "group"])["proxy"]
    assert {line.column for line in lines} == {"years_in_work", "town"}


def test_a_class_that_nearly_all_rows_have_is_named_with_the_remedy():
    (line,) = noted(table(["no"] * 285 + ["yes"] * 15), task="binary")["imbalance"]
    assert "95.0% of the rows are 'no'" in line.observed
    assert "AUC, not by accuracy" in line.mend
    assert noted(table(["no"] * 200 + ["yes"] * 100), task="binary") == {}


HOURS = pa.array(np.arange(2400) * 3_600_000_000, pa.timestamp("us", "UTC"))


@pytest.mark.parametrize(("first", "last", "mend"), [(0, 1500, "Lengthen"), (2000, 2400, "Shorten")])
def test_a_holdout_of_one_class_is_refused_with_the_remedy(first, last, mend):
    y = np.zeros(2400, int)
    y[first : last : (last - first) // 14] = 1
    rows = table(y, at=HOURS)
    asked = {"event_time": "at", "timezone": "Europe/Berlin"}
    found = checked(rows, "binary", holdout_days=28, **asked)
    assert "all with the target '0': no model can be judged" in found["holdout"].observed
    assert found["holdout"].mend.startswith(f"{mend} training.holdout")
    assert checked(rows, "binary", holdout_days=60 if first == 0 else 14, **asked) == {}


def test_rows_after_the_cut_are_not_part_of_the_holdout():
    y = np.zeros(2400, int)
    y[::100] = 1
    y[1700:] = 0
    asked = {"event_time": "at", "holdout_days": 28}
    assert "holdout" in checked(table(y, at=HOURS), "binary", **asked)
    assert checked(table(y, at=HOURS), "binary", cut="1970-03-10T00:00:00Z", **asked) == {}


def test_a_strong_feature_is_named_and_refuses_nothing():
    y = RANDOM.normal(100, 30, 500)
    found = noted(table(y, cheap=y < 110))["strong feature"]
    assert (found[0].column, "trusted: true" in found[0].mend) == ("cheap", True)


def test_training_leaves_out_the_personal_data_that_validation_named(client, context):
    digest = client.registry.put_artifact(to_csv(table(RANDOM.normal(size=300), contact=MAILS)))
    source = {"kind": "artifact", "digest": digest, "name": "s.csv", "format": "csv"}
    done(ingest, IngestSpec, {"dataset": "people", "source": source, "target": "y"}, context())
    spec = {"dataset": "people", "dataset_version": 1, "task": "regression", "target": "y"}
    assert "'contact' holds e-mail addresses" in done(validate, ValidateSpec, spec, context())["reason"]

    def features(**more):
        rows = load(Records(context()), TrainSpec.model_validate(spec | more))
        return [column.name for column in rows.frame.columns], rows.left_out

    assert features() == (["x"], ["contact"])
    assert features(keep_personal=["contact"]) == (["x", "contact"], [])
    assert features(exclude=["contact"]) == (["x"], [])


def test_a_column_that_needs_more_digits_than_a_model_keeps_is_named():
    columns = {
        "serial": [2**60 + number for number in range(100)],
        "centred": [1_700_000_000 + number for number in range(100)],
        "plain": range(100),
    }
    named = precision.check(pa.table(columns), list(columns))
    assert [(check.column, check.verdict) for check in named] == [("serial", "noted")]
    assert "Subtract an offset like 1152921504606846900" in named[0].mend
