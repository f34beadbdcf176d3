"""Answers go to a folder, a file that is replaced, or SQLite; lines that cannot be read stand beside them."""

import sqlite3
from datetime import UTC, datetime

import pyarrow.csv as csv
import pyarrow.parquet as parquet
import pytest
from tests.training.scoring.examples import Registry

from millrace_training.runtime.errors import JobError

AT = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
HEADER = "size,shop,open,sold at\n"
GOOD = "1.5,north,true,2030-01-01T01:00:00Z\n"
BAD = "2.5,south,true,2030-01-01T02:00:00Z,too,many\n"


def asked(registry, text, **more):
    file = {"digest": registry.keep(text.encode()), "name": "june.csv", "format": "csv"}
    spec = {"model": "shop", "version": 3, "files": [file], "called": "shop-1", "at": AT.isoformat()}
    return spec | more


def test_a_scoring_is_a_new_file_of_a_folder_and_the_same_bytes_when_it_is_written_again(score, tmp_path):
    registry, place = Registry(), tmp_path / "scored"
    spec = asked(registry, HEADER + GOOD * 3, sink={"path": str(place)})
    result = score(registry, spec)
    assert (result.files, result.written) == ([], [str(place / "shop-1.parquet")])
    table = parquet.read_table(place / "shop-1.parquet")
    assert table.column("scored_at").unique().to_pylist() == [AT]
    assert table.column("prediction").to_pylist() == pytest.approx([2 * 1.5 + 5 + 1 + 1] * 3)
    before = (place / "shop-1.parquet").read_bytes()
    score(registry, spec, job="again")
    assert [path.name for path in place.iterdir()] == ["shop-1.parquet"]
    assert (place / "shop-1.parquet").read_bytes() == before


def test_one_bad_line_refuses_no_file_and_stands_beside_the_answers(score, tmp_path):
    registry, place = Registry(), tmp_path / "scored.csv"
    spec = asked(registry, HEADER + GOOD * 199 + BAD, sink={"path": str(place)})
    result = score(registry, spec)
    assert (result.rows, result.answered, result.rejects.count) == (199, 199, 1)
    assert csv.read_csv(place).num_rows == 199
    beside = (tmp_path / "scored.csv.rejects.csv").read_text().splitlines()
    assert beside == [
        "file,line,reason,text",
        'june.csv,201,It has more than 4 cells.,"' + BAD.strip() + '"',
    ]
    assert registry.store[result.rejected.digest].decode().splitlines() == beside
    score(registry, asked(registry, HEADER + GOOD * 5, sink={"path": str(place)}), job="clean")
    assert sorted(path.name for path in tmp_path.glob("scored*")) == ["scored.csv"]


def test_more_bad_lines_than_the_contract_allows_refuse_the_file_with_the_first_of_them(score, tmp_path):
    registry = Registry()
    spec = asked(registry, HEADER + GOOD * 8 + BAD * 2, sink={"path": str(tmp_path / "scored")})
    with pytest.raises(JobError, match="2 lines cannot be read") as refusal:
        score(registry, spec)
    assert "line 10: It has more than 4 cells." in refusal.value.detail
    allowed = score(registry, spec | {"rejects_at_most": 0.5}, job="allowed")
    assert (allowed.rows, allowed.rejects.count) == (8, 2)


def test_by_hand_the_rejects_are_a_file_of_the_registry(score):
    registry = Registry()
    result = score(registry, asked(registry, HEADER + GOOD * 150 + BAD) | {"called": None, "at": None})
    assert (result.rejected.name, result.rejected.rows) == ("june.rejects.csv", 1)
    assert result.rejects.kept[0].file == "june.csv"


def test_an_empty_file_among_others_is_scored_as_no_rows(score, tmp_path):
    registry = Registry()
    spec = asked(registry, HEADER, sink={"path": str(tmp_path / "scored")})
    spec["files"] += asked(registry, HEADER + GOOD)["files"]
    result = score(registry, spec)
    assert (result.rows, len(result.written)) == (1, 1)


@pytest.mark.parametrize("slashes", ["sqlite://", "sqlite:///"])
def test_a_table_of_sqlite_has_every_row_once(score, tmp_path, slashes):
    registry, place = Registry(), tmp_path / "shop.db"
    sink = {"sql": {"uri": f"{slashes}{place}", "table": "scored"}}
    spec = asked(registry, HEADER + GOOD * 7, sink=sink)
    assert score(registry, spec).repeated == 0
    assert score(registry, spec, job="again").repeated == 7
    assert score(registry, spec | {"called": "shop-2"}, job="next").repeated == 0
    with sqlite3.connect(place) as database:
        rows = database.execute('SELECT shop, prediction, "index", version FROM scored').fetchall()
    assert len(rows) == 14
    assert rows[0] == ("north", pytest.approx(10.0), 0, 3)
