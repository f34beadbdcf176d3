"""The benchmark is fair: nobody sees the future, labels keep their delay, and nothing is better than hindsight."""

import json
import re
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.bench.decisions import __main__ as command
from tests.bench.decisions import folds, page, peer, policies, standing, theirs
from tests.bench.decisions.folds import Choice, Leak, Served, by_day, passed
from tests.bench.decisions.learner import Learner, Model, document
from tests.bench.decisions.ours import day_of, served_by
from tests.bench.decisions.policies import at_alarm
from tests.bench.decisions.standing import Impossible
from tests.bench.decisions.stream import AT, DELAY, Stream

from millrace_contracts.loop import ModelLoop

DAYS, A_DAY, CHANGE = 150, 8, 60
FACTS = {"machine": "m", "date": "2026-11-30", "commit": "c", "cpu": 1.0, "load": "1 to 2"}


class Means(Learner):
    """Fits means: the mean of the target says what was learnt, and a fit takes no time."""

    def _fitted(self, days):
        here = self.rows(days)
        answers = np.full(len(self.target), self.target[here].mean())
        losses = (self.target - answers) ** 2
        losses[: here.stop] = np.nan
        return Model(days, answers, losses)


@pytest.fixture
def stream():
    """The target's level jumps on a served day."""
    draw = np.random.default_rng(3)
    day = np.repeat(np.arange(DAYS), A_DAY)
    level = np.where(day >= round(0.2 * DAYS) + CHANGE, 5.0, 0.0)
    moments = pd.Timestamp("2024-03-01", tz="UTC") + pd.to_timedelta(day, "D")
    rows = pd.DataFrame(
        {AT: moments, "x": draw.normal(0, 1, len(day)), "y": level + draw.normal(0, 1, len(day))}
    )
    return Stream("jump", "regression", "y", rows, "made here", changes=(CHANGE,), first_share=0.2)


@pytest.fixture
def learner(stream):
    return Means(stream)


def went(learner, **policies_):
    """What `theirs` would write of these policies."""
    served = {name: passed(learner, policy) for name, policy in policies_.items()}
    found = {name: theirs.figures(learner.stream, item) for name, item in served.items()}
    return theirs.told(learner, found, {})


def every(learner):
    made = {name: make(learner.stream) for name, make in (policies.FIXED | policies.SIZE).items()}
    return went(learner, **made)


class TestNobodySeesTheFuture:
    @pytest.mark.parametrize("ahead", [0, 1, 5])
    def test_a_policy_that_trains_on_labels_before_their_delay_is_caught(self, learner, ahead):
        def cheat(view):
            return Choice(view.fit((0, view.morning - DELAY + ahead)), trained=True)

        with pytest.raises(Leak, match="are not known on the morning"):
            passed(learner, cheat)

    def test_a_policy_that_serves_a_model_it_got_elsewhere_is_caught(self, learner):
        oracle = learner.fit((0, learner.stream.days - 10))
        with pytest.raises(Leak, match="serves on day"):
            passed(learner, lambda view: Choice(oracle))

    def test_a_policy_that_looks_at_its_losses_of_today_is_caught(self, learner):
        with pytest.raises(Leak):
            passed(learner, lambda view: Choice(alarm=bool(view.losses((view.morning, view.morning)).any())))

    def test_a_model_is_not_judged_on_what_it_has_seen(self, learner):
        def cheat(view):
            view.judged(view.fit((0, view.labelled)), (view.labelled - 3, view.labelled))
            return Choice()

        with pytest.raises(Leak, match="has seen"):
            passed(learner, cheat)

    def test_a_policy_that_leaves_out_rows_is_refused(self, learner):
        """Who answers only what it knows well would look better than hindsight."""
        told = every(learner)
        told["policies"]["never"]["counts"][3] = 0
        with pytest.raises(Impossible, match=r"\['never'\]"):
            standing.standing("jump", told, {})

    def test_each_model_that_serves_was_made_of_labels_that_were_known(self, learner):
        for make in policies.FIXED.values():
            served = passed(learner, make(learner.stream))
            mornings = [learner.stream.first, *served.promoted]
            assert all(
                days[1] <= morning - 1 - DELAY for days, morning in zip(served.models, mornings, strict=True)
            )

    def test_the_rows_of_a_fit_lie_on_its_days_and_on_no_other(self, learner):
        here = learner.rows((5, 9))
        assert set(learner.stream.day[here]) == {5, 6, 7, 8, 9}
        assert np.isnan(learner.fit((5, 9)).losses[: here.stop]).all()


class TestHindsight:
    def test_it_is_never_worse_than_any_policy_in_any_month(self, learner):
        made = standing.standing("jump", every(learner), {})
        assert (made.best <= made.sums + 1e-9).all()
        assert (made.ratios() >= 1 - 1e-12).all()
        assert made.fixed() >= made.hindsight

    def test_no_model_counts_in_a_month_on_whose_first_morning_its_labels_were_not_known(self, learner):
        stream = learner.stream
        begins = stream.first + 30
        known, late = learner.fit((0, begins - 1 - DELAY)), learner.fit((0, begins - DELAY))
        assert theirs.by_month(stream, known)[1] is not None
        assert theirs.by_month(stream, late)[1] is None

    def test_an_interval_holds_its_figure_and_one_month_has_none(self, learner):
        made = standing.standing("jump", every(learner), {})
        low, high = made.intervals().T
        assert (low <= made.ratios() + 1e-9).all()
        assert (made.ratios() <= high + 1e-9).all()
        single = replace(made, sums=made.sums[:, :1], counts=made.counts[:1], best=made.best[:1])
        assert np.allclose(single.intervals()[:, 0], single.intervals()[:, 1])

    def test_the_best_policy_has_the_first_rank(self, learner):
        made = standing.standing("jump", every(learner), {})
        ranks = standing.ranks([made])
        overall = {name: loss for name, loss in made.overall().items() if name in ranks}
        assert ranks[min(overall, key=overall.get)][0] == min(rank for rank, *_ in ranks.values())
        assert not set(policies.SIZE) & set(ranks), "what nobody would do is not ranked"

    def test_policies_with_the_same_loss_have_the_same_rank(self, learner):
        told = every(learner)
        ours = dict.fromkeys(standing.OURS, told["policies"]["never"])
        ranks = standing.ranks([standing.standing("jump", told, ours)])
        assert ranks["never"] == ranks[standing.OURS[0]] == ranks[standing.OURS[1]]
        assert sum(rank for rank, *_ in ranks.values()) == sum(range(1, len(ranks) + 1))

    def test_what_a_policy_lost_is_shared_out_among_the_months_in_which_it_was_worse(self, learner):
        made = standing.standing("jump", every(learner), {})
        lost = made.lost("never", "monthly, two months")
        mine, other = (made.sums[made.names.index(name)] for name in ("never", "monthly, two months"))
        assert set(lost) == {month + 1 for month in np.flatnonzero(mine > other)}
        assert list(lost.values()) == sorted(lost.values(), reverse=True)
        assert sum(lost.values()) == pytest.approx(1)
        assert made.lost("never", "never") == {}

    def test_an_alarm_and_what_serves_because_of_it_have_each_their_delay(self, learner):
        change = learner.stream.first + CHANGE
        late = at_alarm(lambda view: view.morning in (5, change + 3))
        told = every(learner)
        told["policies"]["late"] = went(learner, late=late)["policies"]["late"]
        told["policies"]["late"]["promoted"] = [change + 9]
        made = standing.standing("jump", told, {})
        assert made.delay("late", "alarms") == 3
        assert made.delay("late") == 9
        assert made.delay("never", "alarms") == float("inf")


class TestPolicies:
    def test_never_trains_never_and_monthly_each_month(self, learner):
        found = every(learner)["policies"]
        assert found["never"]["trained"] == []
        months = [day - learner.stream.first for day in found["monthly, all"]["trained"]]
        assert months == [30, 60, 90]

    def test_an_alarm_inside_the_cooldown_is_told_and_trains_nothing(self, learner):
        served = passed(learner, at_alarm(lambda view: True))
        assert len(served.alarms) == learner.stream.days - learner.stream.first
        assert min(np.diff(served.trained)) == policies.COOLDOWN

    def test_a_detector_forgets_what_it_saw_of_the_model_before(self, learner):
        begun = []
        passed(
            learner, at_alarm(lambda view: view.morning % 20 == 0, lambda view: begun.append(view.morning))
        )
        assert len(begun) > 2

    def test_after_a_jump_the_recent_window_serves_sooner_than_all_rows(self, learner):
        made = standing.standing("jump", every(learner), {})
        overall = made.overall()
        assert overall["monthly, two months"] < overall["monthly, all"] < overall["never"]
        assert made.delay("never") == float("inf")
        assert made.delay("monthly, all") == 30

    def test_as_many_rows_as_at_first_are_as_many(self, learner):
        first = learner.rows((0, learner.stream.first - 1 - DELAY))
        served = passed(learner, policies.same_size(learner.stream))
        sizes = {days[1] - days[0] + 1 for days in served.models}
        assert sizes == {(first.stop - first.start) // A_DAY}


class TestOurs:
    def test_the_loop_of_a_stream_is_one_that_would_be_taken(self, stream):
        for policy in ("strict", "balanced"):
            spec = ModelLoop.model_validate(document(stream, policy)).spec
            assert spec.gate_policy() == policy
            assert spec.holdout_days() == policies.HOLDOUT
            assert f"{policies.RECENT}d" in spec.training.windows

    def test_what_is_decided_with_the_labels_of_a_day_serves_on_the_same_morning_as_in_the_other_policies(
        self, stream
    ):
        """The end of day 49 is the instant at which its labels count; they are known a day later."""
        end = pd.Timestamp("2024-03-01", tz="UTC") + pd.Timedelta(days=50)
        assert day_of(stream, end) == 50
        serving = served_by(stream, [(pd.Timestamp("2024-03-31", tz="UTC"), 1), (end, 2)])
        first_morning = int(np.argmax(serving == 2)) + stream.first
        assert first_morning == 51
        view = folds.View(Means(stream), np.empty(0), first_morning, Means(stream).fit((0, 1)))
        assert view.labelled == 49

    def test_days_are_those_of_the_streams_own_zone(self, stream):
        there = replace(stream, zone="America/New_York")
        assert there.day[0] == 0
        assert day_of(there, there.rows[AT].iloc[0]) == 0


class TestPage:
    def test_it_says_what_is_missing_and_what_was_reached(self, learner, tmp_path):
        told = every(learner)
        ours = dict.fromkeys(standing.OURS, told["policies"]["monthly, two months"])
        made = standing.standing("jump", {**told, "absent": {"ADWIN": "no interpreter"}}, ours)
        text = page.page([made], {"traffic": "was not measured"}, FACTS)
        assert "- jump: ADWIN: no interpreter" in text
        assert "- traffic: was not measured" in text
        assert "kept on the one there is" in text
        assert "on 1 days" not in text
        page.picture([made], tmp_path / "a.svg")
        assert (tmp_path / "a.svg").read_text().startswith("<svg")

    def test_a_loop_that_went_through_some_of_the_streams_is_judged_on_these(self, learner):
        told = every(learner)
        balanced = {standing.OURS[1]: told["policies"]["monthly, all"]}
        one = standing.standing("jump", told, balanced)
        other = standing.standing("leap", told, balanced | {standing.OURS[0]: told["policies"]["never"]})
        text = page.page([one, other, standing.standing("alone", told, {})], {}, FACTS)
        row = next(line for line in text.splitlines() if line.startswith("| nowhere more"))
        assert "| **missed** on 1 of 1: leap" in row
        assert row.endswith("| kept on all 2 |")
        assert "trainings and mean rank over jump, leap," in text
        cells = next(line for line in text.splitlines() if line.startswith("| monthly, all | ")).split(" | ")
        assert cells[-2] == str(2 * len(told["policies"]["monthly, all"]["trained"]))
        ranked = next(line for line in text.splitlines() if line.startswith("| best mean rank"))
        assert "| – | " in ranked, "a loop that is missing on one of them has no rank"

    def test_an_aim_that_is_missed_is_called_missed(self, learner):
        told = every(learner)
        ours = dict.fromkeys(standing.OURS, told["policies"]["never"])
        made = standing.standing("jump", told, ours)
        assert page.page([made], {}, FACTS).count("**missed**") >= 4

    def test_it_says_what_the_loops_runs_came_to_and_where_it_lost(self, learner):
        told = every(learner)
        own = told["policies"]["never"] | {
            "verdicts": ["passed", "inconclusive", None, "inconclusive"], "static": 2.0, "switch_backs": 2,
        }  # fmt: skip
        made = standing.standing("jump", told, dict.fromkeys(standing.OURS, own))
        text = page.page([made], {}, FACTS)
        assert "2 inconclusive, 1 no verdict" in text
        assert "went back 2 times" in text
        assert "most of it lost in months 4 (" in text
        assert f"jump {2.0 / made.overall()['never'] - 1:+.1%}" in text


class TestTheCommand:
    """What was measured is not measured again, and what cannot be measured is named."""

    @pytest.fixture
    def done(self, monkeypatch, tmp_path):
        """Parts of a stream that nobody knows, so that a process for one of them ends at once."""
        monkeypatch.setattr(command, "OUT", tmp_path)
        return tmp_path / "nowhere.plain.json"

    def test_the_machine_is_told_in_words(self):
        assert re.fullmatch(r".+, \d+ cores, \d+ GiB of memory, \S+ \S+, Python \S+", command.machine())

    def test_a_part_of_the_same_code_is_taken_as_it_is(self, done):
        done.write_text(json.dumps({"code": command.code_of("plain"), "kept": True}))
        assert command.measured("nowhere", "plain") == ""
        assert json.loads(done.read_text())["kept"]

    def test_a_part_of_other_code_is_measured_again_and_why_it_fails_is_told(
        self, done, monkeypatch, tmp_path
    ):
        python = tmp_path / "python"
        python.write_text("#!/bin/sh\necho no stream $3 >&2\nexit 1\n")
        python.chmod(0o755)
        monkeypatch.setattr(command.sys, "executable", str(python))
        done.write_text(json.dumps({"code": "of another day"}))
        assert command.measured("nowhere", "plain") == "no stream nowhere"
        assert json.loads(done.read_text()) == {"code": "of another day"}, "the earlier figures stay"

    def test_the_loops_own_part_is_measured_again_when_a_rule_changes_and_not_for_another_detector(
        self, monkeypatch
    ):
        parts = ("strict", "plain", "evidently")
        before = {part: command.code_of(part) for part in parts}
        read, changed = command.Path.read_bytes, dict[str, str]()

        def other(path):
            return b"changed" if changed.get(path.name) in path.parts else read(path)

        def anew(name, folder):
            changed.clear()
            changed[name] = folder
            return {part for part in parts if command.code_of(part) != before[part]}

        monkeypatch.setattr(command.Path, "read_bytes", other)
        assert anew("detectors.py", "decisions") == {"plain", "evidently"}
        assert anew("of_evidently.py", "foreign") == {"evidently"}
        assert anew("replay.py", "millrace_replay") == {"strict"}
        assert anew("learner.py", "decisions") == set(parts)

    def test_parts_of_a_stream_are_put_together(self, learner):
        one = every(learner)
        other = went(learner, **{"at alarms": at_alarm(lambda view: False)}) | {"absent": {"NannyML": "gone"}}
        made = standing.standing("jump", theirs.merged([one, other]), {})
        assert made.names == [*one["policies"], "at alarms"]
        assert made.absent == {"NannyML": "gone"}
        assert made.overall()["at alarms"] == made.overall()["never"]

    def test_figures_of_earlier_code_are_called_so(self, learner, monkeypatch, tmp_path):
        """The page had rows of other rules, and only their commits told it."""
        monkeypatch.setattr(command, "OUT", tmp_path)
        monkeypatch.setattr(command, "STREAMS", {"jump": None})
        monkeypatch.setattr(command, "code_of", lambda part: f"today's {part}")
        kept = {"commit": "abc", "code": "today's plain"}
        own = every(learner)["policies"]["never"]
        (tmp_path / "jump.plain.json").write_text(json.dumps(every(learner) | kept))
        for policy in ("strict", "balanced"):
            (tmp_path / f"jump.{policy}.json").write_text(json.dumps(own | kept | {"code": "today's strict"}))
        standings, _ = command.there()
        assert "so perhaps of other rules: balanced.**" in page.page(standings, {}, FACTS)

    def test_a_stream_without_figures_is_missing_on_the_page(self, done):
        standings, missing = command.there()
        assert standings == []
        assert set(missing) == set(command.STREAMS)


def test_losses_of_a_day_add_up(stream):
    losses = np.ones(len(stream.day))
    losses[stream.day < stream.first] = np.nan
    sums, counts = by_day(stream, losses)
    assert sums.tolist() == counts.tolist() == [A_DAY] * (DAYS - stream.first)
    assert Served(losses).trained == []


class TestPeers:
    """A process of another environment, here of this one."""

    @pytest.fixture
    def started(self, monkeypatch, tmp_path):
        def start(code):
            (tmp_path / "of_other.py").write_text(code)
            monkeypatch.setattr(peer, "HERE", tmp_path)
            monkeypatch.setattr(peer.packages, "python", lambda name: sys.executable)
            return peer.Peer("other")

        return start

    def test_each_line_is_answered_by_one_however_much_it_says_besides(self, started):
        echo = "  sys.stderr.write('x' * 200_000)\n  print(line, end='', flush=True)"
        code = f"import sys\nfor line in sys.stdin:\n{echo}"
        asked = started(code)
        assert [asked.ask({"n": n})["n"] for n in range(3)] == [0, 1, 2]
        asked.close()

    def test_one_that_ends_says_why(self, started):
        asked = started("raise SystemExit('no such detector')")
        with pytest.raises(peer.Silent, match="no such detector"):
            asked.ask({"reset": True})
        asked.close()
