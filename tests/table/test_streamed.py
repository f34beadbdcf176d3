"""A file that goes to Parquet a piece at a time gives the rows, rejects, notes and refusals of the whole."""

import gzip
import random
from pathlib import Path

import pyarrow.parquet as parquet
import pytest

from millrace_contracts.tables import Dialect
from millrace_table import reading, streamed
from millrace_table.refusals import Unreadable

PLAIN = "id,shop,x\n" + "".join(f"{row},north,{row / 4}\n" for row in range(9))
FILES = {
    "plain": PLAIN,
    "no rows": "id,shop,x\n",
    "empty": "\n \n",
    "one column": "x\n1\n\n2\nNA\n",
    "names again": PLAIN + PLAIN + PLAIN,
    "row numbers": ",a,b\n" + "".join(f"{row},{row % 3},x\n" for row in range(8)),
    "row numbers that fall": "Unnamed: 0,a\n" + "".join(f"{9 - row},{row % 3}\n" for row in range(8)),
    "row numbers twice": "Unnamed: 0,a\n" + "1,2\n" * 7,
    "behind every line a delimiter": PLAIN.replace("\n", ",\n"),
    "no name over values": PLAIN.replace("shop", ""),
    "too few and too many": PLAIN + "7,x\n8,y,1,2\n" + PLAIN.partition("\n")[2],
    "a quote that does not end": PLAIN + '9,"north,1\n' + PLAIN.partition("\n")[2],
    "torn": PLAIN + '7"Hiking, wide",x\n' + PLAIN.partition("\n")[2] + '8,9"Hiking, wide"\n',
    "words for missing": PLAIN.replace("north", "NA", 3).replace("0.25", "null"),
    "a title and comments": "# made by hand\n# twice\n" + PLAIN.replace("3,", "# not so\n3,", 1),
    "semicolons": PLAIN.replace(",", ";").replace(".", ","),
    "ends of two kinds": PLAIN.replace("\n", "\r\n", 3),
    "old ends": PLAIN.replace("\n", "\r"),
    "a separator line": "sep=;\n" + PLAIN.replace(",", ";"),
    "several lines in a cell": PLAIN + '9,"no\nrth",1\n' + PLAIN.partition("\n")[2],
    "names twice": "a,a\n1,2\n",
    "null": "a,b\n1,2\0\n",
}


def whole(path: Path, wanted: list[str], dialect: Dialect) -> object:
    try:
        loaded = reading.load(path, "csv", dialect, wanted)
    except Unreadable as error:
        return error.check
    return loaded.table.to_pydict(), loaded.dialect, loaded.rejects, loaded.notes, loaded.marked


def pieces(path: Path, wanted: list[str], dialect: Dialect) -> object:
    target = path.with_suffix(".parquet")
    try:
        done = reading.to_parquet(path, target, dialect, wanted)
    except Unreadable as error:
        return error.check
    table = parquet.read_table(target)
    assert done.rows == table.num_rows
    return table.to_pydict(), done.dialect, done.rejects, done.notes, done.marked


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(streamed, "PIECE", 3)


@pytest.mark.parametrize("text", FILES.values(), ids=FILES.keys())
def test_each_kind_of_file_comes_out_the_same(tmp_path: Path, text: str):
    path = tmp_path / "a.csv"
    other = gzip.compress(text.replace("north", "nörd").encode("latin-1"))
    said = Dialect(missing=["NA"])
    for content, wanted, dialect in ((text.encode(), [], Dialect()), (other, ["id", "shop"], said)):
        path.write_bytes(content)
        assert pieces(path, wanted, dialect) == whole(path, wanted, dialect)


@pytest.mark.slow
def test_files_that_were_spoilt_at_random_come_out_the_same(tmp_path: Path):
    draw, path = random.Random(11), tmp_path / "a.csv"
    for _ in range(100):
        text = list(draw.choice([PLAIN, FILES["several lines in a cell"], FILES["row numbers"]]) * 2)
        for _ in range(draw.randrange(4)):
            text[draw.randrange(len(text))] = draw.choice([",", '"', "\n", ";", "", "NA", ",,", "\\", '""'])
        path.write_text("".join(text), newline="")
        assert pieces(path, [], Dialect()) == whole(path, [], Dialect()), "".join(text)


@pytest.mark.parametrize("end", ["9,x,1\r\n", "9,x,1\r8,y,2\r"])
def test_ends_of_another_kind_far_into_a_file_are_read_all_the_same(
    tmp_path: Path, end: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(streamed, "PIECE", 1 << 16)
    path, rows = tmp_path / "a.csv", "".join(f"{row},north,{row % 7}\n" for row in range(250_000))
    path.write_text("id,shop,x\n" + rows + end + "1,south,2\n", newline="")
    told = pieces(path, [], Dialect())
    assert told == whole(path, [], Dialect())
    assert len(told[0]["id"]) > 250_000


def test_how_far_it_is_read_is_told(tmp_path: Path):
    path, told = tmp_path / "a.csv", []
    path.write_text(PLAIN)
    reading.to_parquet(path, tmp_path / "a.parquet", told=told.append)
    assert told[-1] == 9
    assert told == sorted(told)
