"""A table that is too large to be held gets the contract that it would get whole, from a sample and one look at all."""

import random
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from millrace_contracts.tables import Dialect
from millrace_table import drawn, facts, inference, pieces, spacing, survey
from millrace_table.drawn import Roles
from millrace_table.pieces import Filed
from millrace_table.refusals import Unreadable

ROWS = 900
MARKS = Dialect(missing=["", "NA"])


@pytest.fixture(autouse=True)
def little(monkeypatch: pytest.MonkeyPatch):
    """Sixty rows are held, and fifty read at once."""
    monkeypatch.setattr(pieces, "PIECE", 50)
    monkeypatch.setattr(drawn, "LEAST", 60)
    monkeypatch.setattr(drawn, "CELLS", 1)


def base() -> dict[str, list[str | None]]:
    """A shop's till for ninety days."""
    chance, day = random.Random(4), date(2025, 1, 1)
    return {
        "at": [f"{day + timedelta(days=n // 10)}T{n % 24:02}:00:00" for n in range(ROWS)],
        "shop": [chance.choice(["north", "south", "west"]) for _ in range(ROWS)],
        "visitors": [str(chance.randint(0, 400)) for _ in range(ROWS)],
        "price": [f"{chance.uniform(1, 90):.2f}" for _ in range(ROWS)],
        "open": [chance.choice(["true", "false"]) for _ in range(ROWS)],
        "receipt": [f"r-{n * 7919 % 100003:06}" for n in range(ROWS)],
        "number": [str(n) for n in range(ROWS)],
        "y": [f"{chance.gauss(50, 9):.3f}" for _ in range(ROWS)],
    }


def table(**places: tuple[int, str | None]) -> pa.Table:
    """The till with one cell changed in some columns: the row and what stands there."""
    cells = base()
    for name, (row, text) in places.items():
        cells[name][row] = text
    return pa.table({name: pa.array(column, pa.string()) for name, column in cells.items()})


def filed(rows: pa.Table, folder: Path) -> Filed:
    return pieces.write(
        (rows.slice(first, 100) for first in range(0, len(rows), 100)), folder / "r.parquet", rows.schema
    )


TABLES = {
    "as it is": table(),
    "one word among numbers": table(visitors=(431, "n/k")),
    "one decimal among whole numbers": table(visitors=(431, "12.5")),
    "a code among whole numbers": table(visitors=(431, "007")),
    "a decimal and, elsewhere, a word": table(visitors=(431, "12.5"), price=(77, "soon")),
    "a decimal comma, once": table(price=(623, "1.234,5")),
    "far beyond": table(price=(623, "99999.5"), visitors=(5, "-1")),
    "one missing target": table(y=(300, None)),
    "no time, once": table(price=(623, "NA"), shop=(2, "NA")),
    "a word that comes once": table(shop=(899, "east")),
    "an identifier that comes twice": table(receipt=(899, "r-000000")),
    "infinite": table(price=(623, "inf")),
    "years away": table(at=(623, "2099-01-01T00:00:00")),
    "a truth value that is none": table(open=(623, "maybe")),
    "a number among truth values": table(open=(623, "1")),
    "marks and nothing among identifiers": table().set_column(
        5, "receipt", pa.array([{5: "NA", 500: "NA", 610: "", 700: " "}.get(n, f"r-{n}") for n in range(ROWS)])
    ),
    "an identifier that comes twice, with a tab": table(receipt=(899, "\tr-000000")),
    "repeated rows": pa.concat_tables([table(), table().slice(10, 200)]),
    "no values but one": table().set_column(1, "shop", pa.array([None] * 451 + ["x"] + [None] * 448, pa.string())),
    "no values but a number": table().set_column(1, "shop", pa.array([None] * 451 + ["5"] + [None] * 448, pa.string())),
    "no values": table().set_column(1, "shop", pa.nulls(ROWS, pa.string())),
    "days first, proven once": table().set_column(
        1, "shop", pa.array(["03/04/2025"] * 500 + ["25/04/2025"] + ["05/06/2025"] * 399, pa.string())
    ),
    "a comma proven once": table().set_column(
        1, "shop", pa.array(["1.234"] * 500 + ["1.234,5"] + ["2.500"] * 399, pa.string())
    ),
    "of types": pa.table(
        {"at": table()["at"], "y": np.arange(ROWS) / 7, "n": np.arange(ROWS), "b": [True, None] * (ROWS // 2)}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("target", ["y", "shop"])
def test_a_sample_and_a_look_at_all_rows_give_the_contract_of_the_whole(
    name: str, target: str, tmp_path: Path
):
    rows = TABLES[name]
    target = target if target in rows.column_names else "y"
    asked = Roles(target, "at", "Europe/Berlin")
    whole = inference.infer(rows, target, "at", "Europe/Berlin", MARKS)
    found = drawn.look(filed(rows, tmp_path), asked, MARKS)
    assert len(found.raw) < 200
    assert found.contract == whole


def test_rows_that_are_left_out_of_a_file_say_nothing(tmp_path: Path):
    """Among them are a value that is no number, a class of its own, and rows that come again."""
    rows = table(shop=(899, "nowhere"))
    odd = rows.slice(0, 40).set_column(0, rows.column_names[0], pa.array(["none"] * 40))
    both, mask = pa.concat_tables([odd, rows]), np.arange(len(odd) + len(rows)) >= len(odd)
    mask[-1] = False
    kept, alone = filed(both, tmp_path).filter(pa.array(mask)), tmp_path / "alone"
    alone.mkdir()
    places = np.array([0, 7, 400, 898])
    expected = filed(both.filter(pa.array(mask)), alone)
    assert kept.at(places).to_pydict() == expected.at(places).to_pydict()
    roles = Roles("shop", None, "UTC")
    assert drawn.look(kept, roles, None).contract == drawn.look(expected, roles, None).contract


def test_the_sample_is_the_same_each_time_and_comes_from_all_parts_of_the_file(tmp_path: Path):
    raw = filed(table(), tmp_path)
    first, second = (drawn.look(raw, Roles("y", None, "UTC"), None).raw for _ in range(2))
    assert first == second
    places = sorted(int(text) for text in first.column("number").to_pylist())
    assert max(np.diff(places)) <= 2 * ROWS / 60


def test_a_class_that_the_sample_lacks_is_in_it_afterwards_and_counted(tmp_path: Path):
    rows = table(shop=(899, "east"))
    seen = survey._of_rows(filed(rows, tmp_path), _read(), Roles("shop", None, "UTC"), lambda rows: None)
    guess = seen.guess(None)
    assert guess.task == "multiclass"
    assert "'east' (1 row)" in guess.notes[0]
    assert "north" not in guess.notes[0]  # of which the sample has few, and the file many


def test_what_is_said_of_all_rows_is_said_of_them_and_not_of_the_sample(tmp_path: Path):
    cells = base()
    cells["y"] = [None if n % 9 == 0 else text for n, text in enumerate(cells["y"])]
    cells["at"][10:13] = ["2099-01-01T00:00:00"] * 3
    rows = pa.table({name: pa.array(column, pa.string()) for name, column in cells.items()})
    seen = survey._of_rows(filed(rows, tmp_path), _read(), Roles("y", "at", "UTC"), lambda rows: None)
    notes = " ".join(seen.notes([]))
    assert "All 900 rows were read" in notes
    assert "100 rows have no 'y'" in notes
    assert "3 rows have a time in 'at' that lies years from all others" in notes
    assert "'number' numbers the rows" in " ".join(seen.cautions(seen.guess(None)).notes)
    near = pa.array([text for text in cells["at"] if not text.startswith("2099")])
    times = near.cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))
    assert seen.spacing == spacing.of_times(pa.chunked_array([times]), "UTC")


def test_times_in_mixed_zones_are_refused_wherever_they_lie(tmp_path: Path):
    rows = table(at=(623, "2025-03-04T05:06:07Z"))
    with pytest.raises(Unreadable, match="offset"):
        drawn.look(filed(rows, tmp_path), Roles("y", "at", "UTC"), None)


def test_a_table_that_can_be_held_is_held_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    raw = filed(table(), tmp_path)
    assert not drawn.fits(raw)
    monkeypatch.setattr(drawn, "LEAST", ROWS)
    assert drawn.fits(raw)


def test_facts_of_a_column_are_what_its_promise_needs():
    seen = facts.of(pa.array([3, None, 3, 5]))
    assert (seen.rows, seen.missing, seen.low, seen.high, seen.distinct) == (4, 1, 3, 5, 2)
    assert (seen.each_once, seen.counts) == (False, {3: 2, 5: 1})


def _read():
    from millrace_contracts.tables import Rejects
    from millrace_table.streamed import Streamed

    return Streamed(ROWS, MARKS, Rejects(), [], {})
