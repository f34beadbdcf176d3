"""What a run registers: the release unit of its candidate, with the other forms of its graph that were kept."""

from millrace_contracts.compressing import CompressResult, CompressSpec
from millrace_contracts.learning import Contender, LearningSpec, TrainResult
from millrace_contracts.loop_runs import RunPlan
from millrace_contracts.models import Lineage, ModelVersionWrite
from millrace_contracts.release import Files
from millrace_contracts.variants import BASE_TARGET


def forms_of(plan: RunPlan, dataset_version: int, trained: TrainResult) -> CompressSpec:
    """What the job is asked: the rows of training and evaluation, and the plan's own bounds."""
    shared = {name: value for name, value in plan.evaluate.items() if name in LearningSpec.model_fields}
    data = {"dataset": plan.dataset, "dataset_version": dataset_version}
    candidate = Contender(files=trained.files, signature=trained.signature)
    assert plan.compress is not None
    told = plan.compress.model_dump()
    asked = {"candidate": candidate, "golden": trained.golden, "trained_from": trained.trained_from}
    return CompressSpec.model_validate(shared | data | told | asked)


def kept(result: CompressResult) -> str:
    """Each form in a few words."""
    told = [
        f"{item.target} {item.state}: {item.reason}" for item in result.variants if item.target != BASE_TARGET
    ]
    return "; ".join([*told, *result.notes])[:2000] or "no other form"


def unit(
    plan: RunPlan, dataset_version: int, trained: TrainResult, compressed: CompressResult | None = None
) -> ModelVersionWrite:
    """The release unit of a trained candidate with its other forms, as the registry takes it."""
    more = [] if compressed is None or compressed.files is None else compressed.files.files
    lineage = Lineage(
        trained_from=trained.trained_from,
        trained_through=trained.trained_through,
        holdout_from=trained.holdout_from,
        holdout_through=trained.holdout_through,
        dataset=plan.dataset,
        dataset_version=dataset_version,
        run=trained.run,
        loop=plan.loop,
        loop_run=plan.run,
        code=None if trained.code is None else trained.code.digest,
    )
    return ModelVersionWrite(
        key=f"{plan.loop}/run-{plan.run}",
        files=Files(files=[*trained.files.files, *more]),
        signature=trained.signature,
        task=plan.train["task"],
        target=plan.train["target"],
        metrics=trained.metrics,
        baseline=trained.baseline,
        golden=trained.golden.model_dump(mode="json"),
        environment={} if trained.code is None else {"code": trained.code.model_dump(mode="json")},
        lineage=lineage,
        variants=[] if compressed is None else compressed.variants,
        front=trained.front,
    )
