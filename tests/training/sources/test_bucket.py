"""Files of a folder or a bucket: each once, a changed one again, and what cannot be read is said."""

import pytest
from obstore.store import MemoryStore

from millrace_contracts.pulls import LookSpec
from millrace_training.runtime.errors import JobError
from millrace_training.sources import look, stores, unfinished


def sheet(first, last):
    lines = [f"{n},shop {n % 3},{10 + (n % 40) * 1.5}" for n in range(first, last + 1)]
    return "\n".join(["id,shop,price", *lines]) + "\n"


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "daily"
    place.mkdir()
    (place / "01.csv").write_text(sheet(1, 200))
    (place / "02.csv").write_text(sheet(201, 240))
    return place


def source(place, **more):
    return {"bucket": {"url": f"file://{place}"} | more}


def ids(rows):
    return sorted(rows().column("id").to_pylist())


def test_every_file_comes_once_in_the_order_of_their_names(folder, pulled, rows, client):
    result = pulled(source(folder))
    assert (result.new_rows, [item.name for item in result.deliveries]) == (240, ["01.csv", "02.csv"])
    assert pulled(source(folder)).deliveries == []
    (folder / "deeper").mkdir()
    (folder / "deeper" / "03.csv").write_text(sheet(241, 260))
    assert pulled(source(folder)).new_rows == 20
    assert ids(rows) == list(range(1, 261))


def test_a_file_that_was_changed_brings_its_new_rows_alone(folder, pulled, rows):
    pulled(source(folder))
    (folder / "02.csv").write_text(sheet(201, 250))
    result = pulled(source(folder))
    assert (result.new_rows, result.known_rows) == (10, 40)
    assert ids(rows) == list(range(1, 251))


def test_names_choose_and_a_tools_own_files_are_left_aside(folder, pulled):
    (folder / "_SUCCESS").write_text("")
    (folder / ".01.csv.swp").write_text("x")
    (folder / "notes.docx").write_text("x")
    (folder / "other.csv").write_text("nothing,like,it\n1,2,3\n")
    result = pulled(source(folder, pattern="0*.csv"))
    assert (result.new_rows, result.refused) == (240, 0)
    result = pulled(source(folder))
    assert "files with other endings are left aside, like notes.docx" in result.reason
    assert result.refused == 1


@pytest.mark.parametrize("place", range(8))
def test_a_pull_killed_between_files_brings_every_row_once(place, folder, pulled, rows, context, monkeypatch):
    from millrace_training.rows.records import Records

    class Killed(BaseException):
        """The process is gone."""

    count, kept = [0], Records.add_version

    def dying(self, *arguments):
        count[0] += 1
        if count[0] == place // 2 + 1 and place % 2:
            kept(self, *arguments)
        if count[0] == place // 2 + 1:
            raise Killed
        return kept(self, *arguments)

    monkeypatch.setattr(Records, "add_version", dying)
    job = context("one")
    for _ in range(3):
        try:
            result = pulled(source(folder), job)
            break
        except Killed:
            continue
    assert result.new_rows == 240
    assert ids(rows) == list(range(1, 241))


def test_a_store_in_memory_goes_the_same_way(pulled, rows, monkeypatch):
    store = MemoryStore()
    store.put("2024/a.csv", sheet(1, 200).encode())
    monkeypatch.setattr(stores, "from_url", lambda url, **options: store)
    asked = {"bucket": {"url": "s3://sales", "options": {"region": "eu-central-1"}}}
    assert pulled(asked).new_rows == 200
    assert pulled(asked).deliveries == []


def test_an_endpoint_must_be_allowed_and_a_secret_there(pulled, monkeypatch):
    asked = {"bucket": {"url": "s3://sales", "options": {"endpoint": "http://10.0.0.1:9000"}}}
    with pytest.raises(JobError, match=r"10.0.0.1:9000 is not among the hosts"):
        pulled(asked)
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with pytest.raises(JobError, match="env NO_SUCH_KEY is not there"):
        pulled({"bucket": {"url": "s3://sales", "secrets": {"access_key_id": {"env": "NO_SUCH_KEY"}}}})


def test_how_its_files_are_written_may_be_said(tmp_path, pulled, rows, context):
    place = tmp_path / "export"
    place.mkdir()
    lines = [f"{n}|shop {n % 3}|1.0{n % 90 + 10},5" for n in range(1, 201)]
    (place / "01.csv").write_text("\n".join(["id|shop|price", *lines]) + "\n")
    dialect = {"delimiter": "|", "decimal": ",", "thousands": "."}
    told = source(place) | {"dialect": dialect}
    assert pulled(told, dialect=dialect).new_rows == 200
    assert rows().column("price").to_pylist()[:2] == [1011.5, 1012.5]
    shown = look.run(LookSpec.model_validate({"source": told}), context())
    assert [column.name for column in shown.columns] == ["id", "shop", "price"]


def test_a_file_that_is_being_written_waits_for_its_last_line(folder, pulled, rows, monkeypatch):
    whole = sheet(201, 240)
    (folder / "02.csv").write_text(whole[:-3])  # the last price is 1 so far
    monkeypatch.setattr(unfinished.time, "sleep", lambda seconds: (folder / "02.csv").write_text(whole))
    first = pulled(source(folder))
    assert (first.new_rows, "02.csv is being written; the next look takes it" in first.reason) == (200, True)
    assert pulled(source(folder)).new_rows == 40
    assert ids(rows) == list(range(1, 241))


def test_a_file_without_a_last_line_end_is_taken_once_it_has_settled(folder, pulled, rows, monkeypatch):
    slept = []
    monkeypatch.setattr(unfinished.time, "sleep", slept.append)
    (folder / "02.csv").write_text(sheet(201, 240).rstrip("\n"))
    assert pulled(source(folder)).new_rows == 240
    assert len(slept) == 1
    assert slept[0] <= 2
