"""A small model that an ensemble has taught is one more form of it: kept if as good and faster, else told why not."""

from types import SimpleNamespace

import numpy as np
import onnx
import pyarrow as pa
import pytest
from tests.training.compress.conftest import DAY, FAST, SLOW, START
from tests.training.conftest import MemoryRegistry, run_train

from millrace_contracts.compressing import CompressSpec
from millrace_contracts.models import ModelVersionWrite
from millrace_contracts.variants import BASE_TARGET, DISTILLED
from millrace_stats import tasks
from millrace_training.automl import taught
from millrace_training.automl.aims import Aim
from millrace_training.compress import compress, distilled, lessons
from millrace_training.export import boosters
from millrace_training.export.trees import Forest
from millrace_training.features.columns import columns_from_signature
from millrace_training.features.frame import from_rows
from millrace_training.graph.session import answers, open_session

DAYS, A_DAY = 50, 40
LGB = {"rounds": 60, "rate": 0.1, "leaves": 31, "least_rows": 20, "columns": 1.0, "l2": 1.0}
XGB = {"rounds": 60, "rate": 0.1, "depth": 6, "least_weight": 1.0, "columns": 0.8, "l2": 1.0}
MEMBERS = [
    {"id": "l", "family": "lightgbm", "params": LGB, "weight": 0.5},
    {"id": "x", "family": "xgboost", "params": XGB, "weight": 0.5},
]
ENSEMBLE = {"id": "l+x", "family": "ensemble", "members": MEMBERS}
ASKED = {
    "dataset": "rows", "dataset_version": 1, "task": "multiclass", "target": "kind", "event_time": "at",
    "holdout_days": 14, "seed": 3,
}  # fmt: skip


def table():
    """Three classes by name, words with gaps, numbers with gaps."""
    draw = np.random.default_rng(5)
    count = DAYS * A_DAY
    x, y = draw.normal(size=(2, count))
    shop = draw.integers(0, 4, count)
    kind = np.digitize(x + 0.5 * (shop == 2) + 0.4 * draw.normal(size=count), [-0.5, 0.6])
    return pa.table(
        {
            "at": pa.array(START + np.arange(count) * (DAY // A_DAY), pa.timestamp("us", "UTC")),
            "x": pa.array(np.where(draw.random(count) < 0.1, np.nan, x), from_pandas=True),
            "y": y,
            "shop": pa.array([None if place == 3 else f"S{place}" for place in shop]),
            "kind": pa.array([("bad", "fair", "good")[place] for place in kind]),
        }
    )


@pytest.fixture(scope="module")
def candidate(tmp_path_factory):
    """A trained ensemble of two boosters, and the registry that holds its files."""
    registry = MemoryRegistry()
    registry.add("rows", 1, table())
    context = _context(registry, tmp_path_factory.mktemp("train"))
    asked = ASKED | {"search": "refit", "configurations": [ENSEMBLE], "executor": "inline", "distil": True}
    return SimpleNamespace(registry=registry, trained=run_train(asked, context))


def _context(registry, folder):
    from millrace_training.runtime import executors
    from millrace_training.runtime.assignment import JobIdentity
    from millrace_training.runtime.context import Context
    from millrace_training.runtime.trials import TrialStore

    (folder / "scratch").mkdir(parents=True)
    return Context(
        client=SimpleNamespace(registry=registry),
        scratch=folder / "scratch",
        trials=TrialStore(folder / "trials.sqlite"),
        threads=1,
        job=JobIdentity("1", "job", "compress", "loop", 1, 1),
        emit=lambda news: None,
        is_cancelled=lambda: False,
        make_executor=lambda name: executors.make(name, 1, 2 << 30),
    )


@pytest.fixture
def run(candidate, tmp_path, monkeypatch):
    """Runs the job; *says* is what every measurement says, *change* goes into what is asked."""

    def go(says=FAST, **change):
        monkeypatch.setattr(compress, "_measured", lambda *_: says)
        trained = candidate.trained
        told = ASKED | {
            "candidate": {"files": trained["files"], "signature": trained["signature"]},
            "golden": trained["golden"], "configuration": trained["configuration"], "distil": True,
            "slices": ["shop"], "minimum_rows": 100, "margin": 0.2, "tolerance": 0.5,
        }  # fmt: skip
        made = tmp_path / f"job-{len(list(tmp_path.iterdir()))}"
        return compress.run(CompressSpec.model_validate(told | change), _context(candidate.registry, made))

    return go


def test_an_ensemble_teaches_one_small_model_which_is_kept_as_a_form_with_all_that_was_found(run, candidate):
    result = run()
    base, form = result.variants
    assert (base.target, form.target, form.state) == (BASE_TARGET, DISTILLED, "kept"), form.reason
    assert form.how in {size.how for size in distilled.SIZES if size.family == "lightgbm"}
    assert form.size < base.size / 2
    assert form.quantised is None
    assert form.difference.verdict == "passed"
    assert form.difference.rows == 14 * A_DAY
    assert {part.value for part in form.slices} == {"S0", "S1", "S2", ""}
    assert 0.8 < form.agreement < 1
    told = form.taught
    assert (told.family, told.rows, told.seed) == ("lightgbm", DAYS * A_DAY, 3)
    assert told.teacher == base.digest
    assert told.made_up == 4 * DAYS * A_DAY
    assert told.parity_rows > 500
    assert told.parity_largest < 1e-4
    assert f"the same model fitted to the labels alone has the loss {told.by_labels:.4g}" in form.reason
    made = candidate.registry.store[form.digest]
    graph, teacher = (onnx.load_from_string(candidate.registry.store[one.digest]) for one in (form, base))
    for side in ("input", "output"):
        assert [item.name for item in getattr(graph.graph, side)] == [
            item.name for item in getattr(teacher.graph, side)
        ]
    assert {item.key: item.value for item in graph.metadata_props} == {
        item.key: item.value for item in teacher.metadata_props
    }
    unit = ModelVersionWrite(
        key="k", files={"files": [*_files(candidate), *result.files.files]}, task="multiclass", target="kind",
        signature=candidate.trained["signature"], variants=result.variants,
    )  # fmt: skip
    assert unit.files.digest("model", DISTILLED) == form.digest
    assert len(made) == form.size


def _files(candidate):
    return ModelVersionWrite(
        key="k", files=candidate.trained["files"], task="multiclass", target="kind",
        signature=candidate.trained["signature"],
    ).files.files  # fmt: skip


def test_class_names_unknown_words_and_missing_cells_are_answered_as_by_the_ensemble(run, candidate):
    form = run().variants[1]
    graphs = [candidate.registry.store[form.digest], _teacher(candidate)]
    columns = columns_from_signature(_signature(candidate))
    sure = {"x": 3.0, "y": 0.0}
    asked = [
        sure | {"shop": "S0"}, sure | {"shop": "never seen"}, sure | {"shop": None}, {"x": -3.0, "y": None, "shop": ""},
        {"x": None, "y": None, "shop": None},
    ]  # fmt: skip
    mine, theirs = (answers(open_session(graph), from_rows(asked, columns)) for graph in graphs)
    assert list(mine["class"][:4]) == list(theirs["class"][:4]) == ["good", "good", "good", "bad"]
    assert set(mine["class"]) <= {"bad", "fair", "good"}
    assert np.isfinite(mine["probabilities"]).all()
    assert np.allclose(mine["probabilities"].sum(axis=1), 1, atol=1e-5)
    assert np.abs(mine["probabilities"] - theirs["probabilities"]).max() < 0.25


def _signature(candidate):
    from millrace_contracts.signature import Signature

    return Signature.model_validate(candidate.trained["signature"])


def _teacher(candidate):
    return candidate.registry.store[candidate.trained["files"]["model.onnx"]]


@pytest.mark.slow
def test_the_same_seed_makes_the_same_file_and_its_golden_rows_are_its_own(run, candidate):
    one, same, other = run().variants[1], run().variants[1], run(seed=8).variants[1]
    assert (one.digest, one.taught.drawn) == (same.digest, same.taught.drawn)
    assert one.digest != other.digest
    assert one.golden["class"]
    assert one.golden["probabilities"] != candidate.trained["golden"]["outputs"]["probabilities"]


def test_a_small_model_that_is_worse_is_refused_with_its_loss_and_measured_all_the_same(run, monkeypatch):
    monkeypatch.setattr(distilled, "SIZES", (distilled._trees(1, 2, 0.1),))
    result = run()
    form = result.variants[1]
    assert form.state == "refused"
    assert "above the margin of +20.0%" in form.reason
    assert form.difference.verdict == "failed"
    assert form.measured == FAST
    assert (form.name, result.files) == (None, None)
    assert (form.taught.size, form.taught.sizes) == (1, 1)


def test_the_smallest_size_that_is_as_good_is_taken(run, monkeypatch):
    sizes = (distilled._trees(1, 2, 0.1), distilled._trees(60, 31, 0.1), distilled._trees(80, 31, 0.1))
    monkeypatch.setattr(distilled, "SIZES", sizes)
    form = run().variants[1]
    assert (form.state, form.how) == ("kept", "lightgbm, 60 trees of 31 leaves")
    assert (form.taught.size, form.taught.sizes) == (2, 3)


def test_what_is_as_good_and_no_faster_is_refused_with_its_number(run):
    form = run(SLOW).variants[1]
    assert form.state == "refused"
    assert form.reason.startswith("0.84 times as fast with 1 row (at least 0.80): more than 1.1 is wanted")


def test_a_graph_that_is_not_what_was_trained_is_no_form(run, monkeypatch):
    """A planted mistake of the exporter: one leaf answers otherwise."""
    right = boosters.from_lightgbm

    def wrong(booster):
        forest = right(booster)
        first = forest.trees[0]
        first.value[:] = first.value + 0.5 * np.arange(len(first.value))
        return Forest(forest.trees, forest.base, into=forest.into)

    monkeypatch.setattr("millrace_training.automl.estimators.boosters.from_lightgbm", wrong)
    form = run().variants[1]
    assert form.state == "refused"
    assert "The exported graph is not the trained model" in form.reason


def test_one_model_alone_teaches_nothing_and_no_row_is_read(run, candidate, monkeypatch):
    monkeypatch.setattr(compress, "gathered", None)
    result = run(configuration=MEMBERS[0])
    assert result.variants == []
    assert result.notes[-1] == (
        "nothing is distilled: the candidate is one lightgbm model and no ensemble, and small already"
    )
    assert run(configuration=None).notes[-1].startswith("nothing is distilled: the candidate is one model")


def test_a_candidate_without_a_graph_that_has_not_seen_the_rows_teaches_nothing(run, candidate):
    files = {"model.onnx": candidate.trained["files"]["model.onnx"]}
    result = run(candidate={"files": files, "signature": candidate.trained["signature"]})
    assert result.notes[-1].endswith("no graph that has not seen the rows to judge on")


def test_other_forms_may_be_unwanted_and_distillation_wanted(run):
    result = run(targets=["none"])
    assert [item.target for item in result.variants] == [BASE_TARGET, DISTILLED]
    assert result.notes == []


@pytest.mark.parametrize("wanted", [True, False])
def test_without_event_time_training_keeps_a_graph_to_judge_by_if_it_is_to_be_distilled(wanted, tmp_path):
    registry = MemoryRegistry()
    registry.add("rows", 1, table().drop_columns(["at"]).slice(0, 300))
    small = [item | {"params": item["params"] | {"rounds": 5}} for item in MEMBERS]
    asked = {
        **ASKED, "event_time": None, "search": "refit", "executor": "inline", "distil": wanted,
        "configurations": [ENSEMBLE | {"members": small}],
    }  # fmt: skip
    made = run_train(asked, _context(registry, tmp_path / "job"))
    assert ("holdout.onnx" in made["files"]) is wanted


@pytest.mark.parametrize("family", ["lightgbm", "mlp"])
@pytest.mark.parametrize(
    ("task", "classes"), [("regression", ()), ("binary", ("a", "b")), ("multiclass", ("a", "b", "c"))]
)
def test_each_family_learns_the_answers_of_each_task(family, task, classes):
    draw = np.random.default_rng(1)
    matrix = draw.normal(size=(800, 3)).astype(np.float32)
    score = 2 * matrix[:, 0].astype(float)
    one = 1 / (1 + np.exp(-score))
    said = {"regression": score, "binary": one, "multiclass": np.stack([one / 2, one / 2, 1 - one], axis=1)}[
        task
    ]
    size = next(size for size in distilled.SIZES if size.family == family)
    aim = Aim(tasks.of(task), classes)
    learnt = taught.fit(family, size.params, matrix, said, aim, 1).predict(matrix)
    assert learnt.shape == said.shape
    assert np.abs(learnt - said).mean() < 0.1 * (said.std() if task == "regression" else 1)


def test_a_class_that_the_teacher_never_thinks_of_keeps_a_tiny_share():
    matrix = np.random.default_rng(1).normal(size=(200, 2)).astype(np.float32)
    one = (matrix[:, 0] > 0) * 0.9 + 0.05
    said = np.stack([one, np.full(200, 1e-6), 1 - one], axis=1)
    for family in ("lightgbm", "mlp"):
        size = next(size for size in distilled.SIZES if size.family == family)
        learnt = taught.fit(
            family, size.params, matrix, said, Aim(tasks.of("multiclass"), ("a", "b", "c")), 1
        )
        shares = learnt.predict(matrix)
        assert np.allclose(shares.sum(axis=1), 1)
        assert shares[:, 1].max() < 1e-5
        assert np.abs(shares - said).mean() < 0.05


def test_made_up_rows_are_cells_of_real_ones(candidate):
    columns = columns_from_signature(_signature(candidate))
    real = from_rows(
        [{"x": float(place), "y": -float(place), "shop": f"S{place}"} for place in range(40)], columns
    )
    made = lessons.exchanged(real, 160, 1)
    assert made.rows == 160
    apart = made.values["x"] != -made.values["y"]
    assert 0.05 < apart.mean() < 0.35
    assert set(made.values["x"]) <= set(real.values["x"])
    same = lessons.exchanged(real, 160, 1)
    assert (made.values["x"] == same.values["x"]).all()
