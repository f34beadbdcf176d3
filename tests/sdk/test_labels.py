"""Label files: CSV and JSON lines, with each mistake told by file and line."""

import gzip
import json
import os
from datetime import UTC, datetime

import pytest

from millrace import label_batches
from millrace.label_batches import spelled
from millrace.labels import BadLabels, opened, read
from millrace_contracts.tables import Dialect

WRITTEN = 1_777_896_000
"""4 May 2026, 12:00 UTC."""


def written(tmp_path, text, name="labels.csv"):
    path = tmp_path / name
    path.write_text(text)
    os.utime(path, (WRITTEN, WRITTEN))
    return path


def test_what_is_left_out_has_a_plain_meaning(tmp_path):
    path = written(tmp_path, "request_id,value\nr1,3.5\nr2,yes\n")
    first, second = read(path)
    assert first.model_dump(mode="json") == {
        "request_id": "r1",
        "index": 0,
        "value": "3.5",
        "at": "2026-05-04T12:00:00Z",
    }
    assert second.value == "yes"


@pytest.mark.parametrize("value", ["01", "1.0", "true", "007", "1e5", "inf", "NaN-like", " x"])
def test_a_text_stays_the_text_that_is_written(tmp_path, value):
    (label,) = read(written(tmp_path, f"request_id,value\nr1,{value}\n"))
    assert label.value == value


@pytest.mark.parametrize("value", [1, 1.5, True, "01", 2**53 + 1])
def test_a_json_value_stays_what_it_is(tmp_path, value):
    (label,) = read(written(tmp_path, json.dumps({"request_id": "r1", "value": value}), "labels.jsonl"))
    assert (type(label.value), label.value) == (type(value), value)


def test_json_lines_say_the_same(tmp_path):
    line = '{"request_id": "r1", "index": 2, "value": true, "at": "2026-05-01T00:00:00Z"}\n\n'
    (label,) = read(written(tmp_path, line, "labels.jsonl"))
    assert (label.index, label.value, label.at) == (2, True, datetime(2026, 5, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.csv", "", "'request_id' is missing"),
        ("a.csv", "request_id,value\n", "there are no labels"),
        ("a.csv", "request_id,value,colour\nr1,1,red\n", "a.csv:2: colour"),
        ("a.csv", "request_id,value\nr1,\n", "a.csv:2: request_id and value are needed"),
        ("a.csv", "request_id,value\nr1,nan\n", "not a finite number"),
        ("a.csv", "request_id,index,value\nr1,one,1\n", "a.csv:2: index"),
        ("a.csv", "request_id,index,value\nr1,-1,1\n", "a.csv:2: index"),
        ("a.csv", "request_id,value\nr 1,1\n", "a.csv:2: request_id"),
        ("a.jsonl", '{"request_id": "r1", "value": NaN}\n', "not a finite number"),
        ("a.jsonl", '{"request_id": "r1", "value": [1]}\n', "a.jsonl:1: value"),
        ("a.csv", "request_id,value,at\nr1,1,yesterday\n", "a.csv:2"),
        ("a.jsonl", '{"request_id": "r1", "value": 1}\nnot json\n', "a.jsonl:2: is not JSON"),
        ("a.jsonl", "[1]\n", "a.jsonl:1: is not an object"),
    ],
)
def test_a_line_that_is_no_label_is_named(tmp_path, name, text, told):
    with pytest.raises(BadLabels) as refusal:
        read(written(tmp_path, text, name))
    assert told in str(refusal.value)


@pytest.mark.parametrize(
    ("written_as", "name", "encoding"),
    [
        ("request_id;index;value\r\nr1;0;Köln\r\n", "labels.csv", "latin-1"),
        ("request_id\tvalue\nr1\tKöln\n", "labels.tsv", "utf-16"),
        ("sep=;\nvalue;request_id\nKöln;r1\n", "labels.csv", "utf-8-sig"),
        ("Labels of May\n\nrequest_id,value\nr1,Köln\n", "labels.csv", "utf-8"),
        ('request_id|value\nr1|"Köln"\n', "labels.txt", "utf-8"),
        ('{"request_id": "r1", "value": "Köln"}\n', "labels.jsonl", "utf-8-sig"),
    ],
)
def test_a_label_is_the_same_however_its_file_is_written(tmp_path, written_as, name, encoding):
    (tmp_path / name).write_bytes(written_as.encode(encoding))
    (label,) = read(tmp_path / name)
    assert (label.request_id, label.index, label.value) == ("r1", 0, "Köln")


def test_a_packed_file_of_labels_is_read(tmp_path):
    (tmp_path / "labels.csv.gz").write_bytes(gzip.compress(b"request_id,value\nr1,2\n"))
    assert read(tmp_path / "labels.csv.gz")[0].value == "2"


@pytest.mark.parametrize(
    ("values", "dialect", "told"),
    [
        (["812,50", "1.234,5 €"], Dialect(), ["812.50", "1234.5"]),
        (["1.234", "12"], Dialect(decimal=",", thousands="."), ["1234.0", "12.0"]),
        (["1.234", "0.5"], Dialect(decimal=",", thousands="."), ["1.234", "0.5"]),
        (["$1,234.00", "(5.00)"], Dialect(decimal=".", thousands=","), ["1234.00", "-5.00"]),
        (["12 %", "-3"], Dialect(), ["0.120", "-3.0"]),
        (["inf", "dear"], Dialect(), ["inf", "dear"]),
        (["1,5", "1.5"], Dialect(), ["1,5", "1.5"]),
    ],
)
def test_numbers_of_labels_are_read_as_those_of_the_data(tmp_path, values, dialect, told):
    lines = "".join(f'r{place};"{value}"\n' for place, value in enumerate(values))
    path = written(tmp_path, f"request_id;value\n{lines}")
    assert [label.value for label in spelled(read(path), looked(path).style(dialect))] == told


def looked(path):
    with opened(path) as file:
        return label_batches.look(file)


def batched(path):
    """The labels as they are sent, and how many there are at a time."""
    with opened(path) as file:
        sent = list(label_batches.batches(file, label_batches.look(file)))
    return [label for batch in sent for label in batch], [len(batch) for batch in sent]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_a_file_in_batches_has_the_labels_of_the_whole(tmp_path, monkeypatch, size):
    monkeypatch.setattr(label_batches, "BATCH", size)
    lines = "".join(f"r{place},{place},x\n" for place in range(7))
    path = written(tmp_path, f"request_id,index,value\n{lines}")
    labels, sizes = batched(path)
    assert labels == read(path)
    assert max(sizes) == min(size, 7)
    assert looked(path).count == 7


def test_lines_that_contradict_each_other_at_one_time_travel_together_in_their_order(tmp_path, monkeypatch):
    """Of what comes in one batch the later line holds; of what comes in two, monitoring takes the greater value."""
    monkeypatch.setattr(label_batches, "BATCH", 2)
    day, other = "2026-05-04T00:00:00Z", "2026-05-04T02:00:00+02:00"
    lines = [
        ("a", 9, day),
        ("b", 1, day),
        ("c", 1, day),
        ("b", 1, day),
        ("a", 3, other),
        ("d", 1, day),
        ("a", 5, ""),
    ]
    path = written(
        tmp_path, "request_id,value,at\n" + "".join(f"{','.join(map(str, line))}\n" for line in lines)
    )
    labels, sizes = batched(path)
    assert [(label.request_id, label.value) for label in labels] == [
        ("b", "1"), ("c", "1"), ("b", "1"), ("a", "9"), ("a", "3"), ("d", "1"), ("a", "5"),
    ]  # fmt: skip
    assert sizes == [2, 3, 2]


def test_a_row_of_which_too_many_lines_speak_at_one_time_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(label_batches, "MOST_WORDS", 2)
    lines = "".join(f"r1,2,{value},2026-05-04T00:00:00Z\n" for value in range(3))
    with pytest.raises(BadLabels, match="3 lines say different things of request r1, row 2"):
        batched(written(tmp_path, f"request_id,index,value,at\n{lines}"))


def test_a_quote_without_end_is_told_by_its_line(tmp_path):
    text = 'request_id,value\nr1,"x\n' + "r2,y\n" * 40_000
    with pytest.raises(BadLabels, match=r"labels\.csv:.*quote"):
        read(written(tmp_path, text))
