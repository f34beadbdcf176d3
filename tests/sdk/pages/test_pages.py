"""Pages: every text is escaped, nothing is loaded from elsewhere, and the same data gives the same bytes."""

import subprocess
import sys

import pytest

from millrace import pages
from millrace.pages import figures, pictures

HOSTILE = "<script>alert('x')</script>"


def test_every_text_is_escaped():
    parts = [
        pages.section(HOSTILE, pages.paragraph(HOSTILE), pages.quiet(HOSTILE)),
        pages.table([HOSTILE], [[HOSTILE], [pages.mark(HOSTILE, good=True)]]),
        pages.bullets([HOSTILE]),
        pages.cards([(HOSTILE, HOSTILE)]),
    ]
    text = pages.page(HOSTILE, *parts, lead=HOSTILE)
    assert HOSTILE not in text
    assert text.count("&lt;script&gt;") == 12


def test_a_page_needs_no_network():
    text = pages.page("Sales", pages.section("Mix", pictures.mix(["2024-03-01"], {"a": [1.0]})))
    assert "<html" in text
    assert not any(word in text for word in ("<script", "src=", "@import", 'href="http'))


def test_what_is_not_there_is_a_dash():
    assert "<td>—</td><td>0</td>" in pages.table(["a", "b"], [[None, 0]])


def test_the_same_data_gives_the_same_bytes():
    def drawn():
        return pictures.calibration([0.1, 0.9], [0.2, 0.8], "probability")

    assert drawn() == drawn()
    assert drawn().startswith("<svg")


@pytest.mark.parametrize("count", [3, 20, 21, 150])
def test_many_classes_still_give_one_picture_with_at_most_twenty_names(count):
    shares = {f"class-{place}": [1 / count, 1 / count] for place in range(count)}
    shown = pictures._largest(shares)
    assert len(shown) == min(count, pictures.MOST_CLASSES)
    assert sum(values[0] for values in shown.values()) == pytest.approx(1)
    assert pictures.mix(["a", "b"], shares).count("<svg") == 1


@pytest.mark.parametrize("count", [2, 8, 120])
def test_a_confusion_matrix_of_any_size_is_drawn(count):
    classes = [f"c{place}" for place in range(count)]
    counts = [[float(row == column) * 3 for column in range(count)] for row in range(count)]
    assert pictures.confusion(classes, counts).startswith("<svg")


def test_matplotlib_is_imported_only_when_something_is_drawn():
    code = "import sys, millrace.pages, millrace.pages.pictures as p; print('matplotlib' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "False"


@pytest.mark.parametrize("name", ["a$b_{c$d", "$\\frac$", "$5-$10", "price$"])
def test_a_name_with_dollar_signs_is_no_formula(name):
    assert f"<!-- {name} -->" in pictures.bars([name, "x"], [0.3, 0.2], "loss added", figures.GREEN)
    assert "<svg" in pictures.mix(["2024-03-01"], {name: [0.5], "x": [0.5]})


def test_bars_stand_in_the_order_given():
    def paint(axes):
        axes.plot([0, 1])

    assert figures.draw(paint, height=1.0).count("<svg") == 1
    assert pictures.bars(["a", "b"], [1, 2], "loss").startswith("<svg")
