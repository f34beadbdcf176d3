"""Batch predictions: every row answered by the version's graph, resumable part by part, the same bytes each time."""

import csv
import io

import numpy as np
import onnx
import orjson
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet
import pytest
from tests.training.scoring.examples import SHOPS, Registry, table

from millrace_training.runtime.errors import Cancelled, JobError
from millrace_training.scoring import sources


def as_parquet(rows, groups=100):
    sink = io.BytesIO()
    parquet.write_table(rows, sink, row_group_size=groups)
    return sink.getvalue()


def as_csv(rows):
    sink = io.BytesIO()
    arrow_csv.write_csv(rows, sink)
    return sink.getvalue()


def asked(registry, *files, **more):
    """A spec of files by name."""
    sent = [
        {"digest": registry.keep(data), "name": name, "format": name.rpartition(".")[2]}
        for name, data in files
    ]
    return {"model": "shop", "version": 3, "files": sent} | more


def rows_of(registry, result):
    data = registry.store[result.files[0].digest]
    return parquet.read_table(pa.BufferReader(data)).to_pylist()


def expected(row):
    if row["size"] is None:
        return None
    clock = int(row["sold at"].timestamp()) // 3600 % 24
    return float(
        np.float32(row["size"]) * np.float32(2)
        + np.float32(SHOPS.get(row["shop"], 0.0) + row["open"] + clock)
    )


def test_the_form_that_serves_answers_and_the_base_form_where_the_version_has_no_such(score):
    registry = Registry()
    base = registry.facts["files"]["model.onnx"]
    model = onnx.load_from_string(registry.store[base])
    model.doc_string = "another form"
    other = registry.keep(model.SerializeToString())
    registry.facts["files"] = [
        {"role": "model", "variant": "base", "name": "model.onnx", "digest": base},
        {"role": "model", "variant": "ort-cpu-int8", "name": "int8.onnx", "digest": other},
    ]
    file = ("may.parquet", as_parquet(table(3)))
    assert score(registry, asked(registry, file, variant="ort-cpu-int8"), "int8").digest == other
    assert score(registry, asked(registry, file, variant="tensorrt-int8"), "none").digest == base


def test_every_row_stands_beside_its_answer(score):
    registry, rows = Registry(), table(250)
    result = score(registry, asked(registry, ("may.parquet", as_parquet(rows)), output="parquet"))
    assert (result.rows, result.answered, result.unanswered) == (250, 214, [])
    assert result.files[0].name == "may.parquet"
    assert result.digest == registry.facts["files"]["model.onnx"]
    scored = rows_of(registry, result)
    assert [{name: row[name] for name in rows.column_names} for row in scored] == rows.to_pylist()
    for row in scored:
        wanted = expected(row)
        assert row["prediction"] == (None if wanted is None else pytest.approx(wanted, rel=1e-6))
    assert {row["version"] for row in scored} == {3}
    assert [row["index"] for row in scored] == list(range(250))
    assert len({row["request_id"] for row in scored}) == 1


def test_a_csv_and_a_parquet_file_of_the_same_rows_are_answered_alike(score):
    registry, rows = Registry(), table(250)
    one = score(registry, asked(registry, ("may.parquet", as_parquet(rows)), output="parquet"), "one")
    other = score(registry, asked(registry, ("may.csv", as_csv(rows)), output="parquet"), "other")
    answers = [[row["prediction"] for row in rows_of(registry, result)] for result in (one, other)]
    assert answers[0] == answers[1]


def test_classes_have_their_chances_and_a_clash_of_names_is_avoided(score):
    registry = Registry(chance=True)
    rows = table(20).append_column("class", pa.array(["mine"] * 20))
    result = score(registry, asked(registry, ("a.parquet", as_parquet(rows)), output="parquet"))
    assert result.columns == [
        f"millrace_{name}"
        for name in (
            "prediction",
            "class",
            "probability_no",
            "probability_yes",
            "version",
            "request_id",
            "index",
        )
    ]
    for row in rows_of(registry, result):
        assert row["class"] == "mine"
        if row["millrace_prediction"] is None:
            assert row["millrace_class"] is None
        else:
            assert row["millrace_class"] == ("yes" if row["millrace_prediction"] >= 0.5 else "no")
            assert row["millrace_probability_yes"] == row["millrace_prediction"]


@pytest.mark.parametrize("output", ["csv", "parquet", "jsonl"])
def test_wherever_it_stops_the_next_attempt_writes_the_same_bytes(score, monkeypatch, output):
    monkeypatch.setattr(sources, "PART_ROWS", 60)
    registry = Registry()
    spec = asked(registry, ("may.parquet", as_parquet(table(250), 50)), output=output)
    whole = score(registry, spec, "whole")
    assert whole.cost.parts == 5
    resumed = []
    for looks in range(13):
        with pytest.raises(Cancelled):
            score(registry, spec, f"stopped-{looks}", stop_after=looks)
        again = score(registry, spec, f"stopped-{looks}")
        assert again.files == whole.files
        resumed.append(again.cost.resumed)
    assert sorted(set(resumed)) == [0, 1, 2, 3, 4, 5]


def test_a_cell_that_is_no_value_has_no_answer_and_is_told(score):
    registry = Registry()
    text = "customer,size,shop,open,sold at\na,1.5,north,true,2030-01-01\nb,abc,south,false,2030-01-02\nc,1e39,,true,\n"
    result = score(registry, asked(registry, ("may.csv", text.encode())))
    assert (result.rows, result.answered) == (3, 1)
    assert [(item.column, item.rows, item.examples) for item in result.unanswered] == [
        ("size", 1, ["row 2: 'abc'"])
    ]
    lines = list(csv.DictReader(io.StringIO(registry.store[result.files[0].digest].decode())))
    assert [line["size"] for line in lines] == ["1.5", "abc", "1e39"]
    assert [line["prediction"] for line in lines] == ["9", "", ""]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda rows: rows.drop_columns(["shop"]),
            ["may.parquet has no column 'shop'", "The model takes 'size'"],
        ),
        (lambda rows: rows.slice(0, 0), ["has columns and no rows"]),
    ],
)
def test_what_cannot_be_scored_is_refused_by_name(score, change, words):
    registry = Registry()
    with pytest.raises(JobError) as refusal:
        score(registry, asked(registry, ("may.parquet", as_parquet(change(table(20))))))
    assert all(word in refusal.value.problem().detail for word in words)


def test_lists_and_bytes_beside_the_answers_stay_or_are_written_as_text(score):
    registry, rows = Registry(), table(3).append_column("more", pa.array([[1], [2, 3], None]))
    spec = asked(registry, ("may.parquet", as_parquet(rows)), keep=["more"])
    text = score(registry, spec, "text")
    lines = csv.DictReader(io.StringIO(registry.store[text.files[0].digest].decode()))
    assert [line["more"] for line in lines] == ["[1]", "[2,3]", ""]
    binary = score(registry, spec | {"output": "parquet"}, "binary")
    assert [row["more"] for row in rows_of(registry, binary)] == [[1], [2, 3], None]


def test_a_file_that_is_no_parquet_is_refused(score):
    registry = Registry()
    with pytest.raises(JobError, match="is not a Parquet file"):
        score(registry, asked(registry, ("may.parquet", b"PAR1 and nothing")))


def test_several_files_are_written_one_by_one_or_together(score):
    registry, rows = Registry(), table(90)
    files = [("a.parquet", as_parquet(rows.slice(0, 40))), ("b.parquet", as_parquet(rows.slice(40)))]
    each = score(registry, asked(registry, *files, output="jsonl"), "each")
    assert [(file.name, file.rows) for file in each.files] == [("a.jsonl", 40), ("b.jsonl", 50)]
    one = score(registry, asked(registry, *files, output="jsonl", together=True), "together")
    lines = [orjson.loads(line) for line in registry.store[one.files[0].digest].splitlines()]
    assert [line["customer"] for line in lines] == rows.column("customer").to_pylist()
    assert len({line["request_id"] for line in lines}) == 2
    files[1] = ("b.parquet", as_parquet(rows.drop_columns(["customer"])))
    with pytest.raises(JobError, match="do not have the same columns"):
        score(registry, asked(registry, *files, together=True), "different")


def test_only_the_columns_that_are_kept_stand_beside_the_answers(score):
    registry = Registry()
    spec = asked(registry, ("may.parquet", as_parquet(table(10))), keep=["customer"], output="parquet")
    assert [*rows_of(registry, score(registry, spec))[0]] == [
        "customer",
        "prediction",
        "version",
        "request_id",
        "index",
    ]
    with pytest.raises(JobError, match="no column 'who'"):
        score(registry, spec | {"keep": ["who"]}, "other")


def test_parts_side_by_side_give_the_same_bytes(score, monkeypatch):
    monkeypatch.setattr(sources, "PART_ROWS", 60)
    registry = Registry()
    spec = asked(registry, ("may.parquet", as_parquet(table(250), 50)))
    one = score(registry, spec, "one")
    assert score(registry, spec | {"executor": "pool"}, "pool").files == one.files
