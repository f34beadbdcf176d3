"""A delivery held against the index of a dataset comes out as it does against all rows, and few of them are read."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from millrace_contracts.data import ColumnContract, DataContract
from millrace_contracts.datasets import DatasetVersionRead, RowsOrigin
from millrace_training.rows import files, index, present, profile, repeats
from millrace_training.rows.index import Shape
from millrace_training.rows.present import Extended, Present

START = datetime(2024, 1, 1, tzinfo=UTC)


class Kept:
    """Artifacts in a folder, and the rows of every version; `read` counts the files that were asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.whole, self.read = folder, pa.table({}), 0

    def keep(self, data: bytes, media_type: str) -> str:
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        (self.folder / digest).write_bytes(data)
        return digest

    def file(self, digest: str) -> Path:
        self.read += 1
        return self.folder / digest

    def rows(self, version: DatasetVersionRead) -> pa.Table:
        return self.whole


def version(now: Extended, contract: DataContract) -> DatasetVersionRead:
    return DatasetVersionRead(
        dataset="d",
        number=1,
        parent=None,
        digest="d",
        files=[],
        data_schema=now.schema,
        profile=now.profile,
        index=now.index,
        contract=contract.model_dump(mode="json"),
        source=RowsOrigin(kind="file", digest="sha256:" + "0" * 64),
        rows=now.rows,
        first_event=now.span[0],
        last_event=now.span[1],
        created_at=START,
    )


def contract(key: list[str], unique: bool = False) -> DataContract:
    types = {"at": "timestamp", "id": "integer", "word": "string", "x": "number", "yes": "boolean"}
    columns = [
        ColumnContract(name=name, type=type, unique=unique and name == "word") for name, type in types.items()
    ]
    return DataContract(columns=columns, event_time="at", key=key)


def rows(random: np.random.Generator, first: int, count: int) -> pa.Table:
    """Rows of which some will come again: few values, some missing, event times that overlap a little."""
    ids = random.integers(first, first + 40, count)
    return pa.table(
        {
            "at": pa.array([START + timedelta(hours=int(value)) for value in ids], pa.timestamp("us", "UTC")),
            "id": pa.array(ids, mask=random.random(count) < 0.05),
            "word": pa.array(random.choice(["a", "b", "", "ä"], count), mask=random.random(count) < 0.2),
            "x": pa.array(random.choice([0.0, 1.5, -2.0], count), mask=random.random(count) < 0.2),
            "yes": pa.array(random.random(count) < 0.5),
        }
    )


@pytest.mark.parametrize("key", [[], ["id"], ["id", "at"]])
def test_an_index_tells_the_same_as_all_rows_delivery_after_delivery(tmp_path: Path, key: list[str]):
    random, store, promised = np.random.default_rng(3), Kept(tmp_path), contract(key)
    begin = rows(random, 0, 200)
    store.whole = repeats.latest(begin, key)
    there = version(present.first(store, store.whole, promised), promised)
    for delivery in range(30):
        came = rows(random, 8 * delivery - 20, 50)
        told = Present(store, there).news(came, promised)
        naive = repeats.news(store.whole, came, key)
        assert np.array_equal(told.fresh, naive.fresh)
        assert (told.repeated, told.corrected) == (naive.repeated, naive.corrected)
        fresh = came.filter(pa.array(told.fresh))
        now = Present(store, there).extended(fresh, promised, told.corrected)
        store.whole = repeats.latest(files.together([store.whole, fresh]), key)
        assert (now.rows, now.span) == (store.whole.num_rows, profile.span(store.whole, "at"))
        wanted = {(item.name, item.type) for item in profile.schema(store.whole)}
        assert {(item.name, item.type) for item in now.schema} == wanted
        assert now.profile["rows"] >= now.rows / present.GROWTH
        there = version(now, promised)
    assert len(there.index.parts) < 12


def test_a_value_that_is_there_already_is_known_by_the_index(tmp_path: Path):
    random, store, promised = np.random.default_rng(5), Kept(tmp_path), contract([], unique=True)
    store.whole = rows(random, 0, 30).filter(pa.array(random.random(30) < 0.5))
    there = Present(store, version(present.first(store, store.whole, promised), promised))
    came = rows(random, 0, 50)
    naive = repeats.among(came["word"], store.whole["word"])
    assert np.array_equal(there.has(came, promised, "word"), naive)


def test_rows_of_another_time_are_compared_with_nothing(tmp_path: Path):
    random, store, promised = np.random.default_rng(1), Kept(tmp_path), contract([])
    store.whole = rows(random, 0, 1000)
    there = Present(store, version(present.first(store, store.whole, promised), promised))
    assert there.news(rows(random, 5000, 50), promised).fresh.all()
    assert store.read == 0


def test_a_column_of_another_type_or_another_key_is_compared_with_the_rows_themselves(tmp_path: Path):
    random, store, promised = np.random.default_rng(1), Kept(tmp_path), contract([])
    store.whole = rows(random, 0, 100)
    there = version(present.first(store, store.whole, promised), promised)
    other = store.whole.set_column(1, "id", store.whole["id"].cast(pa.float64()))
    assert not Present(store, there).news(other, promised).fresh.any()
    assert store.read == 0
    keyed = contract(["id"])
    told = Present(store, there).news(store.whole, keyed)
    assert told.repeated == repeats.news(store.whole, store.whole, ["id"]).repeated
    now = Present(store, there).extended(rows(random, 0, 5), keyed, 0)
    assert now.index.key == ["id"]


def test_a_column_that_is_new_counts_as_empty_before(tmp_path: Path):
    random, store, promised = np.random.default_rng(1), Kept(tmp_path), contract([])
    store.whole = rows(random, 0, 100).drop_columns(["yes"])
    there = Present(store, version(present.first(store, store.whole, promised), promised))
    empty = store.whole.append_column("yes", pa.nulls(100, pa.bool_()))
    assert not there.news(empty, promised).fresh.any()
    assert store.read == 1
    full = store.whole.append_column("yes", pa.array([True] * 100))
    assert there.news(full, promised).fresh.all()
    now = there.extended(full.slice(0, 5), promised, 0)
    assert now.index.columns == full.column_names
    assert [item.nullable for item in now.schema if item.name == "yes"] == [True]


def test_digests_are_the_same_whatever_the_order_of_columns_and_the_pieces(tmp_path: Path):
    table = rows(np.random.default_rng(2), 0, 100)
    shape = Shape(table.column_names, [], [], None)
    pieces = pa.concat_tables([table.slice(0, 33), table.slice(33)]).select(sorted(table.column_names))
    assert shape.entries(table).equals(shape.entries(pieces))
    assert index.digests.of(table, ["at"])[0] == index.digests.of(table.slice(0, 1), ["at"])[0]
