"""The page of simulations says what was measured and nothing else, and each promise is red or green by its figures."""

from dataclasses import replace

import pytest

from millrace_stats import promises, simulations, tables
from millrace_stats.measurements import GROUPS
from millrace_stats.promises import BROKEN, KEPT, NEARLY, UNKNOWN, Promise
from millrace_stats.tables import Group, Row

PROMISE = Promise("at most 5 %", "gate", r"^passes", "share at most", 0.05)


def group(*rows, name="gate"):
    return Group(name, "2026-11-30", 1, 1.0, "here", 2.0, tuple(rows))


def row(share, error=0.005, name="passes", median=None):
    return Row(name, (name, f"{share:.1%} ± {error:.1%}", "", "1,000"), share, error, median)


class TestThePage:
    def test_its_tables_and_promises_are_those_of_the_record(self):
        """`python -m millrace_stats.simulations --page` writes it; nobody puts a figure into it by hand."""
        page = (simulations.DOCS / simulations.PAGE).read_text()
        assert simulations.written(page, simulations.kept(simulations.DOCS)) == page

    def test_every_group_has_its_table_and_every_promise_its_row(self):
        groups = simulations.kept(simulations.DOCS)
        assert set(groups) == set(GROUPS)
        page = (simulations.DOCS / simulations.PAGE).read_text()
        assert [name for name in GROUPS if f"<!-- figures: {name}" not in page] == []
        unknown = [item.text for item in promises.PROMISES if promises.judged(item, groups).word == UNKNOWN]
        assert unknown == []

    def test_what_stands_outside_the_marks_stays(self):
        text = "by hand\n<!-- figures: gate -->\nold\n<!-- end -->\nalso"
        made = tables.filled(text, {"gate": group(row(0.01))}, "")
        assert made.startswith(
            "by hand\n<!-- figures: gate -->\n*`gate`: 2026-11-30, seed 1, all repeats, here"
        )
        assert made.endswith("| passes | 1.0% ± 0.5% |  | 1,000 |\n<!-- end -->\nalso")
        assert "old" not in made

    @pytest.mark.parametrize(
        ("mark", "error"), [("figures: canary", KeyError), ("figures: gate, no such words", ValueError)]
    )
    def test_a_mark_that_nothing_was_measured_for_is_refused(self, mark, error):
        with pytest.raises(error):
            tables.filled(f"<!-- {mark} -->\n<!-- end -->", {"gate": group(row(0.01))}, "")


class TestPromises:
    @pytest.mark.parametrize(
        ("shares", "word"),
        [((0.01, 0.05), KEPT), ((0.01, 0.055), NEARLY), ((0.01, 0.07), BROKEN), ((), UNKNOWN)],
    )
    def test_one_is_as_good_as_its_worst_figure(self, shares, word):
        groups = {"gate": group(*(row(share) for share in shares))} if shares else {}
        assert promises.judged(PROMISE, groups).word == word

    def test_rows_of_other_names_do_not_count(self):
        assert promises.judged(PROMISE, {"gate": group(row(0.01), row(0.9, name="power"))}).word == KEPT

    def test_a_delay_that_is_never_is_not_kept(self):
        wanted = replace(PROMISE, kind="delay at most", bound=12)
        assert promises.judged(wanted, {"gate": group(row(1.0, median=11.0))}).word == KEPT
        assert promises.judged(wanted, {"gate": group(row(0.4))}).word == BROKEN

    def test_of_a_table_with_several_figures_the_new_rule_counts(self):
        wanted = replace(PROMISE, group="power", column=1)
        told = group(Row("passes", ("passes", "9.0% → 3.2%")), name="power")
        assert promises.judged(wanted, {"power": told}).word == KEPT

    def test_each_that_is_not_kept_says_why(self):
        groups = simulations.kept(simulations.DOCS)
        broken = [item for item in promises.PROMISES if promises.judged(item, groups).word == BROKEN]
        assert [item.text for item in broken if not item.why] == []

    def test_why_is_told_as_long_as_it_is_not_kept(self, monkeypatch):
        monkeypatch.setattr(promises, "PROMISES", (replace(PROMISE, why="of rain"),))
        assert promises.table({"gate": group(row(0.2))}).endswith("| **not kept**: of rain |")
        assert promises.table({"gate": group(row(0.01))}).endswith("| kept |")

    def test_one_that_was_kept_and_is_not_is_named_and_an_old_debt_is_not(self, monkeypatch):
        monkeypatch.setattr(promises, "PROMISES", (PROMISE,))
        good, bad = {"gate": group(row(0.01))}, {"gate": group(row(0.2))}
        assert simulations.lost(good, bad) == ["at most 5 %: 20.0%"]
        assert simulations.lost(bad, bad) == simulations.lost(bad, good) == simulations.lost({}, bad) == []


class TestMeasuring:
    def test_side_by_side_the_figures_are_those_of_one_process(self, tmp_path):
        simulations.run(["gate", "blocks"], 0.002, tmp_path, 2)
        groups = simulations.kept(tmp_path)
        for name in ("gate", "blocks"):
            alone = [tables.Row.of(item) for item in GROUPS[name](0.002)]
            assert list(groups[name].rows) == alone
            assert groups[name].scale == 0.002

    def test_a_group_measured_again_takes_the_place_of_its_earlier_figures_alone(self, tmp_path):
        for told in (group(row(0.1)), group(row(0.2), name="canary"), group(row(0.3))):
            simulations.keep(tmp_path, told)
        found = simulations.kept(tmp_path)
        assert {name: item.rows[0].share for name, item in found.items()} == {"gate": 0.3, "canary": 0.2}
