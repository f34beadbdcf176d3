"""A delivery that is read in several pieces gets the report, rows and version of one that is read whole."""

import random
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tables import sales, to_csv

from millrace_contracts.data import DataContract
from millrace_contracts.rows import IngestSpec
from millrace_table import drawn, inference, ordering, pieces, reading, times
from millrace_table.pieces import Filed
from millrace_table.refusals import Unreadable
from millrace_training.rows import checks, files, holding, piecewise, profile, repeats

BASE = inference.infer(reading.read(to_csv(sales()), "csv"), "revenue", "sold_at", "Europe/Berlin")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pieces, "PIECE", 7)


def filed(table: pa.Table, folder: Path) -> Filed:
    return pieces.write([table], folder / "raw.parquet", table.schema)


def changed(name: str, *values: str | None) -> pa.Table:
    """The raw sample with the first cells of a column as they are given."""
    raw = reading.read(to_csv(sales(60)), "csv")
    cells = [*values, *raw.column(name).to_pylist()[len(values) :]]
    return raw.set_column(
        raw.column_names.index(name), name, pa.chunked_array([pa.array(cells, pa.string())])
    )


def promise(name: str, **change: object) -> DataContract:
    listed = [
        item.model_copy(update=change) if item.name == name else item.model_copy(deep=True)
        for item in BASE.columns
    ]
    return BASE.model_copy(update={"columns": listed})


DATES = [f"{day:02}/03/2024" for day in range(1, 29)]
RAW = {
    "as it was": (changed("shop"), BASE),
    "of other types": (changed("visitors", "n/k", "?", *["5"] * 20, "x"), BASE),
    "decimals among whole numbers": (changed("visitors", *["12"] * 20, "12.5", "13.0", "n/k"), BASE),
    "codes among whole numbers": (changed("visitors", *["12"] * 20, "0012"), BASE),
    "decimals in a promise": (changed("visitors", *["12"] * 20, "12.5"), promise("visitors", guessed=False)),
    "thousands, proven late": (changed("revenue", "1.234", *["5"] * 20, "1.234,5", "7,25"), BASE),
    "two decimal signs": (changed("revenue", "1.5", *["5"] * 20, "1,5"), BASE),
    "currency": (changed("revenue", *["5"] * 20, "€ 1,250", "12 %"), BASE),
    "infinite": (changed("area", *["5"] * 20, "inf", "1e400", "-1e39"), BASE),
    "words": (changed("shop", *["nord"] * 5, *["north"] * 9, *["sud"] * 3, "North"), BASE),
    "many words": (changed("shop", *[f"shop {number}" for number in range(40)]), BASE),
    "words of a promise": (changed("shop", "nord"), promise("shop", guessed=False)),
    "missing": (changed("shop", *[None] * 20), BASE),
    "no target": (changed("revenue", None, *["5"] * 20, None), promise("revenue", missing_at_most=0.5)),
    "a target too few": (changed("revenue", *["5"] * 20, None), BASE),
    "far beyond": (changed("revenue", *["5"] * 20, "99999999"), BASE),
    "a little beyond": (changed("visitors", *["11"] * 20, "510", "9", "520"), BASE),
    "years away": (changed("sold_at", *["2024-01-01 08:00:00"] * 20, "2099-01-01 00:00:00"), BASE),
    "many years away": (changed("sold_at", *["2099-01-01 00:00:00"] * 20), BASE),
    "days first, proven late": (changed("sold_at", *DATES), BASE),
    "days in no order": (changed("sold_at", "03/04/2024", *["05/06/2024"] * 20), BASE),
    "zones in one form": (changed("sold_at", *["2024-01-01T08:00:00+02:00"] * 60), BASE),
    "no times": (changed("sold_at", *["2024-02-30 08:00:00"] * 9, "soon"), BASE),
    "not in order": (changed("sold_at", *["2024-02-01 08:00:00"] * 30), BASE),
    "unique": (changed("shop", "a", "b", None, *["a"] * 3, None, "b"), promise("shop", unique=True, allowed=None)),
    "values for the first time": (
        changed("visitors", *[None] * 20, "1.5", "x"),
        promise("visitors", type="number", minimum=None, maximum=None),
    ),
    "words for the first time": (changed("shop", *[None] * 20, "x"), promise("shop", allowed=[])),
    "columns more and less": (
        changed("shop").drop_columns(["area"]).append_column("other", pa.array(["x"] * 60)),
        BASE,
    ),
    "rows again": (pa.concat_tables([changed("shop"), changed("shop").slice(3, 9)]), BASE),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "contract"), RAW.values(), ids=RAW.keys())
@pytest.mark.parametrize("partial", [False, True])
def test_each_kind_of_delivery_gets_the_same_report(
    tmp_path: Path, raw: pa.Table, contract: DataContract, partial: bool
):
    known = (datetime(2023, 1, 1, tzinfo=UTC), datetime(2024, 1, 3, tzinfo=UTC))
    zone, told = "Europe/Berlin", list[int]()
    whole = checks.check(raw, contract, zone, partial, known)
    parts = piecewise.check(filed(raw, tmp_path), contract, zone, tmp_path, told.append, partial, known)
    assert parts.checks == whole.checks
    assert parts.contract == whole.contract
    assert (parts.keep == whole.keep).all()
    assert pieces.together(parts.table).to_pydict() == whole.table.to_pydict()
    assert told[-1] == raw.num_rows
    rows, inorder = ordering.ordered(parts.kept, "sold_at"), ordering.ordered(whole.kept, "sold_at")
    assert pieces.together(rows).to_pydict() == inorder.to_pydict()
    assert files.to_file(rows, tmp_path / "kept.parquet").read_bytes() == files.to_parquet(inorder)
    assert profile.profile(rows) == profile.profile(inorder)
    assert profile.schema(rows) == profile.schema(inorder)
    assert profile.span(rows, "sold_at") == profile.span(inorder, "sold_at")
    assert (repeats.last(rows, ["shop", "open"]) == repeats.last(inorder, ["shop", "open"])).all()


@pytest.mark.parametrize("raw", [raw for raw, _ in RAW.values()], ids=RAW.keys())
def test_a_first_delivery_in_pieces_suggests_the_contract_that_it_suggests_whole(
    tmp_path: Path, raw: pa.Table, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(times, "AT_ONCE", 7)
    parts = filed(raw, tmp_path)
    asked = IngestSpec.model_validate(
        {
            "dataset": "d",
            "source": {"kind": "artifact", "digest": "sha256:" + "0" * 64, "name": "n", "format": "csv"},
            "target": "revenue",
            "event_time": "sold_at",
            "timezone": "Europe/Berlin",
        }
    )
    told = []
    for rows, held in ((raw, 1000), (parts, 1000), (parts, 9)):
        monkeypatch.setattr(drawn, "LEAST", held)
        try:
            told.append(holding.contract_of(asked, None, rows))
        except Unreadable as refused:
            told.append(refused.check)
    assert told[0] == told[1]
    if isinstance(told[0], DataContract):
        assert told[2] == told[0]
    else:  # of many cells that are none, another may be shown
        assert (told[2].check, told[2].column) == (told[0].check, told[0].column)


def test_times_in_mixed_zones_are_refused_where_they_lie_in_different_pieces(tmp_path: Path):
    raw = changed("sold_at", *["2024-01-01 08:00:00"] * 20, "2024-01-01T08:00:00Z")
    with pytest.raises(Unreadable) as whole:
        checks.check(raw, BASE, "UTC")
    with pytest.raises(Unreadable) as parts:
        piecewise.check(filed(raw, tmp_path), BASE, "UTC", tmp_path, lambda rows: None)
    assert parts.value.check == whole.value.check


def test_a_row_group_holds_as_many_rows_whatever_the_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    draw = np.random.default_rng(3)
    table = pa.table({"x": draw.random(150_000), "word": draw.choice(["a", "b"], 150_000)})
    wanted = files.to_parquet(table)
    for size in (997, 1 << 16, 70_000):
        monkeypatch.setattr(pieces, "PIECE", size)
        assert files.to_file(filed(table, tmp_path), tmp_path / "kept.parquet").read_bytes() == wanted
    assert files.to_file(filed(table.slice(0, 0), tmp_path), tmp_path / "kept.parquet").read_bytes() == (
        files.to_parquet(table.slice(0, 0))
    )


def test_rows_are_taken_from_files_like_from_a_table(tmp_path: Path):
    draw = random.Random(5)
    tables = [pa.table({"x": [draw.choice([None, 1, 2]) for _ in range(30)]}) for _ in range(3)]
    tables[1] = tables[1].append_column("word", pa.array(["a"] * 30))
    paths = [tmp_path / f"{number}.parquet" for number in range(3)]
    for table, path in zip(tables, paths, strict=True):
        pieces.write([table], path, table.schema)
    both = pa.concat_tables(tables, promote_options="default")
    rows = Filed(paths[2:]).behind(paths[:2])
    first, second = (pa.array([draw.random() < 0.7 for _ in range(count)]) for count in (90, 0))
    assert pieces.together(rows).select(both.column_names).to_pydict() == both.to_pydict()
    kept = rows.filter(first)
    second = pa.array([draw.random() < 0.7 for _ in range(kept.num_rows)])
    assert kept.filter(second).column("x").to_pylist() == both.filter(first).filter(second)["x"].to_pylist()
    assert pieces.together(kept.only("word")).to_pydict() == both.filter(first).select(["word"]).to_pydict()
    assert rows.filter(pc.equal(first, first)).num_rows == 90
