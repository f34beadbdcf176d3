"""`millrace init`: a loop and a contract from a sample, which the platform's own schema accepts."""

import csv
import json
import random
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from sklearn.datasets import load_breast_cancer

from millrace.documents import load


@pytest.fixture
def tumours(tmp_path):
    frame = load_breast_cancer(as_frame=True).frame
    path = tmp_path / "tumours.csv"
    frame.rename(columns=lambda name: name.replace(" ", "_")).to_csv(path, index=False)
    return path


@pytest.fixture
def sales(tmp_path):
    """200 days of sales in two shops, with an identifier and missing prices."""
    chance, path = random.Random(5), tmp_path / "sales.csv"
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(("order", "sold_at", "shop", "price", "revenue"))
        for number in range(800):
            when = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=6 * number)
            price = "" if number % 50 == 0 else f"{chance.uniform(1, 9):.2f}"
            lines.writerow(
                (f"o{number:05}", when.isoformat(), chance.choice("AB"), price, chance.randint(5, 99))
            )
    return path


def test_a_table_without_times_becomes_a_loop_that_is_accepted(millrace, tumours, nowhere):
    done = millrace("init", "tumours", "--data", tumours, "--target", "target", "--into", tumours.parent)
    assert done.code == 0, done.stderr
    assert "569 rows" in done.stdout
    assert "apply -f" in done.stdout
    assert "backtest" not in done.stdout, "without event times there are no days to replay"
    loop = load(tumours.parent / "tumours.yaml")
    assert (loop.spec.task, loop.spec.target, loop.spec.data.event_time) == ("binary", "target", None)
    assert loop.spec.rollout.plan() == {"mirror": None, "canary": []}
    assert (tumours.parent / loop.spec.data.source.path).resolve() == tumours
    assert loop.spec.data.contract.column("mean_radius").minimum == 6.981
    assert loop.document()["metadata"] == {"name": "tumours", "project": "default"}


def test_a_table_with_times_becomes_a_loop_that_counts_in_event_time(millrace, sales, nowhere):
    done = millrace(
        "init", "shop", "--data", sales, "--target", "revenue", "--time", "sold_at",
        "--timezone", "Europe/Berlin", "--into", sales.parent / "loops",
    )  # fmt: skip
    assert done.code == 0, done.stderr
    assert f"millrace backtest -f {sales.parent / 'loops' / 'shop.yaml'} --data {sales}" in done.stdout
    loop = load(sales.parent / "loops" / "shop.yaml")
    data = loop.spec.data
    assert (loop.spec.task, data.event_time, data.timezone) == ("regression", "sold_at", "Europe/Berlin")
    assert data.exclude == ["order"]
    assert data.source.path == "../sales.csv"
    assert loop.spec.holdout_days() == 28
    assert loop.spec.training.windows == ["all", "60d"]
    assert loop.spec.rollout.canary[0].percent == 10
    contract = data.contract
    assert contract.column("shop").allowed == ["A", "B"]
    assert contract.column("price").missing_at_most >= 0.05
    assert contract.column("revenue").missing_at_most == 0
    assert (contract.column("revenue").maximum, contract.column("revenue").guessed) == (99, True)


def test_every_part_of_the_draft_is_commented(millrace, sales):
    millrace("init", "shop", "--data", sales, "--target", "revenue", "--into", sales.parent)
    text = (sales.parent / "shop.yaml").read_text()
    assert text.count("#") > 15
    assert yaml.safe_load(text)["spec"]["data"]["contract"] == "shop.contract.yaml"
    assert yaml.safe_load((sales.parent / "shop.contract.yaml").read_text())["target"] == "revenue"


def test_files_that_exist_are_written_over_only_when_asked(millrace, sales):
    arguments = ("init", "shop", "--data", sales, "--target", "revenue", "--into", sales.parent)
    assert millrace(*arguments).code == 0
    (sales.parent / "shop.yaml").write_text("mine")
    refused = millrace(*arguments)
    assert refused.code == 1
    assert "--force" in refused.stderr
    assert (sales.parent / "shop.yaml").read_text() == "mine"
    assert millrace(*arguments, "--force").code == 0


@pytest.mark.parametrize(
    ("name", "content", "target", "told"),
    [
        ("empty.csv", "", "y", "empty"),
        ("header.csv", "x,y\n", "y", "no rows"),
        ("twice.csv", "x,x,y\n1,2,3\n", "y", "x"),
        ("lacking.csv", "x,y\n1,2\n3,4\n", "z", "no column 'z'"),
        ("one.csv", "x,y\n1,2\n3,2\n", "y", "fewer than two values"),
        ("classes.csv", "x,y\n1,a\n3,b\n5,c\n", "y", "3 classes"),
        ("table.xls", "PK", "y", "ending"),
    ],
)
def test_a_sample_that_says_nothing_is_refused_in_words(millrace, tmp_path, name, content, target, told):
    path = tmp_path / name
    path.write_text(content)
    done = millrace("init", "shop", "--data", path, "--target", target, "--into", tmp_path)
    assert done.code == 1
    assert told in done.stderr
    assert not (tmp_path / "shop.yaml").exists()


@pytest.mark.parametrize("name", ["Shop", "-x", "a b", "x" * 64])
def test_a_bad_name_is_refused(millrace, sales, name):
    done = millrace("init", "--data", sales, "--target", "revenue", "--into", sales.parent, "--", name)
    assert done.code == 1
    assert "cannot be a name" in done.stderr


def test_json_lines_are_read_too(millrace, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps({"x": number, "y": number % 2 == 0}) for number in range(80)))
    assert millrace("init", "parity", "--data", path, "--target", "y", "--into", tmp_path).code == 0
    assert load(tmp_path / "parity.yaml").spec.task == "binary"


def penguins(path):
    """Text classes, columns of text, and holes, as in the table of that name; one class is very rare."""
    chance = random.Random(3)
    kinds = [("Adelie", 38), ("Gentoo", 47), ("Chinstrap", 48)]
    rows = [chance.choice(kinds) for _ in range(120)] + [("Emperor", 70)] * 3
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(("species", "island", "bill_length_mm", "sex"))
        for place, (species, bill) in enumerate(rows):
            length = "" if place % 40 == 0 else f"{chance.gauss(bill, 2):.1f}"
            lines.writerow((species, chance.choice(("Dream", "Biscoe")), length, chance.choice(("male", ""))))
    return path


def test_text_of_three_kinds_or_more_is_a_task_of_many_classes_with_no_extra_word(
    millrace, tmp_path, nowhere
):
    path = penguins(tmp_path / "penguins.csv")
    done = millrace("init", "penguins", "--data", path, "--target", "species", "--into", tmp_path)
    assert done.code == 0, done.stderr
    assert load(tmp_path / "penguins.yaml").spec.task == "multiclass"
    assert "Rare classes of 'species': 'Emperor' (3 rows)" in done.stdout


@pytest.mark.parametrize(
    ("values", "task", "told"),
    [
        (lambda n: n % 3, "multiclass", "only 3 different whole numbers"),
        (lambda n: n % 90, "regression", "90 different whole numbers: it is predicted as a number"),
        (lambda n: n % 2, "binary", "binary"),
        (lambda n: (n % 3) / 2, "regression", "If they name classes, choose the task multiclass"),
    ],
)
def test_whole_numbers_are_classes_when_few_come_again_and_again(millrace, tmp_path, values, task, told):
    path = tmp_path / "rows.csv"
    path.write_text("x,y\n" + "".join(f"{number},{values(number)}\n" for number in range(300)))
    done = millrace("init", "rows", "--data", path, "--target", "y", "--into", tmp_path)
    assert done.code == 0, done.stderr
    assert load(tmp_path / "rows.yaml").spec.task == task
    assert told in done.stdout


def test_the_task_can_be_said(millrace, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("x,y\n" + "".join(f"{number},{number % 3}\n" for number in range(300)))
    arguments = ("init", "rows", "--data", path, "--target", "y", "--into", tmp_path, "--force", "--task")
    assert millrace(*arguments, "regression").code == 0
    assert load(tmp_path / "rows.yaml").spec.task == "regression"
    refused = millrace(*arguments, "binary")
    assert refused.code == 1
    assert "3 different values of type integer, which is no binary" in refused.stderr


@pytest.mark.parametrize("days", [2, 4])
@pytest.mark.parametrize("task", [None, "binary", "multiclass"])
def test_times_are_no_target(millrace, tmp_path, days, task):
    path = tmp_path / "rows.csv"
    path.write_text("x,y\n" + "".join(f"{number},2024-05-0{1 + number % days}\n" for number in range(300)))
    asked = () if task is None else ("--task", task)
    done = millrace("init", "rows", "--data", path, "--target", "y", "--into", tmp_path, *asked)
    assert done.code == 1
    assert "holds times" in done.stderr or "type timestamp" in done.stderr
    assert not (tmp_path / "rows.yaml").exists()


def test_how_a_file_is_written_is_found_said_and_stays_in_the_contract(millrace, tmp_path):
    rows = "".join(f"{place % 7},5;{place % 3};{place * 2}\n" for place in range(100))
    path = tmp_path / "rents.txt"
    path.write_bytes(("Mieten für May\n\narea;rooms;rent\n" + rows + "1;2\n").encode("latin-1"))
    said = millrace("init", "rents", "--data", str(path), "--target", "rent", "--into", str(tmp_path))
    assert "Written with delimiter ;, latin-1, header in line 3, decimal ,." in said.stdout
    assert (
        "1 line could not be read and is left out; the first is line 104: It has 2 cells, not 3."
        in said.stdout
    )
    assert "delimiter: ;" in (tmp_path / "rents.contract.yaml").read_text()
    wrong = millrace("init", "b", "--data", path, "--target", "rent", "--encoding", "klingon")
    assert wrong.code == 1
    assert "--encoding: Input should be 'utf-8'" in wrong.stderr


def test_a_monthly_table_gets_a_holdout_in_months_that_its_gate_can_be_met_with(millrace, tmp_path, nowhere):
    path = tmp_path / "claims.csv"
    months = [datetime(2019 + number // 12, number % 12 + 1, 1) for number in range(48)]
    lines = [
        f"{month:%Y-%m-%d},{branch},{number * 7 % 50}"
        for number, month in enumerate(months)
        for branch in "ABC"
    ]
    path.write_text("\n".join(["month,branch,claims", *lines]))
    done = millrace(
        "init", "claims", "--data", path, "--target", "claims", "--time", "month", "--into", tmp_path
    )  # fmt: skip
    assert done.code == 0, done.stderr
    assert "Rows come by the month: 48 of them" in done.stdout + done.stderr
    spec = load(tmp_path / "claims.yaml").spec
    assert (spec.gates.champion.block, spec.gates.champion.minimum_days) == ("month", 10)
    assert (spec.training.holdout, spec.monitoring.drift.window, spec.triggers.new_data.rows) == (
        "365d",
        "3d",
        3,
    )


def test_what_is_odd_about_a_sample_is_told_once(millrace, tmp_path, nowhere):
    """Rows of 2099, names in nearly every row, too few rows; and one far row makes no draft that is refused."""
    lines = [
        f"2099-01-{1 + n // 24:02}T{n % 24:02}:00:00Z,name {n if n % 50 else 1},{n * 7 % 11}.5"
        for n in range(300)
    ]
    (tmp_path / "odd.csv").write_text("\n".join(["at,who,y", *lines]))
    (tmp_path / "few.csv").write_text("\n".join(["at,who,y", *lines[:9], "2024-01-01T00:00:00Z,a,1.5"]))
    asked = ("--target", "y", "--time", "at", "--into", tmp_path)
    odd = millrace("init", "odd", "--data", tmp_path / "odd.csv", *asked)
    assert odd.stdout.count("'who' has 294 different texts") == 1
    assert "300 rows have a time in 'at' that is yet to come (2099-01-01)" in odd.stdout
    few = millrace("init", "few", "--data", tmp_path / "few.csv", *asked)
    assert few.code == 0, few.stderr
    assert "10 rows are fewer than the 50" in few.stdout
    load(tmp_path / "few.yaml")


def test_words_that_count_as_missing_are_counted_and_named(millrace, tmp_path):
    lines = [f"{('NA', 'DE', 'FR')[number % 3]},{number % 7},{number * 1.5}" for number in range(60)]
    (tmp_path / "fees.csv").write_text("\n".join(["country,size,fee", *lines]))
    done = millrace("init", "fees", "--data", tmp_path / "fees.csv", "--target", "fee", "--into", tmp_path)
    assert "20 cells of 'country' are 'NA' and count as missing" in done.stdout
