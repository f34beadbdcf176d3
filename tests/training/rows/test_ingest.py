"""Deliveries against a real registry: accepted ones become versions, refused ones are kept in quarantine."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tables import sales, to_csv

from millrace.client import ApiError
from millrace_contracts.data import DataContract
from millrace_contracts.rows import DeliveryReport, IngestResult, IngestSpec
from millrace_table import inference, reading, streamed
from millrace_training.jobs import ending
from millrace_training.rows import files, ingest
from millrace_training.rows.records import Records


def run(spec: dict, context) -> dict:
    """The result as JSON."""
    return ingest.run(IngestSpec.model_validate(spec), context).model_dump(mode="json")


@pytest.fixture
def push(client, context):
    """`push(bytes, …)` uploads a delivery, ingests it and returns the result."""

    def pushed(data: bytes, format: str = "csv", job=None, **spec) -> dict:
        source = {"kind": "artifact", "name": "a.csv", "format": format}
        source["digest"] = client.registry.put_artifact(data)
        roles = {"target": "revenue", "event_time": "sold_at"}
        return run({"dataset": "sales", "source": source} | roles | spec, job or context())

    return pushed


def rows_of(client, number) -> pa.Table:
    version = client.registry.dataset_version("sales", number)
    return files.from_parquet([client.registry.get_artifact(file.digest) for file in version.files])


def test_a_good_first_delivery_becomes_a_version_with_its_inferred_contract(push, client):
    result = push(to_csv(sales()), timezone="Europe/Berlin")
    assert result["accepted"], result["reason"]
    assert (result["dataset_version"], result["rows"], result["new_rows"]) == (1, 400, 400)
    version = client.registry.dataset_version("sales")
    assert version.first_event == datetime(2024, 1, 1, 7, tzinfo=UTC)
    assert version.contract["target"] == "revenue"
    assert version.profile["columns"]["shop"]["distinct"] == 3
    assert {column.name: column.type for column in version.data_schema}["sold_at"] == "timestamp"
    assert rows_of(client, 1).num_rows == 400


def test_a_large_file_is_read_in_pieces_tells_how_far_it_is_and_gives_the_same_version(
    push, client, context, monkeypatch
):
    push(to_csv(sales()))
    told, job = [], context()
    job.emit = told.append
    monkeypatch.setattr(reading, "LARGE", 1)
    monkeypatch.setattr(streamed, "PIECE", 150)
    monkeypatch.setattr("millrace_training.runtime.context.REPORT_SECONDS", 0)
    push(to_csv(sales()), job=job, dataset="copy")
    assert client.registry.dataset_version("copy").files == client.registry.dataset_version("sales").files
    numbers = [item.numbers["rows"] for item in told if item.step == "read" and "rows" in item.numbers]
    assert numbers == sorted(numbers)
    assert numbers[-1] == 400
    assert {item.step for item in told} == {"fetch", "read", "keep"}


@pytest.mark.parametrize(("key", "format"), [([], "csv"), (["sold_at"], "csv"), ([], "parquet")])
def test_large_deliveries_become_the_versions_that_small_ones_do(push, client, monkeypatch, key, format):
    """In pieces, of which none is the whole: new rows, repeated ones, corrections, and rows that are refused."""
    contract = inference.infer(reading.read(to_csv(sales()), "csv"), "revenue", "sold_at", "UTC")
    first, last = to_csv(sales()), to_csv(sales(900, seed=0).slice(350))
    wrong = last.replace(b"north", b"nord").replace(b"south", b"sud")
    deliveries = [first, last, wrong, last.replace(b"north", b"west")]
    if format == "parquet":
        deliveries = [files.to_parquet(reading.read(data, "csv")) for data in deliveries]
    told: list[list[dict]] = []
    for dataset, large in (("sales", 1 << 26), ("copy", 1)):
        monkeypatch.setattr(reading, "LARGE", large)
        monkeypatch.setattr("millrace_table.pieces.PIECE", 60)
        asked = contract.model_copy(update={"key": key}).model_dump(mode="json")
        results = [push(data, format, dataset=dataset, contract=asked) for data in deliveries]
        kept = {"decided", "reason", "quarantine"}
        told.append(
            [{name: value for name, value in result.items() if name not in kept} for result in results]
        )
    assert told[0] == told[1]
    assert [result["accepted"] for result in told[1]] == [True, True, False, True]
    for number in (1, 2, 3):
        small, big = (client.registry.dataset_version(name, number) for name in ("sales", "copy"))
        assert small.files == big.files
        assert (small.profile, small.index, small.data_schema) == (big.profile, big.index, big.data_schema)
        assert (small.rows, small.first_event, small.last_event) == (
            big.rows,
            big.first_event,
            big.last_event,
        )


def test_later_rows_extend_the_version_and_are_held_to_its_contract(push, client):
    push(to_csv(sales()))
    later = to_csv(sales(500, seed=1).slice(400))
    result = push(later)
    assert (result["dataset_version"], result["rows"], result["new_rows"]) == (2, 500, 100)
    assert client.registry.dataset_version("sales", 2).parent == 1
    assert rows_of(client, 2).num_rows == 500
    bad = later.replace(b"north", b"nord").replace(b"south", b"sud")
    result = push(bad)
    assert not result["accepted"]
    assert result["failed"] == [{"check": "values", "column": "shop"}]
    assert result["dataset_version"] == 2


def test_the_same_file_again_changes_nothing(push, client):
    push(to_csv(sales()))
    again = push(to_csv(sales()))
    assert (again["accepted"], again["unchanged"], again["dataset_version"], again["new_rows"]) == (
        True,
        True,
        1,
        0,
    )
    assert len(client.registry.dataset_versions("sales")) == 1


def test_a_job_that_died_after_its_version_was_made_still_calls_it_new(push, context, monkeypatch):
    push(to_csv(sales()))
    job, kept = context(), ingest.Records.add_version

    def die(self, *arguments):
        kept(self, *arguments)
        raise ConnectionError("killed here")

    later = to_csv(sales(500, seed=1).slice(400))
    monkeypatch.setattr(ingest.Records, "add_version", die)
    with pytest.raises(ConnectionError):
        push(later, job=job)
    monkeypatch.setattr(ingest.Records, "add_version", kept)
    result = push(later, job=job)
    assert (result["unchanged"], result["dataset_version"], result["new_rows"]) == (False, 2, 100)


def test_a_parent_that_moved_on_meanwhile_is_read_again(push, monkeypatch):
    push(to_csv(sales()))
    kept, other = ingest.Records.add_version, to_csv(sales(450, seed=2).slice(400))

    def late(self, *arguments):
        monkeypatch.setattr(ingest.Records, "add_version", kept)
        push(other)
        return kept(self, *arguments)

    monkeypatch.setattr(ingest.Records, "add_version", late)
    result = push(to_csv(sales(500, seed=1).slice(450)))
    assert (result["dataset_version"], result["rows"]) == (3, 500)


def test_the_same_rows_give_the_same_bytes(push, client):
    push(to_csv(sales()))
    first = client.registry.dataset_version("sales").files
    push(to_csv(sales()).replace(b"\n", b"\r\n"), dataset="copy")
    assert client.registry.dataset_version("copy").files == first


def damaged() -> pa.Table:
    table = sales()
    place = pa.array(range(400))
    visitors = pc.if_else(pc.less(place, 20), "n/k", table["visitors"].cast("string"))
    shop = pc.if_else(pc.equal(pc.bit_wise_and(place, 1), 0), None, table["shop"])
    table = table.set_column(2, "visitors", visitors).set_column(1, "shop", shop)
    table = table.set_column(5, "revenue", pc.multiply(table["revenue"], -1))
    return pa.concat_tables([table, table.slice(0, 99)])


def test_broken_data_is_refused_with_every_reason_and_kept_as_it_came(push, client):
    push(to_csv(sales()))
    data = to_csv(damaged())
    result = push(data)
    assert (result["accepted"], result["dataset_version"]) == (False, 1)
    checks = {item["check"] for item in result["failed"]}
    assert checks == {"type", "missing", "range", "duplicates"}
    assert "'visitors': " in result["reason"]
    (entry,) = client.registry.quarantined("sales")
    assert entry.id == result["quarantine"]
    assert client.registry.get_artifact(entry.artifact) == data
    assert entry.report == result["report"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"sold_at,revenue\n", "no rows"),
        (b"sold_at,revenue\n2024-01-01,1\0\n", "null characters"),
        (b"sold_at,revenue\n" + b"2024-01-01,1\n" * 50 + b"2024-01-01,1,1\n", "1 line cannot be read"),
        (b"a,a\n1,2\n", "same name"),
        (b"sold_at,revenue\n2024-01-01T00:00:00Z,1\n2024-01-02,2\n", "offset"),
        (b"sold_at,x\n2024-01-01,1\n", "no column 'revenue'"),
        (b"sold_at,revenue\nyesterday,1\n", "not times"),
        (b"sold_at,revenue\n" + b"2024-01-01,1\n" * 5, "5 rows"),
        (
            b"sold_at,revenue\n" + b"".join(b"2024-01-%02d,\n" % day for day in range(1, 29)) * 3,
            "lack the target",
        ),
    ],
)
def test_each_unusable_first_file_is_a_readable_refusal_and_makes_no_version(push, client, data, words):
    result = push(data)
    assert (result["accepted"], result["dataset_version"]) == (False, None)
    assert words in result["reason"]
    assert all(item["mend"] for item in result["report"]["checks"] if item["verdict"] == "failed")
    assert len(client.registry.quarantined("sales")) == 1
    assert client.registry.dataset_versions("sales") == []


def feedback_rows(since: int, until: int) -> bytes:
    table = sales(600, seed=3).slice(since, until - since)
    times = pc.strptime(table["sold_at"], "%Y-%m-%d %H:%M", "us").cast(pa.timestamp("us", "UTC"))
    inputs = table.set_column(0, "sold_at", times).drop_columns(["open"])
    return files.to_parquet(inputs)


def from_production(context, **spec) -> dict:
    source = {"kind": "feedback", "endpoint": "sales"} | spec
    return run(
        {"dataset": "sales", "source": source, "target": "revenue", "event_time": "sold_at"}, context()
    )


def test_production_rows_extend_the_dataset_and_no_row_is_taken_twice(push, client, context, monitoring):
    push(to_csv(sales()))
    monitoring.data = feedback_rows(400, 480)
    result = from_production(context)
    assert (result["accepted"], result["dataset_version"], result["rows"]) == (True, 2, 480), result["reason"]
    assert rows_of(client, 2)["open"].null_count == 80
    assert client.registry.dataset_version("sales").source.until == datetime(
        2024, 1, 21, 7, 0, 0, 1, tzinfo=UTC
    )
    monitoring.data = feedback_rows(480, 500)
    assert from_production(context, since="2024-01-01T00:00:00Z")["rows"] == 500
    assert monitoring.asked == [(None, None), ("2024-01-21T07:00:00.000001Z", None)]


@pytest.mark.parametrize("data", [b"", feedback_rows(400, 400)])
def test_production_without_new_rows_changes_nothing(push, context, monitoring, data):
    push(to_csv(sales()))
    monitoring.data = data
    result = from_production(context)
    assert (result["accepted"], result["unchanged"], result["dataset_version"]) == (True, True, 1)


def test_broken_production_rows_are_quarantined_too(push, client, context, monitoring):
    push(to_csv(sales()))
    monitoring.data = files.to_parquet(sales().drop_columns(["open", "revenue"]))
    result = from_production(context)
    assert result["failed"] == [{"check": "columns", "column": None}]
    (entry,) = client.registry.quarantined("sales")
    assert client.registry.get_artifact(entry.artifact) == monitoring.data


def moved(until: int, **columns) -> bytes:
    """Production's rows, with other values in *columns*."""
    table = files.from_parquet([feedback_rows(400, until)])
    for name, change in columns.items():
        table = table.set_column(table.column_names.index(name), name, change(table[name]))
    return files.to_parquet(table)


def far(values):
    return pc.add(values, 100_000)


def test_what_production_is_asked_with_is_learnt_however_far_beyond_a_guess_it_lies(
    push, client, context, monitoring
):
    push(to_csv(sales()))
    monitoring.data = moved(
        480, visitors=far, shop=lambda values: pc.replace_substring(values, "north", "NORTH")
    )
    result = from_production(context)
    assert (result["accepted"], result["new_rows"]) == (True, 80), result["reason"]
    assert (
        "the contract's guess has grown: 'shop' also takes 'NORTH', maximum of 'visitors'" in result["reason"]
    )
    grown = {item["name"]: item for item in client.registry.dataset_version("sales").contract["columns"]}
    assert grown["visitors"]["maximum"] > 100_000
    assert "NORTH" in grown["shop"]["allowed"]
    assert all(grown[name]["guessed"] for name in ("visitors", "shop")), "it is a guess as before"


def test_every_change_of_a_guess_stands_in_the_decision_and_a_sentence_says_how_many_it_leaves_out():
    changes = [f"maximum of 'x{number}' is 9.0, it was 5.0" for number in range(7)]
    assert ingest._beside(DeliveryReport(), changes).endswith("'x4' is 9.0, it was 5.0 and 2 more)")
    came = {"dataset": "sales", "source": {"kind": "feedback", "endpoint": "sales"}}
    job = SimpleNamespace(kind="ingest", spec=came, id="j1", project="default", loop="sales", loop_run=2)
    result = IngestResult(
        accepted=True, rows=480, new_rows=80, changes=changes, dataset_version=2, reason="taken"
    )
    for kept in (result, result.model_copy(update={"changes": []})):
        (told,) = ending.decided(job, ending.Ending("succeeded", kept.model_dump(mode="json")))
        assert told.evidence.get("changes", []) == kept.changes


def test_bounds_that_a_person_said_hold_for_what_production_is_asked_with(push, client, context, monitoring):
    guess = inference.infer(sales(), "revenue", "sold_at", "UTC")
    said = [
        item.model_copy(update={"guessed": item.guessed and item.name != "visitors"})
        for item in guess.columns
    ]
    push(to_csv(sales()), contract=guess.model_copy(update={"columns": said}).model_dump(mode="json"))
    monitoring.data = moved(480, visitors=far)
    result = from_production(context)
    assert result["failed"] == [{"check": "range", "column": "visitors"}]


@pytest.mark.parametrize(("days", "taken"), [(range(1), False), (range(20), True)])
def test_truths_beyond_a_guess_are_learnt_once_they_are_many_on_two_days(
    push, client, context, monitoring, days, taken
):
    push(to_csv(sales()))
    table = files.from_parquet([feedback_rows(400, 520)])
    first = pc.min(pc.floor_temporal(table["sold_at"], unit="day")).as_py()
    day = pc.divide(pc.subtract(table["sold_at"], first).cast(pa.int64()), 86_400_000_000)
    changed = pc.if_else(pc.is_in(day, pa.array(days, pa.int64())), far(table["revenue"]), table["revenue"])
    monitoring.data = files.to_parquet(
        table.set_column(table.column_names.index("revenue"), "revenue", changed)
    )
    result = from_production(context)
    assert result["accepted"], result["reason"]
    contract = {item["name"]: item for item in client.registry.dataset_version("sales").contract["columns"]}
    assert contract["revenue"]["outside_at_most"] == pytest.approx(0.01)
    assert (contract["revenue"]["maximum"] > 100_000) is taken
    assert (result["new_rows"] == 120) is taken


def kinds_from(start: int, kinds: list[str]) -> pa.Table:
    """One row an hour, of a kind each, with a number that tells it."""
    count = len(kinds)
    begin = datetime(2024, 1, 1, tzinfo=UTC)
    times = [begin + timedelta(hours=start + place) for place in range(count)]
    sizes = [float(start + place) % 17 + len(kind) for place, kind in enumerate(kinds)]
    return pa.table({"at": pa.array(times, pa.timestamp("us", "UTC")), "size": sizes, "kind": kinds})


KNOWN = ["iris", "rose", "tulip"]


def flowers_from_production(context, **more):
    source = {"kind": "feedback", "endpoint": "flowers"}
    asked = {"dataset": "flowers", "source": source, "target": "kind", "event_time": "at"}
    return run(asked | {"known_classes": KNOWN} | more, context())


@pytest.fixture
def flowers(push):
    push(
        files.to_parquet(kinds_from(0, KNOWN * 100)), "parquet",
        dataset="flowers", target="kind", event_time="at",
    )  # fmt: skip


def test_classes_that_labels_bring_are_kept_and_named_and_the_guess_grows_by_what_is_known(
    flowers, client, context, monitoring
):
    monitoring.data = files.to_parquet(kinds_from(300, ["lily"] * 30 + ["typo"] * 2 + KNOWN * 2))
    result = flowers_from_production(context)
    assert (result["accepted"], result["new_rows"]) == (True, 38), result["reason"]
    (told,) = [one for one in result["report"]["checks"] if one["check"] == "new classes"]
    assert told["verdict"] == "noted"
    assert told["observed"] in result["reason"]
    assert told["observed"] == "classes that production does not know: 30 rows of 'lily', 2 rows of 'typo'"
    (kind,) = [
        one for one in client.registry.dataset_version("flowers").contract["columns"] if one["name"] == "kind"
    ]
    assert (kind["allowed"], kind["guessed"]) == (KNOWN, True)
    monitoring.data = files.to_parquet(kinds_from(400, ["lily", "iris"] * 10))
    assert flowers_from_production(context, known_classes=[*KNOWN, "lily"])["accepted"]
    (kind,) = [
        one for one in client.registry.dataset_version("flowers").contract["columns"] if one["name"] == "kind"
    ]
    assert kind["allowed"] == sorted([*KNOWN, "lily"])


def test_classes_that_a_person_said_are_held(push, client, context, monitoring):
    table = kinds_from(0, KNOWN * 100)
    guess = inference.infer(table, "kind", "at", "UTC")
    assert guess.column("kind").guessed
    columns = [
        item.model_copy(update={"guessed": item.guessed and item.name != "kind"}) for item in guess.columns
    ]
    said = guess.model_copy(update={"columns": columns}).model_dump(mode="json")
    push(files.to_parquet(table), "parquet", dataset="flowers", target="kind", event_time="at", contract=said)
    monitoring.data = files.to_parquet(kinds_from(300, ["lily"] * 30 + KNOWN))
    result = flowers_from_production(context)
    assert result["failed"] == [{"check": "values", "column": "kind"}]


def test_two_classes_are_no_guess():
    table = kinds_from(0, ["iris", "rose"] * 50)
    assert not inference.infer(table, "kind", "at", "UTC").column("kind").guessed


def test_an_unknown_artifact_is_an_error_not_a_refusal(context):
    source = {"kind": "artifact", "name": "a", "format": "csv", "digest": "sha256:" + "0" * 64}
    with pytest.raises(ApiError, match="no artifact"):
        run({"dataset": "sales", "source": source}, context())


def test_a_full_re_export_adds_its_new_rows_only_and_says_so(push, client):
    whole = sales(500, seed=1)
    push(to_csv(whole.slice(0, 400)))
    result = push(to_csv(whole))
    assert (result["accepted"], result["rows"], result["new_rows"]) == (True, 500, 100), result["reason"]
    assert (result["report"]["repeated"], result["report"]["corrected"]) == (400, 0)
    assert "400 more were there already" in result["reason"]
    assert rows_of(client, 2).num_rows == 500


def test_an_export_without_anything_new_makes_no_version(push, client):
    push(to_csv(sales()))
    result = push(to_csv(sales().slice(100).take(list(range(299, -1, -1)))))
    assert (result["unchanged"], result["dataset_version"], result["report"]["repeated"]) == (True, 1, 300)
    assert len(client.registry.dataset_versions("sales")) == 1


def keyed(table: pa.Table) -> pa.Table:
    return table.append_column("id", pa.array([f"s{place:04}" for place in range(table.num_rows)]))


def test_the_same_key_again_corrects_the_row_and_both_versions_keep_theirs(push, client, context):
    sample = keyed(sales(500, seed=1))
    contract = inference.infer(sample, "revenue", "sold_at", "UTC").model_copy(update={"key": ["id"]})
    told = {"contract": contract.model_dump(mode="json")}
    push(to_csv(sample.slice(0, 400)), **told)
    changed = sample.set_column(
        5, "revenue", pc.if_else(pc.equal(sample["id"], "s0007"), 1.5, sample["revenue"])
    )
    result = push(to_csv(changed.slice(0, 450)), **told)
    assert (result["rows"], result["new_rows"]) == (450, 50), result["reason"]
    assert (result["report"]["repeated"], result["report"]["corrected"]) == (399, 1)
    assert "(1 of them corrects an earlier row; 399 more were there already)" in result["reason"]
    one = changed.slice(7, 1).set_column(5, "revenue", pa.array([2.5]))
    assert push(to_csv(one), **told)["reason"].startswith(
        "1 row of a.csv keeps the contract (1 of them corrects"
    )
    records = Records(context())
    first, second = (records.rows(client.registry.dataset_version("sales", number)) for number in (1, 2))
    old, new = (rows.filter(pc.equal(rows["id"], "s0007"))["revenue"].to_pylist() for rows in (first, second))
    assert (old, new) == ([sample["revenue"][7].as_py()], [1.5])
    assert second.num_rows == 450


def test_unique_holds_over_the_dataset_and_the_remedy_is_a_key(push):
    sample = keyed(sales(500, seed=1))
    push(to_csv(sample.slice(0, 400)))
    later = sample.slice(400).set_column(6, "id", pa.array([f"s{place:04}" for place in range(100)]))
    result = push(to_csv(later))
    assert result["failed"] == [{"check": "unique in the dataset", "column": "id"}]
    assert "`key`" in result["report"]["checks"][-2]["mend"]


def after_all(client, context, entry: int, **more) -> dict:
    spec = {"dataset": "sales", "source": {"kind": "quarantined", "entry": entry}} | more
    return run(spec | {"target": "revenue", "event_time": "sold_at"}, context())


def test_a_refused_delivery_is_taken_after_all_by_a_wider_contract_that_holds_from_then_on(
    push, client, context
):
    push(to_csv(sales()))
    other = sales(500, seed=1).slice(400)
    renamed = other.set_column(1, "shop", pc.replace_substring(other["shop"], "north", "NORTH"))
    refused = push(to_csv(renamed))
    assert refused["failed"] == [{"check": "values", "column": "shop"}]
    assert not after_all(client, context, refused["quarantine"])["accepted"]
    result = after_all(client, context, refused["quarantine"], widen=True)
    assert (result["accepted"], result["rows"], result["changes"]) == (
        True,
        500,
        ["'shop' also takes 'NORTH'"],
    )
    later = sales(600, seed=2).slice(500)
    again = later.set_column(1, "shop", pc.replace_substring(later["shop"], "north", "NORTH"))
    assert push(to_csv(again))["accepted"]


def test_what_is_declared_anew_rules_over_what_the_dataset_has_learnt(push, client):
    contract = inference.infer(sales(), "revenue", "sold_at", "UTC")
    push(to_csv(sales()), contract=contract.model_dump(mode="json"))
    wider = sales(500, seed=1).slice(400)
    wider = wider.set_column(1, "shop", pa.array(["east"] * 100))
    assert push(to_csv(wider), contract=contract.model_dump(mode="json"))["accepted"]
    grown = DataContract.model_validate(client.registry.dataset_version("sales").contract)
    assert "east" in grown.column("shop").allowed
    strict = contract.model_copy(deep=True)
    strict.column("shop").guessed = False
    later = sales(600, seed=2).slice(500).set_column(1, "shop", pa.array(["east"] * 100))
    refused = push(to_csv(later), contract=strict.model_dump(mode="json"))
    assert refused["failed"] == [{"check": "values", "column": "shop"}]
