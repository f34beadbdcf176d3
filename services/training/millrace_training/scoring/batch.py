"""What a job scores: the files on disk, the version's graph, and the parts that are finished one by one."""

import hashlib
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet

from millrace_contracts.models import ModelVersionRead
from millrace_contracts.names import WrittenFormat
from millrace_contracts.release import BASE
from millrace_contracts.scoring import ScoreSpec
from millrace_contracts.tables import Dialect, Rejects
from millrace_table import settling
from millrace_training.scoring import columns, sources
from millrace_training.scoring.columns import Stamp
from millrace_training.scoring.keeping import Output
from millrace_training.scoring.part import Work
from millrace_training.scoring.sources import Stretch


def graph_of(version: ModelVersionRead, spec: ScoreSpec) -> str:
    """Digest of the graph that answers: the form that was asked for, else the base form."""
    return version.files.find("model", spec.variant) or version.files.digest("model", BASE)


@dataclass(frozen=True)
class Batch:
    """What is scored: the spec, the version, its graph on disk, and the parts."""

    spec: ScoreSpec
    version: ModelVersionRead
    graph: Path
    paths: list[Path]
    parts: list[Stretch]

    @property
    def digest(self) -> str:
        """Of the graph."""
        return graph_of(self.version, self.spec)

    @property
    def output(self) -> WrittenFormat:
        """What files of answers are."""
        return self.spec.output if self.spec.sink is None else self.spec.sink.written()

    @property
    def together(self) -> bool:
        """Whether all answers are one file."""
        sink = self.spec.sink
        return self.spec.together or (sink is not None and sink.one_file() is not None)

    def kept(self, source: int) -> list[str]:
        """Input columns of a source that stand beside its answers."""
        keep = self.spec.keep
        return list(parquet.read_schema(self.paths[source]).names) if keep is None else keep

    def rejects(self) -> Rejects:
        """Lines that could not be read."""
        return sources.rejects([file.name for file in self.spec.files], self.paths)

    def written(self, path: Path) -> Dialect | None:
        """How the cells of a source are written, as its first rows and the contract agree."""
        numeric = [item.column for item in self.version.signature.inputs if item.kind == "number"]
        file = parquet.ParquetFile(path)
        first = list(islice(file.iter_batches(settling.SAMPLE, columns=numeric), 1))
        return (
            settling.agreed(pa.Table.from_batches(first), self.spec.dialect, numeric)
            if first
            else self.spec.dialect
        )

    def works(self) -> list[Work]:
        """Every part with what answering it needs."""
        signature = self.version.signature.model_dump_json()
        kept = [self.kept(source) for source in range(len(self.paths))]
        written = [self.written(path) for path in self.paths]
        timed, sink = self.spec.at is not None, self.spec.sink
        called = [columns.names(self.version.signature, names, timed) for names in kept]
        stamps = [
            Stamp(self.version.number, _request(item.digest, self.digest), self.spec.at)
            for item in self.spec.files
        ]
        output: Output = self.output if sink is None or sink.sql is None else "table"
        return [
            Work(
                p,
                self.graph,
                signature,
                self.spec.timezone,
                written[p.source],
                kept[p.source],
                stamps[p.source],
                called[p.source],
                output,
            )
            for p in self.parts
        ]


def _request(source: str, graph: str) -> str:
    """The id to which labels refer: the same rows scored by the same graph are the same request."""
    return "score-" + hashlib.sha256(f"{source} {graph}".encode()).hexdigest()[:24]
