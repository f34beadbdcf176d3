"""One pass of a loop: ingest, validate, train, evaluate, gate, register, roll out."""

from kfp import dsl

from pipelines import components


@dsl.pipeline(
    name="loop-run", description="One pass of a ModelLoop, from new data to the beginning of a rollout."
)
def loop_run(loop: str, run: int) -> None:
    """The pipeline; a step that says no ends it without an error."""
    data = components.ingest(loop=loop, run=run)
    with dsl.If(data.output > 0, name="data-accepted"):
        valid = components.validate(loop=loop, run=run, dataset_version=data.output)
        with dsl.If(valid.output == True, name="data-valid"):  # noqa: E712
            trained = components.train(loop=loop, run=run, dataset_version=data.output)
            judged = components.evaluate(
                loop=loop, run=run, dataset_version=data.output, train_job=trained.output
            )
            verdict = components.gate(
                loop=loop, run=run, train_job=trained.output, evaluate_job=judged.output
            )
            with dsl.If(verdict.output == "passed", name="gates-passed"):
                registered = components.register(
                    loop=loop, run=run, dataset_version=data.output, train_job=trained.output
                )
                components.roll_out(loop=loop, run=run, version=registered.output)
