"""Every kind of cell has one rule: what it becomes, and what it never becomes."""

import datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from millrace_contracts.tables import Dialect
from millrace_table import cells, columns, eventtimes, inference, moments, numbers, settling
from millrace_table.refusals import Unreadable


def texts(*values: str | None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.string())])


def read(column: pa.ChunkedArray, dialect: Dialect | None = None) -> tuple[str, list]:
    type = columns.infer(column, dialect)
    cells_ = columns.convert(column, type, "UTC", "c", dialect)
    assert not cells_.bad.any()
    return type, cells_.values.to_pylist()


@pytest.mark.parametrize(
    ("written", "values"),
    [
        (("39,20", "5,1"), [39.2, 5.1]),
        (("1.234,50", "2.345"), [1234.5, 2345.0]),
        (("1,234.50", "2,345"), [1234.5, 2345.0]),
        (("1,234,567", "12"), [1234567.0, 12.0]),
        (("12,34,567.5", "8"), [1234567.5, 8.0]),
        (("$4,237.44", "$8"), [4237.44, 8.0]),
        (("12\u00a0345,50 €", "7,00 €"), [12345.5, 7.0]),
        (("CHF 1'200.50", "CHF 3.10"), [1200.5, 3.1]),
        (("5%", "12.5 %"), [0.05, 0.125]),
        (("(1,234.50)", "\u22125.25", "12.50-"), [-1234.5, -5.25, -12.5]),
        (("1,5", "1500"), [1.5, 1500.0]),
        (("３４．２０", "－５．５"), [34.2, -5.5]),
        (("٣٤٫٢٥", "١٬٢٣٤٫٥"), [34.25, 1234.5]),
        (("2,345", "1500"), [2.345, 1500.0]),
        (("-0.0", "1.5"), [0.0, 1.5]),
        (("2.5", "1e3"), [2.5, 1000.0]),
        (("0.1", "NA", "None", ""), [0.1, None, None, None]),
    ],
)
def test_numbers_in_the_usual_writings(written, values):
    assert read(texts(*written)) == ("number", values)


@pytest.mark.parametrize(
    "written",
    [
        ("1,234", "5,678"),
        ("1E5", "2E7", "100"),
        ("01067", "1067"),
        ("555 123", "444 222"),
        ("12345678901234567890", "1"),
        ("1,5", "1.5"),
        ("1.1.1", "2.0.1"),
        ("12 kg", "7 kg"),
        ("0x1F", "0x20"),
        ("12-13", "14-15"),
    ],
)
def test_what_could_be_something_else_stays_text(written):
    assert read(texts(*written)) == ("string", list(written))


def test_many_short_numbers_prove_that_a_comma_is_for_thousands():
    written = [*(f"{number},{number}50" for number in range(1, 10)), "10,500", "900"]
    assert read(texts(*written))[1][0] == 1150.0


def test_the_dialect_decides_where_the_column_does_not_and_the_column_where_it_does():
    german, english = Dialect(decimal=",", thousands="."), Dialect(decimal=".", thousands=",")
    assert read(texts("1,234", "5,678"), german) == ("number", [1.234, 5.678])
    assert read(texts("1,234", "5,678"), english) == ("number", [1234.0, 5678.0])
    assert read(texts("52.5", "13.25"), german) == ("number", [52.5, 13.25])


def test_a_file_settles_what_one_of_its_columns_leaves_open():
    table = pa.table({"a": ["39,20", "5,1"], "b": ["1,234", "5,678"], "d": ["31/12/2024", "01/02/2024"]})
    dialect = settling.settled(table, None)
    assert (dialect.decimal, dialect.thousands, dialect.date_order) == (",", "", "dmy")
    assert read(texts("1,234", "5,678"), dialect) == ("number", [1.234, 5.678])
    said = settling.settled(table, Dialect(decimal=".", date_order="mdy"))
    assert (said.decimal, said.date_order) == (".", "mdy")


@pytest.mark.parametrize(
    ("price", "sign"),
    [
        ("1 234,50", " "),
        ("1\u202f234,50 €", " "),
        ("12 345 €", " "),
        ("1'234.50", "'"),
        ("CHF 1\u2019234", "'"),
    ],
)
def test_groups_of_three_digits_are_numbers_where_another_column_groups_so(price, sign):
    counts = ["95 531", "8 713", "1 029 101"]
    table = pa.table({"price": [price, "7,5" if "," in price else "7.5", "3"], "count": counts})
    dialect = settling.settled(table, None)
    assert dialect.thousands == sign
    if sign == " ":
        assert read(texts(*counts), dialect) == ("number", [95531.0, 8713.0, 1029101.0])
    assert read(texts(*counts)) == ("string", counts)
    assert read(texts("732 829 320", "552 100 554"), dialect)[0] == "string"


def test_apostrophes_are_for_thousands_and_for_no_codes():
    assert read(texts("95'531", "8'713")) == ("number", [95531.0, 8713.0])


def test_whole_numbers_are_exact_up_to_64_bits():
    exact = ["9007199254740993", "9007199254740992", "-9223372036854775807"]
    assert read(texts(*exact)) == ("integer", [int(text) for text in exact])
    typed = columns.convert(texts("9,007,199,254,740,993", "12.0", "1e3", "007"), "integer", "UTC", "c")
    assert typed.values.to_pylist() == [9007199254740993, 12, 1000, None]
    assert typed.bad.tolist() == [False, False, False, True]


def test_infinity_and_what_no_model_can_be_asked_about_count_as_missing_and_are_counted():
    for column in (
        texts("inf", "1.5", "1e400", "-Infinity", "1e39"),
        pa.chunked_array([[float("inf"), 1.5, 1e39, float("-inf"), -1e39]]),
    ):
        typed = columns.convert(column, "number", "UTC", "c")
        assert typed.values.to_pylist() == [1.5 if place == 1 else None for place in range(5)]
        assert (typed.bad.any(), typed.infinite) == (False, 4)


def test_truth_values_in_their_usual_writings_and_yes_is_a_word():
    typed = columns.convert(texts("true", "TRUE", "t", "1", "f", "0.0", "yes"), "boolean", "UTC", "c")
    assert typed.values.to_pylist() == [True, True, True, True, False, False, None]
    assert typed.bad.tolist() == [False] * 6 + [True]
    assert columns.infer(texts("yes", "no")) == "string"


@pytest.mark.parametrize(
    ("written", "iso"),
    [
        ("2024-05-03", "2024-05-03T00:00:00+00:00"),
        ("2024/5/3 7:05", "2024-05-03T07:05:00+00:00"),
        ("2024-05-03T12:00:00,123456789Z", "2024-05-03T12:00:00.123456+00:00"),
        ("2024-05-03T12:00:00+0530", "2024-05-03T06:30:00+00:00"),
        ("2024-05-03 12:00 Europe/Berlin", "2024-05-03T10:00:00+00:00"),
        ("2024-05-03T12:00:00+02:00[Europe/Berlin]", "2024-05-03T10:00:00+00:00"),
        ("31.12.2024 18:33", "2024-12-31T18:33:00+00:00"),
        ("12/31/2024 2:30 PM", "2024-12-31T14:30:00+00:00"),
        ("3 May 2024", "2024-05-03T00:00:00+00:00"),
        ("03-May-2024 08:00", "2024-05-03T08:00:00+00:00"),
        ("May 3, 2024 12:15 am", "2024-05-03T00:15:00+00:00"),
        ("Fri, 03 May 2024 12:00:00 GMT", "2024-05-03T12:00:00+00:00"),
        ("20240503", "2024-05-03T00:00:00+00:00"),
        ("20240503T101112Z", "2024-05-03T10:11:12+00:00"),
        ("2024-05", "2024-05-01T00:00:00+00:00"),
        ("1714737600", "2024-05-03T12:00:00+00:00"),
        ("1714737600.5", "2024-05-03T12:00:00.500000+00:00"),
        ("1714737600000", "2024-05-03T12:00:00+00:00"),
        ("1714737600000000000", "2024-05-03T12:00:00+00:00"),
    ],
)
def test_times_in_the_usual_forms(written, iso):
    typed = columns.convert(texts(written), "timestamp", "UTC", "c")
    assert typed.values.to_pylist()[0].isoformat() == iso


@pytest.mark.parametrize(
    "written",
    [
        "03/04/2024",
        "2024-02-30",
        "31/31/2024",
        "3 Mayo 2024",
        "2024",
        "44927.52",
        "13:00",
        "13/05/2024 13:00 PM",
    ],
)
def test_what_is_no_time_or_two_is_none(written):
    assert columns.convert(texts(written), "timestamp", "UTC", "c").values.to_pylist() == [None]


def test_two_offsets_of_one_zone_are_instants_whatever_the_loops_zone():
    column = texts("2024-01-01T00:00:00-08:00", "2024-07-01T00:00:00-07:00")
    values = columns.convert(column, "timestamp", "UTC", "c").values.to_pylist()
    assert [moment.hour for moment in values] == [8, 7]


def test_day_first_only_when_a_cell_proves_it_or_somebody_says_it():
    ambiguous = texts("03/04/2024", "05/06/2024")
    assert columns.infer(ambiguous) == "string"
    assert read(ambiguous, Dialect(date_order="dmy"))[1][0].month == 4
    assert read(texts("03/04/2024", "31/12/2024"))[1][0].month == 4
    assert read(texts("03/04/2024", "12/31/2024"))[1][0].month == 3
    assert columns.infer(texts("31/12/2024", "12/31/2024")) == "string"


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (texts("03/04/2024", "05/06/2024"), "nothing says which number is the day"),
        (texts("44927.52", "44928.5"), "looks like an Excel date"),
        (pa.chunked_array([[44927, 44928]]), "looks like an Excel date"),
        (pa.chunked_array([[1, 2]]), "numbers like 1, not times"),
        (texts("soon", "later"), "texts like 'soon', not times"),
        (pa.chunked_array([[True]]), "boolean, not times"),
        (texts("2024-05-01", "9999-12-31"), "beyond the years 1800 to 2199, like '9999-12-31'"),
        (texts("01.03.24", "31.03.24"), "whose years have two digits"),
    ],
)
def test_an_event_time_that_is_none_is_refused_with_a_cell(column, words):
    with pytest.raises(Unreadable) as caught:
        eventtimes.check(column, "at", None)
    assert words in caught.value.check.observed
    assert caught.value.check.mend


@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000, 1_000_000_000])
def test_seconds_since_1970_are_times_when_they_are_chosen_as_event_time(unit):
    table = pa.table({"at": [(1_714_737_600 + day * 86_400) * unit for day in range(60)], "y": range(60)})
    contract = inference.infer(table, "y", "at", "UTC")
    assert contract.column("at").type == "timestamp"
    assert moments.micros(1_714_737_600 * unit) == 1_714_737_600_000_000


@pytest.mark.parametrize(
    ("values", "raw"),
    [
        (pa.array([datetime.timedelta(seconds=90), None]), [90.0, None]),
        (pa.array([datetime.time(8, 30)]), [30600.0]),
        (pa.array([b"\x01\xff"]), ["01ff"]),
        (pa.array([[1, 2], None]), [[1, 2], None]),
        (pa.array([[1, 2], [3]]), ["[1,2]", "[3]"]),
        (pa.array([{"a": 1, "b": "x"}]), ['{"a":1,"b":"x"}']),
        (pa.array([Decimal("1.50")]), [1.5]),
        (pa.array([Decimal("12345678901234567890123")]), ["12345678901234567890123"]),
        (pa.array([2**63], pa.uint64()), ["9223372036854775808"]),
        (pa.array([7], pa.uint64()), [7]),
        (pa.array([1.5], pa.float32()), [1.5]),
        (pa.array([1, None], pa.int8()), [1, None]),
        (pa.array(["x", "x"]).dictionary_encode(), ["x", "x"]),
        (pa.array([None, None]), [None, None]),
    ],
)
def test_each_kind_of_column_of_a_parquet_file_has_one_rule(values, raw):
    assert cells.raw(pa.chunked_array([values])).to_pylist() == raw


def test_a_time_of_day_and_a_duration_mean_the_same_in_text():
    typed = columns.convert(texts("08:30", "0:01:30", "PT1M30S", "1 day 00:00:01"), "number", "UTC", "c")
    assert typed.values.to_pylist() == [30600.0, 90.0, 90.0, 86401.0]


def test_values_as_text_are_what_a_text_file_says():
    day = pa.chunked_array([pa.array([datetime.datetime(2024, 1, 2), datetime.datetime(2024, 1, 2, 3, 4)])])
    assert read_as_text(day) == ["2024-01-02", "2024-01-02 03:04:00"]
    assert read_as_text(pa.chunked_array([[1.0, 2.5]])) == ["1", "2.5"]
    assert read_as_text(pa.chunked_array([[True, False]])) == ["true", "false"]


def read_as_text(column: pa.ChunkedArray) -> list:
    return columns.convert(column, "string", "UTC", "c").values.to_pylist()


def test_a_word_for_missing_is_missing_in_a_column_of_words_only_where_the_dialect_says_so():
    column = texts("NA", "DE", "NA")
    assert read(column)[1] == ["NA", "DE", "NA"]
    assert read(column, Dialect(missing=["NA"]))[1] == [None, "DE", None]
    assert read(texts("NA", "1", "2"))[1] == [None, 1, 2]


def test_a_style_is_told_from_its_contradictions():
    assert numbers.style_of(["1,5", "1.5"], None) is None
    assert numbers.style_of(["1,234.5", "1.234,5"], None) is None
