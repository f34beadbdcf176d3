"""Job `pull`: fetch what a source has and the dataset has not, delivery by delivery, each exactly once."""

from millrace_contracts.bodies import Document
from millrace_contracts.counting import counted
from millrace_contracts.datasets import RowsOrigin
from millrace_contracts.pulls import Pulled, PullResult, PullSpec
from millrace_contracts.rows import DeliveryReport, IngestResult
from millrace_training.rows import ingest
from millrace_training.rows.records import Records
from millrace_training.runtime.context import Context
from millrace_training.sources import past as history
from millrace_training.sources.kit import Kit
from millrace_training.sources.past import Past
from millrace_training.sources.reading import reader
from millrace_training.sources.secrets import Secrets

MOST = 100
"""Deliveries of one job; another one goes on from there."""


def run(spec: PullSpec, context: Context) -> PullResult:
    """Fetch until nothing is left, a delivery is refused, or there are MOST of them.

    A job that was killed goes on behind what the registry has; what its earlier attempts delivered is told as well.
    """
    records = Records(context)
    kit = Kit(context, Secrets(spec.source), records.artifact)
    records.ensure_dataset(spec.dataset)
    before, there = _before(context, records, spec.dataset), reader(spec.source)
    past = history.of(records, spec.dataset, history.identity(spec.loop, spec.source))
    known, more = 0, False
    for number in range(1, MOST + 1):
        context.report("read", message=f"delivery {number}")
        came = there.read(spec.source, past, kit)
        if came is None:
            break
        result = ingest.take(spec, context, records, came)
        known += result.report.repeated
        kit.notes += _left_out(result)
        past = _after(records, spec.dataset, past, came.source)
        if result.quarantine is not None:
            break
        more = number == MOST
    return _told(spec, records, before, known, more, kit.notes)


def _after(records: Records, dataset: str, past: Past, came: RowsOrigin) -> Past:
    """Behind this delivery; where another job was faster with one of the same key, behind what that one read."""
    there = history.of(records, dataset, past.identity)
    kept = there.last if there.last is not None and there.last.digest == came.digest else came
    return past.behind(kept)


def _before(context: Context, records: Records, dataset: str) -> tuple[int, int]:
    """The newest version and the newest refusal before the job's first attempt, which a crash must not forget."""
    path = context.scratch / "before"
    if not path.exists():
        latest = records.latest(dataset)
        refusal = max((entry.id for entry in records.refused(dataset)), default=0)
        path.write_text(f"{latest.number if latest else 0} {refusal}")
    number, _, entry = path.read_text().partition(" ")
    return int(number), int(entry)


def _told(
    spec: PullSpec, records: Records, before: tuple[int, int], known: int, more: bool, notes: list[str]
) -> PullResult:
    name = history.identity(spec.loop, spec.source)
    accepted, rows = [], 0
    for version in records.versions(spec.dataset):
        new, rows = version.rows - rows, version.rows
        if version.number > before[0] and version.source.source == name:
            text = f"{counted(new, 'row')} of {version.source.name} {'keeps' if new == 1 else 'keep'} the contract."
            accepted.append(
                Pulled(
                    name=version.source.name,
                    accepted=True,
                    new_rows=new,
                    dataset_version=version.number,
                    reason=text,
                )
            )
    refused = _refusals(records, spec, name, before[1])
    latest = records.latest(spec.dataset)
    return PullResult(
        dataset_version=latest.number if latest else None,
        rows=latest.rows if latest else 0,
        new_rows=sum(item.new_rows for item in accepted),
        known_rows=known,
        deliveries=[*accepted, *refused][:MOST],
        refused=len(refused),
        last_event=latest.last_event if latest else None,
        more=more,
        reason=" ".join([_sentence(accepted, refused, known), *notes]),
    )


def _left_out(result: IngestResult) -> list[str]:
    """What of a delivery that was taken is in no version, and why."""
    lost = result.report.rows - result.report.repeated - result.new_rows
    if not result.accepted or lost <= 0:
        return []
    why = "; ".join(f"{item.column or 'rows'}: {item.observed}" for item in result.report.noted[:3])
    left = counted(lost, "row was left out", "rows were left out")
    return [f"{left} ({why})." if why else f"{left}."]


def _refusals(records: Records, spec: PullSpec, name: str, before: int) -> list[Pulled]:
    return [
        _refused(entry.id, entry.source, DeliveryReport.model_validate(entry.report))
        for entry in records.refused(spec.dataset)
        if entry.id > before and entry.source.get("source") == name
    ]


def _refused(number: int, source: Document, report: DeliveryReport) -> Pulled:
    reasons = "; ".join(
        f"{item.column or 'rows'}: {item.observed} ({item.check})" for item in report.failed[:5]
    )
    where = str(source.get("name", "source"))
    reason = f"{where} was refused: {reasons}."
    return Pulled(name=where, accepted=False, quarantine=number, reason=reason, failed=report.broken)


def _sentence(accepted: list[Pulled], refused: list[Pulled], known: int) -> str:
    told = []
    if accepted:
        new = sum(item.new_rows for item in accepted)
        told.append(f"{counted(new, 'new row')} in {counted(len(accepted), 'delivery', 'deliveries')}.")
    told += [item.reason for item in refused[:3]]
    if not told:
        told.append("There are no new rows.")
    if known:
        told.append(counted(known, "row was known already.", "rows were known already."))
    return " ".join(told)
