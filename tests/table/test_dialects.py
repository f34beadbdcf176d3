"""However a file of rows is written, its cells come in as they stand there, or its owner is told which do not."""

import gzip
import random
import re
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as arrow
import pyarrow.parquet as parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace_contracts.tables import Dialect
from millrace_table import layouts, reading, sheets, workbooks
from millrace_table.refusals import Unreadable

ROWS = {"area": ["1.5", "22", "7"], "town": ["Mill", "Old town", None], "rent": ["300", "900", "410"]}
PLAIN = "area,town,rent\n1.5,Mill,300\n22,Old town,900\n7,,410\n"


def load(text: str | bytes, dialect: Dialect | None = None, wanted: tuple[str, ...] = ()) -> reading.Loaded:
    return reading.load(text.encode() if isinstance(text, str) else text, "csv", dialect, wanted)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (PLAIN, "delimiter ,, utf-8, header in line 1"),
        (PLAIN.replace(",", ";"), "delimiter ;, utf-8, header in line 1"),
        (PLAIN.replace(",", "\t"), "delimiter tab, utf-8, header in line 1"),
        ("\ufeff" + PLAIN, "delimiter ,, utf-8, header in line 1"),
        ("\ufeffsep=;\n" + PLAIN.replace(",", ";"), "delimiter ;, utf-8, header in line 2"),
        ("Rents of May\n\n" + PLAIN, "delimiter ,, utf-8, header in line 3"),
        ("Rents of May,,\n,,\n" + PLAIN, "delimiter ,, utf-8, header in line 3"),
        (
            "# of May\n# by hand\n" + PLAIN + "# end\n",
            "delimiter ,, utf-8, header in line 3, comments behind #",
        ),
        (PLAIN.replace("\n", "\r"), "delimiter ,, utf-8, header in line 1"),
        (PLAIN.replace("\n", "\r\n", 2), "delimiter ,, utf-8, header in line 1"),
        (PLAIN.replace("\n", "\r", 1).replace("\n", "\r\n", 1), "delimiter ,, utf-8, header in line 1"),
        (PLAIN.replace("\n", ",\n"), "delimiter ,, utf-8, header in line 1"),
        (PLAIN.replace("\n", ",\n").replace("rent,", "rent"), "delimiter ,, utf-8, header in line 1"),
        (PLAIN.replace("rent", "rent,"), "delimiter ,, utf-8, header in line 1"),
        (PLAIN + PLAIN.split("\n")[0] + "\n", "delimiter ,, utf-8, header in line 1"),
        (PLAIN.replace(",", ", "), "delimiter ,, utf-8, header in line 1"),
    ],
)
def test_the_same_rows_come_out_of_each_writing(data, told):
    loaded = load(data)
    values = {
        name: [(cell and cell.strip()) or None for cell in cells]
        for name, cells in loaded.table.to_pydict().items()
    }
    assert values == ROWS
    assert loaded.dialect is not None
    assert loaded.dialect.words == told


@pytest.mark.parametrize(
    ("encoding", "letters", "found"),
    [
        ("latin-1", "Köln", "latin-1"),
        ("cp1252", "Köln – 5 €", "windows-1252"),
        ("utf-16", "Köln 5 €", "utf-16"),
        ("utf-16-le", "Koln", "utf-16-le"),
        ("utf-8", "Köln €", "utf-8"),
    ],
)
def test_encodings_are_found(encoding, letters, found):
    loaded = load(PLAIN.replace("Mill", letters).encode(encoding))
    assert loaded.table.column("town").to_pylist()[0] == letters
    assert loaded.dialect is not None
    assert loaded.dialect.encoding == found


@pytest.mark.parametrize("said", ["utf-16", "utf-16-le", "latin-1", "utf-8"])
@pytest.mark.parametrize("written", ["utf-16", "utf-16-le", "utf-8", "ascii"])
def test_a_contracts_encoding_that_the_next_file_does_not_have_is_no_reason_to_fail(said, written):
    letters = "Koln" if written in ("ascii", "utf-16-le") else "Köln"
    loaded = load(PLAIN.replace("Mill", letters).encode(written), Dialect(encoding=said))
    assert loaded.table.column("town").to_pylist()[0] == letters


def test_utf16_without_a_mark_is_read_where_it_is_said():
    loaded = load("名前,値\n東京都,1\n大阪府,2\n".encode("utf-16-le"), Dialect(encoding="utf-16"))
    assert loaded.table.to_pydict() == {"名前": ["東京都", "大阪府"], "値": ["1", "2"]}


@pytest.mark.parametrize(
    ("begin", "words"),
    [
        (b"PAR1\x15\x04", "Parquet"),
        (b"PK\x03\x04\x14\0", "a ZIP archive or an Excel workbook"),
        (b"<!DOCTYPE html>\n<html>,", "an HTML or XML document"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", "a pointer of Git LFS"),
    ],
)
def test_a_file_that_is_no_text_is_refused_by_what_it_is(begin, words):
    with pytest.raises(Unreadable, match=words) as caught:
        load(begin + b"a,b\n1,2\n")
    assert caught.value.check.mend


def test_names_in_single_quotes_that_hold_the_delimiter_are_not_cut():
    loaded = load("'town','area, m2','rent'\n'Den Haag, O''Hara','12','5'\n'Bonn, Mill','7','6'\n")
    assert loaded.table.column_names == ["town", "area, m2", "rent"]
    assert loaded.table.column("town").to_pylist() == ["Den Haag, O'Hara", "Bonn, Mill"]


def test_a_name_that_begins_with_an_apostrophe_is_no_quote():
    loaded = load("town,rent\n's-Hertogenbosch,5\n's-Gravenhage,6\n")
    assert loaded.table.column("town").to_pylist() == ["'s-Hertogenbosch", "'s-Gravenhage"]


def test_one_damaged_line_of_a_utf8_file_is_a_reject_and_no_reason_to_read_it_otherwise():
    data = ("a,b\n" + "1,ö\n" * 50).encode() + b"2,\xf6\n" + "3,é\n".encode()
    loaded = load(data)
    assert loaded.table.num_rows == 51
    assert [(line.line, line.reason) for line in loaded.rejects.kept] == [
        (52, "It has bytes that are not UTF-8.")
    ]


def test_the_delimiter_is_not_the_sign_that_the_names_hold_most_of():
    loaded = load("Area (m2, net, of all);Rooms (all, too)\n1;2\n3;4\n")
    assert loaded.table.column_names == ["Area (m2, net, of all)", "Rooms (all, too)"]


def test_backslashes_escape_quotes_where_the_file_does_so():
    loaded = load('a,b\n1,"5\\" pipe, long"\n2,"x"\n\\N,"y"\n')
    assert loaded.table.to_pydict() == {"a": ["1", "2", None], "b": ['5" pipe, long', "x", "y"]}
    assert loaded.dialect is not None
    assert loaded.dialect.escape == "\\"


def test_apostrophes_quote_where_the_file_does_so():
    loaded = load("a;b\n1;'x;y'\n2;'z'\n")
    assert loaded.table.to_pydict() == {"a": ["1", "2"], "b": ["x;y", "z"]}


def test_a_name_over_two_lines_is_one_name_and_no_row():
    loaded = load('"Area\n(m2)",b\n1,"x\ny"\n')
    assert loaded.table.to_pydict() == {"Area (m2)": ["1"], "b": ["x\ny"]}
    assert "over several lines" in loaded.notes[0]


@pytest.mark.parametrize("name", ["", "Unnamed: 0"])
def test_row_numbers_are_no_column_unless_the_contract_names_them(name):
    data = f"{name},a,b\n0,5,x\n2,6,y\n1,7,z\n"
    loaded = load(data)
    assert loaded.table.column_names == ["a", "b"]
    assert "row numbers" in loaded.notes[0]
    if name:
        assert load(data, wanted=(name, "a", "b")).table.column_names == [name, "a", "b"]


def test_an_unnamed_column_that_is_data_is_refused():
    with pytest.raises(Unreadable, match="Column 1 has no name"):
        load(",a\nx,1\ny,2\n")


def test_names_that_lack_one_cell_are_refused_and_never_shift_a_row():
    with pytest.raises(Unreadable, match="Line 1 has 2 names, and the rows below have 3 cells"):
        load("a,b\n1,2,x\n3,4,y\n5,6,z\n")


@pytest.mark.parametrize(
    "names",
    ["DATETIME,qty,product,price,url", "DATE,TIMEqty,product,price,url", "DATE,TIME,qty,productprice,url",
     'DATE,TIME,qty,"product""price",url'],
)  # fmt: skip
def test_names_that_lack_a_delimiter_are_not_taken_for_rows_that_end_with_one(names):
    rows = "".join(
        f"0{day}/01/2018,00:{day}0,2,MG-{day},$74.69,https://example.com/{day},\n" for day in (1, 2, 3)
    )
    with pytest.raises(Unreadable, match="the names seem to lack a delimiter") as caught:
        load(f"{names},remark\n{rows}")
    assert "line 1 lacks" in caught.value.check.mend


def test_rows_that_end_with_a_delimiter_say_how_their_cells_go_with_the_names_unless_a_contract_proves_it():
    text = PLAIN.replace("\n", ",\n").replace("rent,", "rent")
    assert "town = Mill, rent = 300" in load(text).notes[0]
    assert len(load(text, wanted=("area", "town", "rent")).notes) == 1


def test_a_row_that_lost_the_delimiter_before_a_quoted_cell_is_a_reject_though_it_has_enough_cells():
    rows = [f'{number},"wide, {number}",x' for number in range(300)]
    rows[7] = '7"Hiking, wide",x'
    loaded = load("size,note,kind\n" + "\n".join(rows) + "\n")
    assert loaded.table.num_rows == 299
    assert [(line.line, line.text) for line in loaded.rejects.kept] == [(9, '7"Hiking, wide",x')]


@pytest.mark.parametrize("row", ['5" pipe,7" long,x', '"5"" pipe","wide, 7""",x', "5' pipe,7',x"])
def test_signs_for_inches_and_minutes_are_no_quotes_that_lost_a_delimiter(row):
    loaded = load("size,note,kind\n" + f"{row}\n" * 9 + '1,"a, b",y\n')
    assert (loaded.table.num_rows, loaded.rejects.count) == (10, 0)


def test_a_row_with_one_delimiter_too_many_is_a_reject_even_if_its_last_cell_is_empty():
    loaded = load("a,b,note\n1,2,\n3,,4,\n5,6,\n")
    assert loaded.table.column("a").to_pylist() == ["1", "5"]
    assert [(line.line, line.text) for line in loaded.rejects.kept] == [(3, "3,,4,")]


def test_a_quote_that_does_not_end_costs_its_own_line_alone():
    rows = [f'{number},"x"' for number in range(500)]
    rows[100] = '100,"x'
    rows[300] = '300,"x"y"'
    loaded = load("a,b\n" + "\n".join(rows) + "\n")
    assert loaded.table.num_rows == 498
    assert [line.line for line in loaded.rejects.kept] == [102, 302]
    assert loaded.rejects.count == 2


def test_rejects_are_counted_in_full_and_kept_up_to_a_hundred():
    loaded = load("a,b\n" + "1,2\n" * 1000 + "1\n" * 150)
    assert (loaded.rejects.count, len(loaded.rejects.kept)) == (150, 100)
    assert loaded.rejects.kept[0].line == 1002


def test_a_file_without_names_gets_some_and_says_so():
    loaded = load("1,2024-01-01\n3,2024-01-02\n")
    assert loaded.table.column_names == ["column1", "column2"]
    assert "Line 1 holds values and no names" in loaded.notes[0]
    assert load("2019,2020\n1,2\n3,4\n").table.column_names == ["2019", "2020"]


def test_wanted_names_tell_the_header_wherever_it_stands():
    data = "Shop;Month;Year\nAll;May;2024\n\na;b;c\n1;2;3\n"
    assert load(data, wanted=("a", "b", "c")).table.to_pydict() == {"a": ["1"], "b": ["2"], "c": ["3"]}


def test_what_is_said_by_hand_is_obeyed():
    loaded = load("x\n1|2;3|4\n5|6;7|8\n", Dialect(delimiter=";", header_line=0, missing=["7|8"]))
    assert loaded.table.to_pydict() == {"column1": ["1|2", "5|6"], "column2": ["3|4", None]}
    assert loaded.rejects.count == 1
    third = load("a,b\nc,d\n1,2\n", Dialect(header_line=2))
    assert third.table.to_pydict() == {"c": ["1"], "d": ["2"]}


def test_a_file_that_is_not_written_as_the_contract_says_is_read_and_that_is_told():
    first = load("a;b\n1;2\n").dialect
    loaded = load("Title\na,b\n3,4\n", first, ("a", "b"))
    assert loaded.table.to_pydict() == {"a": ["3"], "b": ["4"]}
    assert (
        loaded.notes[0]
        == "The file is not written as it is said to be, but with delimiter ,, header in line 2."
    )


def test_packed_files_are_unpacked(tmp_path: Path):
    for name in ("gzip", "zstd", "bz2"):
        path = tmp_path / name
        with pa.output_stream(str(path), compression=name) as out:
            out.write(PLAIN.encode())
        assert reading.load(path, "csv").table.to_pydict() == ROWS
    with pytest.raises(Unreadable, match="packed by gzip, and damaged"):
        load(gzip.compress(PLAIN.encode())[:30])


def test_a_large_file_goes_to_parquet_without_being_held(tmp_path: Path):
    source, target = tmp_path / "rents.csv", tmp_path / "rents.parquet"
    source.write_text("\n" + PLAIN.replace("\n", ",\n") + "9,x\n")
    for _ in range(2):
        done = reading.to_parquet(source, target)
        assert (done.rows, done.dialect.delimiter, done.rejects.count) == (3, ",", 1)
        assert parquet.read_table(target).to_pydict() == ROWS


def test_a_path_with_signs_of_patterns_is_one_file(tmp_path: Path):
    path = tmp_path / "a*[1]' .csv"
    path.write_text(PLAIN)
    assert reading.load(path, "csv").table.to_pydict() == ROWS


def test_jsonl_with_a_mark_and_a_broken_line_is_read_with_a_reject():
    lines = "\ufeff" + '{"a": 1}\n' * 200 + '{"a": \n'
    loaded = reading.load(lines.encode(), "jsonl")
    assert loaded.table.num_rows == 200
    assert [line.line for line in loaded.rejects.kept] == [201]
    assert reading.load(b'[{"a": 1}, {"a": 2}]', "jsonl").table.to_pydict() == {"a": [1, 2]}


def test_arrow_files_are_read_and_an_index_of_pandas_is_left_out(tmp_path: Path):
    table = pa.table({"a": [1, 2], "__index_level_0__": [7, 8]})
    path = tmp_path / "rows.arrow"
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    loaded = reading.load(path, "arrow")
    assert loaded.table.to_pydict() == {"a": [1, 2]}
    assert "__index_level_0__" in loaded.notes[0]


def workbook(path: Path, rows: list[list[str]]) -> Path:
    """The least that Excel takes: one sheet, cells as XML."""
    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    spread = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    lines = "".join(
        f'<row r="{number}">'
        + "".join(
            f'<c r="{chr(65 + place)}{number}" t="inlineStr"><is><t>{cell}</t></is></c>'
            if not cell.replace(".", "").isdigit()
            else f'<c r="{chr(65 + place)}{number}"><v>{cell}</v></c>'
            for place, cell in enumerate(row)
            if cell
        )
        + "</row>"
        for number, row in enumerate(rows, 1)
        if row
    )
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/s.xml" ContentType="{kind}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{spread}" xmlns:r="{office}"><sheets><sheet name="Rents" sheetId="1" '
        'r:id="s"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="s" '
        f'Type="{office}/worksheet" Target="s.xml"/></Relationships>',
        "xl/s.xml": f'<worksheet xmlns="{spread}"><sheetData>{lines}</sheetData></worksheet>',
    }
    with zipfile.ZipFile(path, "w") as file:
        for name, part in parts.items():
            file.writestr(name, head + part)
    return path


def test_a_sheet_of_excel_is_a_table_with_titles_above_it(tmp_path: Path):
    rows = [["Rents of May"], [], ["area", "town", "rent"], ["1.5", "Mill", "300"], ["2.5", "", "410"]]
    loaded = reading.load(workbook(tmp_path / "a.xlsx", rows), "xlsx")
    assert loaded.table.to_pydict() == {"area": [1.5, 2.5], "town": ["Mill", None], "rent": [300, 410]}
    assert loaded.dialect is not None
    assert (loaded.dialect.sheet, loaded.dialect.header_line) == ("Rents", 3)
    with pytest.raises(Unreadable, match="There is no sheet 'May'"):
        reading.load(tmp_path / "a.xlsx", "xlsx", Dialect(sheet="May"))
    with pytest.raises(Unreadable, match="not an Excel workbook"):
        reading.load(b"PK\x03\x04 nothing", "xlsx")


CELL = st.text(st.sampled_from("ab1.,; \"'\n\\é-|#"), max_size=6)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_arrow_splits_evenly_and_a_csv_writer_has_written_comes_out_the_same(data):
    width = data.draw(st.integers(2, 4))
    rows = data.draw(st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=12))
    names = [f"name{place}" for place in range(width)]
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    text = (",".join(names) + "\n" + "\n".join(quoted) + "\n").encode()
    options = arrow.ConvertOptions(
        column_types={name: pa.string() for name in names},
        null_values=layouts.MISSING,
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
    )
    expected = arrow.read_csv(
        pa.BufferReader(text), None, arrow.ParseOptions(newlines_in_values=True), options
    )
    loaded = load(text)
    assert loaded.rejects.count == 0
    assert loaded.table.to_pydict() == expected.to_pydict()


def test_random_damage_never_makes_a_row_that_was_not_there():
    chance = random.Random(7)
    lines = [f'{number},"text {number}",{number * 2}' for number in range(200)]
    whole = {tuple(line.replace('"', "").split(",")) for line in lines}
    for _ in range(25):
        broken = list(lines)
        for place in chance.sample(range(200), 3):
            at = chance.randrange(len(broken[place]))
            broken[place] = broken[place][:at] + chance.choice([",", '"']) + broken[place][at:]
        loaded = load("a,b,c\n" + "\n".join(broken) + "\n")
        rows = set(zip(*(column.to_pylist() for column in loaded.table.columns), strict=True))
        assert loaded.table.num_rows + loaded.rejects.count == 200
        assert len(whole - rows) <= 3


def test_spaces_are_told_from_the_commas_in_texts_though_most_lines_fit_neither():
    lines = [f'{row} north "warm, dry" x{row}' for row in range(8)]
    loose = [f"{row} south side" + ", and more" * (2 + row % 4) for row in range(12)]
    loaded = load("id place note mark\n" + "\n".join(lines + loose) + "\n")
    assert loaded.dialect.delimiter == " "
    assert loaded.table.column_names == ["id", "place", "note", "mark"]
    assert loaded.table.num_rows == 8
    assert loaded.rejects.count == 12


@pytest.mark.parametrize(
    "numbered", [True, False], ids=["cells that say where they stand", "and that do not"]
)
def test_a_large_sheet_that_is_read_in_parts_is_the_same_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, numbered: bool
):
    rows = [["Rents of May"], [], ["area", "town", "rent", "", "code"]]
    rows += [[f"{n}.5", "Mill" if n % 7 else "", str(300 + n), "", "7"] for n in range(400)]
    rows += [["9", "", "x", "", "8.5"], ["8", "last", "5", "", ""]]
    path = workbook(tmp_path / "a.xlsx", rows)
    if not numbered:
        _without_places(path)
    whole = reading.load(path, "xlsx")
    monkeypatch.setattr(sheets, "PART", 3000)
    monkeypatch.setattr(sheets, "CHUNK", 700)
    monkeypatch.setattr(workbooks, "PIECE", 90)
    monkeypatch.setattr(workbooks, "HEAD", 30)
    parts = reading.to_parquet(path, tmp_path / "rows.parquet", format="xlsx")
    table = parquet.read_table(tmp_path / "rows.parquet")
    assert parquet.read_metadata(tmp_path / "rows.parquet").num_row_groups > 3
    assert table.equals(whole.table)
    assert (parts.rows, parts.dialect, parts.notes) == (402, whole.dialect, whole.notes)
    if numbered:
        assert table.schema.field("rent").type == pa.string()  # of which one cell is no number
        assert table.schema.field("code").type == pa.float64()


@pytest.mark.parametrize("empty", ['<row r="{}" ht="15" customHeight="1"/>', '<row r="{}"></row>'])
def test_a_sheet_of_formatted_rows_and_much_behind_them_is_never_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty: str
):
    """Excel keeps a height for each row that somebody has formatted, with no cell in it, and links behind the rows."""
    path = workbook(tmp_path / "a.xlsx", [["area", "rent"], *([f"{n}", "300"] for n in range(20))])
    with zipfile.ZipFile(path) as file:
        held = {name: file.read(name).decode() for name in file.namelist()}
    rows = "".join(empty.format(number) for number in range(22, 900))
    last = '<row r="900"><c r="A900"><v>7</v></c></row>'
    links = "<hyperlinks>" + '<hyperlink ref="A1" display="x"/>' * 400 + "</hyperlinks>"
    held["xl/s.xml"] = held["xl/s.xml"].replace("</sheetData>", f"{rows}{last}</sheetData>{links}")
    with zipfile.ZipFile(path, "w") as file:
        for name, text in held.items():
            file.writestr(name, text)
    whole = reading.load(path, "xlsx").table
    monkeypatch.setattr(sheets, "PART", 3000)
    monkeypatch.setattr(sheets, "CHUNK", 700)
    with zipfile.ZipFile(path) as file, file.open("xl/s.xml") as sheet:
        cut = list(sheets._cut(sheet))
    assert max(map(len, cut)) < 3000 + 2 * 700
    parts = reading.to_parquet(path, tmp_path / "rows.parquet", format="xlsx")
    assert parts.rows == 21
    assert parquet.read_table(tmp_path / "rows.parquet").equals(whole)


def test_a_large_sheet_that_is_damaged_is_refused_as_a_small_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = workbook(tmp_path / "a.xlsx", [["area", "rent"], *([f"{n}", "300"] for n in range(400))])
    held = bytearray(path.read_bytes())
    last = held.rfind(b"PK\x01\x02")  # of the sheet, in the zip's list: 16 bytes on stands its checksum
    held[last + 16] ^= 0xFF
    path.write_bytes(held)
    monkeypatch.setattr(sheets, "PART", 3000)
    monkeypatch.setattr(sheets, "CHUNK", 700)
    with pytest.raises(Unreadable, match="damaged or locked") as seen:
        reading.to_parquet(path, tmp_path / "rows.parquet", format="xlsx")
    assert (seen.value.check.check, seen.value.check.mend) == ("file", "Save it again.")
    assert not (tmp_path / "rows.parquet").exists()


def _without_places(path: Path) -> None:
    """The same workbook as programs write it that say of no cell and no row where it stands; no cell is left out."""
    with zipfile.ZipFile(path) as file:
        held = {name: file.read(name).decode() for name in file.namelist()}
    lines = re.sub(r'(<row) r="\d+"', r"\1", held["xl/s.xml"])
    held["xl/s.xml"] = re.sub(r'(<c) r="[A-Z]+\d+"', r"\1", lines)
    with zipfile.ZipFile(path, "w") as file:
        for name, text in held.items():
            file.writestr(name, text)


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ('a, b, c\n1, x, \n2, "y, z", 5\n', {"a": ["1", "2"], "b": ["x", "y, z"], "c": [None, "5"]}),
        ("a; b\n1,5; x\n2,5; y\n", {"a": ["1,5", "2,5"], "b": ["x", "y"]}),
        ("a, b\n1,x\n2, y\n", {"a": ["1", "2"], "b": ["x", " y"]}),
    ],
    ids=["behind each delimiter", "of another sign", "only here and there"],
)
def test_a_space_behind_each_delimiter_is_no_part_of_a_cell(text: str, cells: dict[str, list[str | None]]):
    assert load(text).table.to_pydict() == cells
