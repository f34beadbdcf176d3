"""One pass of a loop: data, train, evaluate, release."""

from kfp import dsl

from pipelines import components


@dsl.pipeline(
    name="loop-run", description="One pass of a ModelLoop, from new data to the beginning of a rollout."
)
def loop_run(project: str, loop: str, run: int) -> None:
    """The pipeline; a step that says no ends it without an error.

    Nothing is cached: the same loop and run in another installation is another thing, and the steps know by their own
    keys what was done.
    """
    here = {"project": project, "loop": loop, "run": run}
    data = components.data(**here).set_caching_options(False)
    number = data.outputs["Output"]
    with dsl.If(number > 0, name="data-accepted"):
        trained = components.train(**here, dataset_version=number).set_caching_options(False)
        work = {"dataset_version": number, "train_job": trained.output}
        verdict = components.evaluate(**here, **work).set_caching_options(False)
        with dsl.If(verdict.outputs["Output"] == "passed", name="gates-passed"):
            components.release(**here, **work).set_caching_options(False)
