"""`make pipelines`: compile every pipeline into pipelines/compiled; a test checks that they are fresh."""

from pathlib import Path

from kfp import compiler

from pipelines.loop_run import loop_run

COMPILED = Path(__file__).parent / "compiled"


def compile_all(folder: Path) -> list[Path]:
    """Write the YAML of every pipeline into *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "loop-run.yaml"
    compiler.Compiler().compile(loop_run, str(path))
    return [path]


if __name__ == "__main__":
    for made in compile_all(COMPILED):
        print(made.name)
