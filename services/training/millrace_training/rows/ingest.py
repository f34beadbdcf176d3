"""Job `ingest`: a delivery that keeps the contract becomes a dataset version, any other is quarantined."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from millrace.transport.errors import ApiError
from millrace_contracts.data import DataContract
from millrace_contracts.datasets import DataFile, DatasetVersionRead, DatasetVersionWrite, RowsOrigin
from millrace_contracts.rows import Check, DeliveryReport, IngestResult, IngestSpec
from millrace_table import inference, reading
from millrace_table.refusals import Unreadable
from millrace_training.rows import checks, delivery, files, profile
from millrace_training.rows.delivery import Delivery
from millrace_training.rows.infer import schema
from millrace_training.rows.records import Records
from millrace_training.runtime.context import Context

MEDIA_TYPE = "application/vnd.apache.parquet"
PARENT_ATTEMPTS = 5


@dataclass(frozen=True)
class Accepted:
    """Rows that enter the dataset, where they come from, and the contract that they keep."""

    rows: pa.Table
    source: RowsOrigin
    contract: DataContract
    report: DeliveryReport


def run(spec: IngestSpec, context: Context) -> IngestResult:
    """Accept or refuse one delivery; both are results, and both are kept in the registry."""
    records = Records(context)
    context.report("fetch")
    records.ensure_dataset(spec.dataset)
    parent = records.latest(spec.dataset)
    came = delivery.fetch(spec, records)
    if came.is_empty_feedback:
        return _unchanged(parent)
    context.report("check")
    try:
        raw = reading.read(came.data, came.format)
        contract = contract_of(spec, parent, raw)
        checked = checks.check(raw, contract, spec.timezone, came.partial)
    except Unreadable as error:
        return _refuse(records, spec, came, DeliveryReport(checks=[error.check]), parent)
    rows = int(checked.keep.sum())
    volume = checks.volume((parent.rows if parent else 0) + rows, contract)
    report = DeliveryReport(rows=raw.num_rows, checks=[*checked.checks, volume])
    if report.failed:
        return _refuse(records, spec, came, report, parent)
    context.report("keep")
    table = _ordered(checked.kept, contract.event_time)
    source = delivery.ended(came.source, table, contract.event_time)
    return _accept(records, context, spec.dataset, Accepted(table, source, contract, report))


def contract_of(asked: IngestSpec, parent: DatasetVersionRead | None, raw: pa.Table) -> DataContract:
    """The contract that was given, else the dataset's own, else one inferred from this first delivery.

    Raises: Unreadable if the target or the event time is not among its columns.
    """
    kept = parent.contract if parent else None
    contract = asked.contract or (DataContract.model_validate(kept) if kept else None)
    if contract is None:
        return inference.infer(raw, asked.target, asked.event_time, asked.timezone)
    roles = {
        "target": asked.target or contract.target,
        "event_time": asked.event_time or contract.event_time,
    }
    inference.check_roles([column.name for column in contract.columns], **roles)
    contract = contract.model_copy(update=roles)
    inference.check_event_time(contract)
    return contract


def _accept(records: Records, context: Context, dataset: str, came: Accepted) -> IngestResult:
    data = files.to_parquet(came.rows)
    file = DataFile(digest=records.keep(data, MEDIA_TYPE), rows=came.rows.num_rows, size=len(data))
    first = _first_parent(context, records.latest(dataset))
    parent, version = _added(records, dataset, came, file)
    if version.number <= first:
        return _unchanged(parent).model_copy(update={"report": came.report})
    return IngestResult(
        accepted=True,
        dataset_version=version.number,
        rows=version.rows,
        new_rows=came.rows.num_rows,
        last_event=version.last_event,
        report=came.report,
        reason=f"{came.rows.num_rows} rows of {came.source.name} keep the contract; version {version.number} of "
        f"{dataset} has {version.rows} rows.",
    )


def _added(
    records: Records, dataset: str, came: Accepted, file: DataFile
) -> tuple[DatasetVersionRead | None, DatasetVersionRead]:
    """The new version behind its parent; when that has moved on meanwhile, behind the newest."""
    for attempt in range(PARENT_ATTEMPTS):
        parent = records.latest(dataset)
        try:
            return parent, records.add_version(dataset, _version(records, parent, came, file))
        except ApiError as error:
            if error.status != 409 or attempt == PARENT_ATTEMPTS - 1:
                raise
    raise AssertionError("the last attempt returns or raises")


def _ordered(table: pa.Table, event_time: str | None) -> pa.Table:
    """Rows in the order of their event time; those of one instant as they came."""
    if event_time is None:
        return table
    return table.take(pc.sort_indices(table, sort_keys=[(event_time, "ascending")]))


def _first_parent(context: Context, latest: DatasetVersionRead | None) -> int:
    """The newest version before the first attempt of this job, which a crash must not make it forget."""
    path = context.scratch / "parent"
    if not path.exists():
        path.write_text(str(latest.number if latest else 0))
    return int(path.read_text())


def _version(
    records: Records, parent: DatasetVersionRead | None, came: Accepted, file: DataFile
) -> DatasetVersionWrite:
    whole = came.rows
    if parent is not None:
        whole = pa.concat_tables([records.rows(parent), came.rows], promote_options="default")
    first, last = profile.span(whole, came.contract.event_time)
    return DatasetVersionWrite(
        parent=None if parent is None else parent.number,
        files=[*(parent.files if parent else ()), file],
        data_schema=schema(whole),
        profile=profile.profile(whole),
        contract=came.contract.model_dump(mode="json"),
        source=came.source,
        rows=whole.num_rows,
        first_event=first,
        last_event=last,
    )


def _refuse(
    records: Records,
    spec: IngestSpec,
    came: Delivery,
    report: DeliveryReport,
    parent: DatasetVersionRead | None,
) -> IngestResult:
    """Keep the bytes as they came, beside the report that says what is wrong with them."""
    digest = records.keep(came.data, MEDIA_TYPE) if came.partial else came.source.digest
    reasons = "; ".join(_sentence(item) for item in report.failed[:5])
    return IngestResult(
        accepted=False,
        dataset_version=parent.number if parent else None,
        rows=parent.rows if parent else 0,
        report=report,
        quarantine=records.quarantine(spec.dataset, digest, came.source, report),
        reason=f"{came.source.name} was refused: {reasons}.",
        failed=report.broken,
    )


def _sentence(item: Check) -> str:
    where = "" if item.column is None else f"'{item.column}': "
    return f"{where}{item.observed.rstrip('.')} ({item.check})"


def _unchanged(parent: DatasetVersionRead | None) -> IngestResult:
    return IngestResult(
        accepted=parent is not None,
        dataset_version=parent.number if parent else None,
        rows=parent.rows if parent else 0,
        unchanged=True,
        last_event=parent.last_event if parent else None,
        reason="There are no new rows.",
    )
