"""What a loop's own runs say for its gates: which evidence is carried on, and how long errors have lasted."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from tests.controller.test_rules import spec

from millrace_contracts.learning import Block
from millrace_controller.runs import binding, history
from millrace_controller.runs.states import State
from millrace_stats.stakes import Prices

START = datetime(2013, 3, 1, tzinfo=UTC)


def loop(**more):
    declared = spec(**more)
    return SimpleNamespace(spec=declared, document={"spec": declared.model_dump(mode="json", by_alias=True)})


def run(days, champion, state=State.REJECTED, of=None, blocks=(), judged=True, **train):
    """A run that was opened so many days after the start, judged against *champion*."""
    rows = [Block(block=name, n=9, candidate=loss, champion=1.0) for name, loss in blocks]
    kept = SimpleNamespace(document=binding.of_document(of or loop()), blocks=rows)
    return SimpleNamespace(
        opened_at=START + timedelta(days=days),
        plan=SimpleNamespace(evaluate={"champion": champion and {"version": champion}}, train=train),
        state=state,
        judged=kept if judged else None,
    )


class TestEvidence:
    def carried(self, *before, now=None):
        return [
            (block.block, block.candidate) for block in history.of(loop(), now or run(99, 1), before).blocks
        ]

    def test_runs_in_a_row_against_the_same_champion_are_carried_on_oldest_first(self):
        before = run(30, 1, blocks=[("d1", 1.0)]), run(60, 1, blocks=[("d2", 2.0)])
        assert self.carried(*before) == [("d1", 1.0), ("d2", 2.0)]

    def test_of_a_day_that_two_runs_judged_the_newer_counts(self):
        before = run(30, 1, blocks=[("d1", 1.0), ("d2", 1.0)]), run(44, 1, blocks=[("d2", 2.0)])
        assert self.carried(*before) == [("d1", 1.0), ("d2", 2.0)]

    def test_another_champion_ends_it(self):
        before = run(30, 1, blocks=[("d1", 1.0)]), run(60, 2, blocks=[("d2", 2.0)])
        assert self.carried(*before) == []

    def test_a_loop_that_was_declared_otherwise_ends_it(self):
        other = loop(training={"holdout": "56d"})
        assert self.carried(run(30, 1, of=other, blocks=[("d1", 1.0)])) == []

    def test_a_candidate_that_failed_in_its_canary_lends_none(self):
        before = run(30, 1, blocks=[("d1", 1.0)]), run(60, 1, state=State.ABORTED, blocks=[("d2", 2.0)])
        assert self.carried(*before) == [("d1", 1.0)]

    def test_two_runs_at_most(self):
        before = [run(30 * n, 1, blocks=[(f"d{n}", 1.0)]) for n in range(1, 5)]
        assert [name for name, _ in self.carried(*before)] == ["d3", "d4"]

    def test_a_run_that_was_never_judged_is_passed_over(self):
        before = run(30, 1, blocks=[("d1", 1.0)]), run(60, 1, judged=False, state=State.FAILED)
        assert self.carried(*before) == [("d1", 1.0)]

    def test_a_graph_from_elsewhere_lends_no_evidence_to_what_is_trained_and_borrows_none(self):
        before = run(30, 1, blocks=[("d1", 1.0)]), run(60, 1, blocks=[("d2", 2.0)], adopt={"model": "prices"})
        assert self.carried(*before) == [("d1", 1.0)]
        assert self.carried(*before, now=run(99, 1, adopt={"model": "prices"})) == []

    def test_what_an_earlier_release_judged_without_fitting_anew_is_set_aside_and_that_is_said(self):
        before = run(30, 1, blocks=[("d1", 1.0), ("d2", 1.0)]), run(60, 1, blocks=[("d2", 2.0)], rolling=True)
        found = history.of(loop(), run(99, 1, rolling=True), before)
        assert [(block.block, block.candidate) for block in found.blocks] == [("d2", 2.0)]
        assert "; 1 block of earlier runs is set aside" in found.words_aside
        assert history.of(loop(), run(99, 1), before[:1]).words_aside == ""


class TestPrices:
    def test_without_history_both_errors_last_equally_long(self):
        assert history.of(loop(), run(0, None), ()).prices == Prices(1.0, 1.0)

    def test_a_champion_that_no_run_replaced_makes_keeping_dearer(self):
        before = run(0, None, State.PROMOTED), run(30, 1)
        assert history.of(loop(), run(60, 1), before).prices == Prices(30.0, 60.0)

    def test_a_loop_whose_every_run_is_promoted_pays_the_same_for_both(self):
        before = run(0, None, State.PROMOTED), run(30, 1, State.PROMOTED)
        assert history.of(loop(), run(60, 2), before).prices == Prices(30.0, 30.0)

    def test_a_short_history_makes_neither_more_than_twice_as_dear(self):
        before = run(0, None, State.PROMOTED), *(run(30 * n, 1) for n in range(1, 5))
        assert history.of(loop(), run(150, 1), before).prices == Prices(75.0, 150.0)

    def test_what_is_declared_counts_before_what_was_measured(self):
        declared = loop(gates={"prices": {"wrongPromotion": "20d", "keptModel": "30d"}})
        found = history.of(declared, run(60, 1), (run(0, None, State.PROMOTED),))
        assert (found.prices, found.told) == (Prices(20.0, 30.0), "as the loop declares")

    @pytest.mark.parametrize("moment", [None, START])
    def test_runs_at_one_moment_or_without_time_are_no_history(self, moment):
        now = run(0, 1)
        now.opened_at = moment
        assert history.of(loop(), now, (run(0, None, State.PROMOTED),)).prices == Prices(1.0, 1.0)
