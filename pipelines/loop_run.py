"""One pass of a loop: ingest, validate, train, evaluate, gate, compress, register, roll out."""

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
    data = components.ingest(**here).set_caching_options(False)
    number = data.outputs["Output"]
    with dsl.If(number > 0, name="data-accepted"):
        valid = components.validate(**here, dataset_version=number).set_caching_options(False)
        with dsl.If(valid.output == True, name="data-valid"):  # noqa: E712
            trained = components.train(**here, dataset_version=number).set_caching_options(False)
            judged = components.evaluate(
                **here, dataset_version=number, train_job=trained.output
            ).set_caching_options(False)
            verdict = components.gate(
                **here, train_job=trained.output, evaluate_job=judged.outputs["Output"]
            ).set_caching_options(False)
            with dsl.If(verdict.outputs["Output"] == "passed", name="gates-passed"):
                forms = components.compress(
                    **here, dataset_version=number, train_job=trained.output
                ).set_caching_options(False)
                registered = components.register(
                    **here, dataset_version=number, train_job=trained.output, compress_job=forms.output
                ).set_caching_options(False)
                components.roll_out(**here, version=registered.outputs["Output"]).set_caching_options(False)
