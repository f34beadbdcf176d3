"""Training code of a user's own: how a loop declares it, and the files by which it and Millrace tell each other things.

The code runs in an environment without Millrace; `millrace_job.py`, which is put on its path, writes these as JSON.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from millrace_contracts.names import Digest
from millrace_contracts.parts import Bool, Float, Part, Strictly
from millrace_contracts.workers import MOST_WORKERS, CodeWorkers

FILE = "code.tar"
"""What the packed folder is called among the files of a release unit."""
MOST_FILES, MOST_BYTES = 2000, 64 * 2**20
"""Of a packed folder, not compressed: a packing that another machine may repeat byte for byte."""
ANSWERED_ROWS = 1000
"""Most rows of which the code hands over what its model answers."""
ONE_PLACE = "code is named by either path, a folder beside the document, or digest"
ENTRY = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*$"
Entry = Annotated[str, StringConstraints(pattern=ENTRY, max_length=200)]
CodePath = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]+$", max_length=500)]
Interpreter = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]+$", max_length=500)]
ImageName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][A-Za-z0-9._:/@-]*$", max_length=500)]
SETTING = "^[A-Za-z_][A-Za-z0-9_]*$"
SettingName = Annotated[str, StringConstraints(pattern=SETTING, max_length=100)]
Line = Annotated[str, StringConstraints(max_length=1000)]
FilePart = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$")]
Guard = Literal["enforced", "by policy", "not enforced", "open"]
"""open: the loop asks for no guard; not enforced: it asks, and the machine does not allow it; by policy: a
NetworkPolicy says so, which the network of the cluster has to heed."""


class CodeSpec(Part):
    """A folder with training code, and the environment that it runs in."""

    path: CodePath | None = Field(
        default=None, description="A folder beside the document; 'millrace apply' packs and uploads it."
    )
    digest: Digest | None = Field(
        default=None, description="The packed folder in the registry, as 'millrace code push' tells it."
    )
    entry: Entry = Field(default="train:main", description="module:function that trains; it gets a job.")
    python: Interpreter | None = Field(
        default=None,
        description="The interpreter, or the virtual environment, of this machine that runs it; in an image its "
        "command. Left out: python of the image, or the interpreter of the platform.",
    )
    image: ImageName | None = Field(
        default=None, description="In a cluster, the image that it runs in; left out: the image that trains."
    )
    network: Bool = Field(default=False, description="Whether it may use the network.")
    params: dict[SettingName, Float] = Field(
        default={}, max_length=100, description="Numbers that it is given, like epochs: 20."
    )

    @model_validator(mode="after")
    def _one_place(self) -> "CodeSpec":
        if (self.path is None) == (self.digest is None):
            raise ValueError(ONE_PLACE)
        return self


class CodeColumn(Strictly):
    """A column that the code may learn from."""

    name: str = Field(description="As the graph's input is called.")
    column: str = Field(description="As the data calls it.")
    datatype: Literal["FP32", "FP64", "INT64", "BYTES"]
    words: list[str] | None = Field(default=None, description="Of a category: what its numbers stand for.")


class CodeOrder(Strictly):
    """order.json: what the code is to do."""

    entry: Entry
    task: str
    target: str
    classes: list[str] | None = Field(description="Of two classes the negative one first; null: numbers.")
    seed: int
    rows: int
    columns: list[CodeColumn]
    matrix: list[str] = Field(description="Columns of the matrix, each with what is made of it.")
    params: dict[SettingName, float]
    resume: FilePart | None = Field(default=None, description="The checkpoint to go on from.")


class CodeReport(Strictly):
    """One line of reports.jsonl: how far the code is."""

    step: int = Field(ge=0, lt=2**53)
    metrics: dict[Annotated[str, StringConstraints(max_length=100)], float | None] = Field(max_length=50)


class CodeCheckpoint(Strictly):
    """checkpoint.json: the newest checkpoint; its bytes mean nothing to anyone but the code."""

    file: FilePart
    step: int | None = Field(default=None, ge=0, lt=2**53)


class CodeExport(Strictly):
    """exported.json: the graph, and what the trained model answers for the first rows."""

    file: FilePart
    answers: list[list[float | None]] = Field(min_length=1, max_length=ANSWERED_ROWS)
    logits: bool = Field(description="Whether the graph answers with logits instead of probabilities.")
    every: int = Field(
        default=1, ge=1, le=MOST_WORKERS, description="Each how-many-eth row was answered: those of worker 0."
    )


class CodeFailure(Strictly):
    """failed.json: why the code came to nothing."""

    error: Line
    kind: Annotated[str, StringConstraints(max_length=200)]
    trace: list[Line] = Field(max_length=40)
    rank: int | None = Field(default=None, ge=0, description="The worker; null: there are none.")
    at: float = Field(default=0.0, description="Epoch seconds: what follows from a failure comes later.")


class CodeEnvironment(Strictly):
    """environment.json: the environment that the code ran in."""

    python: Annotated[str, StringConstraints(max_length=100)]
    packages: dict[Annotated[str, StringConstraints(max_length=200)], str] = Field(max_length=5000)


class CodeGuards(Strictly):
    """guards.json: what keeps the code apart."""

    network: Guard = Field(description="That it reaches no other machine.")
    files: Guard = Field(description="That it cannot read what the platform keeps.")
    processes: Guard = Field(description="That it sees no process but its own.")


class CodeBegin(Strictly):
    """begin-N: how process N of the code begins in another container."""

    workers: int | None = Field(
        default=None, description="So many that talk to one another; null: it is alone."
    )
    variables: dict[SettingName, str] = Field(default={}, description="Beside those that it has anyway.")


class CodeLost(Strictly):
    """lost.json: the worker that was lost first in a start."""

    rank: int = Field(ge=0)
    signal: int | None = Field(default=None, description="Null: it went with its machine.")


class CodeEnded(Strictly):
    """ended-N.json: how process N of the code ended; below 0 the signal that killed it."""

    code: int


class CodeMade(Strictly):
    """What a version tells of the code that made it."""

    digest: Digest
    entry: Entry
    params: dict[SettingName, float]
    image: str | None = None
    environment: CodeEnvironment | None = None
    guards: CodeGuards | None = None
    resumed: int = Field(default=0, description="How often it went on after it was killed.")
    workers: CodeWorkers | None = Field(default=None, description="Null: one process trained it.")

    def told(self) -> str:
        """Its digest, who trained, and what could not be kept from it on the machine where it ran."""
        guards = {} if self.guards is None else self.guards.model_dump()
        missing = ", ".join(name for name, guard in guards.items() if guard == "not enforced")
        lacking = f", not kept apart from it here: {missing}" if missing else ""
        workers = "" if self.workers is None else f" by {self.workers.told()}"
        return f"code {self.digest[:19]}{workers}{lacking}"
