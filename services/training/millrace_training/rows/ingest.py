"""Job `ingest`: a delivery that keeps the contract becomes a dataset version, any other is quarantined."""

from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from millrace.transport.errors import ApiError
from millrace_contracts.data import DataContract
from millrace_contracts.datasets import DataFile, DatasetVersionRead, DatasetVersionWrite, RowsOrigin
from millrace_contracts.pulls import PullSpec
from millrace_contracts.rows import Check, DeliveryReport, IngestResult, IngestSpec
from millrace_contracts.tables import Dialect
from millrace_table import inference, reading
from millrace_table.refusals import Unreadable
from millrace_training.rows import across, checks, delivery, files, profile, repeats
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
    declared: DataContract | None = None
    """The contract as a person declared it; None: there is none but the dataset's own."""

    def against(self, before: pa.Table | None) -> "Accepted":
        """The rows of it that are not there yet, with the others counted."""
        seen = repeats.news(before, self.rows, self.contract.key)
        report = self.report.model_copy(update={"repeated": seen.repeated, "corrected": seen.corrected})
        return replace(self, rows=self.rows.filter(pa.array(seen.fresh)), report=report)


Asked = IngestSpec | PullSpec
"""What says into which dataset rows go, and what they must be."""


def run(spec: IngestSpec, context: Context) -> IngestResult:
    """Accept or refuse one delivery; both are results, and both are kept in the registry."""
    records = Records(context)
    context.report("fetch")
    records.ensure_dataset(spec.dataset)
    return take(spec, context, records, delivery.fetch(spec, records))


def take(spec: Asked, context: Context, records: Records, came: Delivery) -> IngestResult:
    """Hold one delivery to the contract: it becomes a version of the dataset, or is kept in quarantine."""
    made, parent = _standing(records, context, spec.dataset, came.source.digest)
    if came.is_empty_feedback:
        return _unchanged(parent)
    context.report("check")
    report = DeliveryReport()
    try:
        loaded = _load(came, spec, _promised(spec, parent))
        report = DeliveryReport(rejects=loaded.rejects, dialect=loaded.dialect)
        raw, contract = loaded.table, contract_of(spec, parent, loaded.table, loaded.dialect or spec.dialect)
        reading.refuse_rejects(loaded, contract.rejects_at_most)
        checked = checks.check(
            raw,
            _read_as(contract, loaded.dialect or spec.dialect),
            spec.timezone,
            came.partial,
            _span(parent),
        )
    except Unreadable as error:
        return _refuse(records, spec, came, report.model_copy(update={"checks": [error.check]}), parent)
    before = None if parent is None else records.rows(parent)
    table = _ordered(checked.kept, contract.event_time)
    report = report.model_copy(update={"rows": raw.num_rows, "checks": checked.checks})
    whole = Accepted(
        table,
        delivery.ended(came.source, table, contract.event_time),
        _read_as(checked.contract, contract.dialect),
        report,
        spec.contract or _declared(parent),
    )
    news = whole.against(before)
    volume = checks.volume((parent.rows if parent else 0) + news.rows.num_rows, contract)
    over = across.unique_over(before, news.rows, contract)
    report = news.report.model_copy(
        update={"checks": [*reading.checks(loaded), *checked.checks, *over, volume]}
    )
    if report.failed:
        return _refuse(records, spec, came, report, parent)
    context.report("keep")
    return _accept(records, spec.dataset, replace(whole, report=report), made)


def _promised(asked: Asked, parent: DatasetVersionRead | None) -> DataContract | None:
    """The contract that was given, else the dataset's own."""
    kept = parent.contract if parent else None
    return asked.contract or (DataContract.model_validate(kept) if kept else None)


def _load(came: Delivery, asked: Asked, contract: DataContract | None) -> reading.Loaded:
    """The delivery, written as it is said to be: by who sent it, else by the contract. Raises: Unreadable."""
    said = Dialect() if asked.dialect is None else asked.dialect
    if contract is None:
        wanted = [name for name in (asked.target, asked.event_time) if name]
        return reading.load(came.data, came.format, said, wanted)
    names = [column.name for column in contract.columns]
    return reading.load(came.data, came.format, said.over(contract.dialect), names)


def _read_as(contract: DataContract, dialect: Dialect | None) -> DataContract:
    """The contract for a delivery that is written in *dialect*, whatever others are."""
    return contract if dialect is None else contract.model_copy(update={"dialect": dialect})


def contract_of(
    asked: Asked, parent: DatasetVersionRead | None, raw: pa.Table, dialect: Dialect | None = None
) -> DataContract:
    """The contract that was given, else the dataset's own, else one inferred from this first delivery.

    One that names no dialect keeps that of the first text file that is taken.
    Raises: Unreadable if the target or the event time is not among its columns.
    """
    kept = DataContract.model_validate(parent.contract) if parent and parent.contract else None
    contract = _lived(asked.contract, kept, _declared(parent)) if asked.contract else kept
    if contract is None:
        return inference.infer(raw, asked.target, asked.event_time, asked.timezone, dialect)
    if dialect is not None and dialect.delimiter is not None and contract.dialect is None:
        contract = contract.model_copy(update={"dialect": dialect})
    roles = {
        "target": asked.target or contract.target,
        "event_time": asked.event_time or contract.event_time,
    }
    inference.check_roles([column.name for column in contract.columns], **roles)
    contract = contract.model_copy(update=roles)
    inference.check_event_time(contract)
    return contract


def _lived(asked: DataContract, kept: DataContract | None, declared: DataContract | None) -> DataContract:
    """What was asked, with what deliveries have taught of every column whose promise nobody has changed since."""
    if kept is None or declared is None:
        return asked
    before = {column.name: column for column in declared.columns}
    now = {column.name: column for column in kept.columns}
    lived = [now.get(item.name, item) if before.get(item.name) == item else item for item in asked.columns]
    return asked.model_copy(update={"columns": lived})


def _declared(parent: DatasetVersionRead | None) -> DataContract | None:
    return DataContract.model_validate(parent.declared) if parent and parent.declared else None


def _span(parent: DatasetVersionRead | None) -> tuple[datetime, datetime] | None:
    if parent is None or parent.first_event is None or parent.last_event is None:
        return None
    return parent.first_event, parent.last_event


def _accept(records: Records, dataset: str, whole: Accepted, made: DatasetVersionRead | None) -> IngestResult:
    """The version with what of the delivery is new; *made*: an earlier attempt of this job has added it."""
    for attempt in range(PARENT_ATTEMPTS):
        parent = _parent_of(records, dataset, made)
        news = whole.against(None if parent is None else records.rows(parent))
        if not news.rows.num_rows and parent is not None:
            told = whole.report.model_copy(update={"repeated": news.report.repeated})
            return _unchanged(parent).model_copy(update={"report": told, "reason": _nothing_new(news)})
        try:
            version = made or records.add_version(dataset, _version(records, parent, news))
            return _accepted(dataset, version, parent, news)
        except ApiError as error:
            if error.status != 409 or attempt == PARENT_ATTEMPTS - 1:
                raise
    raise AssertionError("the last attempt returns or raises")


def _accepted(
    dataset: str, version: DatasetVersionRead, parent: DatasetVersionRead | None, news: Accepted
) -> IngestResult:
    return IngestResult(
        accepted=True,
        dataset_version=version.number,
        rows=version.rows,
        new_rows=version.rows - (parent.rows if parent else 0),
        last_event=version.last_event,
        report=news.report,
        reason=f"{news.rows.num_rows} rows of {news.source.name} keep the contract{_beside(news.report)}; version "
        f"{version.number} of {dataset} has {version.rows} rows.",
    )


def _beside(report: DeliveryReport) -> str:
    told = []
    if report.corrected:
        told.append(f"{report.corrected} of them correct earlier rows")
    if report.repeated:
        told.append(f"{report.repeated} more were there already")
    return f" ({'; '.join(told)})" if told else ""


def _nothing_new(news: Accepted) -> str:
    return f"All {news.report.repeated} rows of {news.source.name} were there already: there is nothing new."


def _standing(
    records: Records, context: Context, dataset: str, digest: str
) -> tuple[DatasetVersionRead | None, DatasetVersionRead | None]:
    """The version that an earlier attempt of this job made, if it did, and the one to build upon."""
    latest = records.latest(dataset)
    first = _first_parent(context, latest)
    if latest is None or latest.number == first:
        return None, latest
    since = [version for version in records.versions(dataset) if version.number > first]
    made = next((version for version in since if version.source.digest == digest), None)
    return made, _parent_of(records, dataset, made)


def _parent_of(records: Records, dataset: str, made: DatasetVersionRead | None) -> DatasetVersionRead | None:
    if made is None:
        return records.latest(dataset)
    return None if made.parent is None else records.version(dataset, made.parent)


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


def _version(records: Records, parent: DatasetVersionRead | None, came: Accepted) -> DatasetVersionWrite:
    data = files.to_parquet(came.rows)
    file = DataFile(digest=records.keep(data, MEDIA_TYPE), rows=came.rows.num_rows, size=len(data))
    whole = came.rows
    if parent is not None:
        whole = files.together([records.rows(parent), came.rows])
    whole = repeats.latest(whole, came.contract.key)
    first, last = profile.span(whole, came.contract.event_time)
    return DatasetVersionWrite(
        parent=None if parent is None else parent.number,
        files=[*(parent.files if parent else ()), file],
        data_schema=schema(whole),
        profile=profile.profile(whole),
        contract=came.contract.model_dump(mode="json"),
        declared=came.declared.model_dump(mode="json") if came.declared else None,
        source=came.source,
        rows=whole.num_rows,
        first_event=first,
        last_event=last,
    )


def _refuse(
    records: Records,
    spec: Asked,
    came: Delivery,
    report: DeliveryReport,
    parent: DatasetVersionRead | None,
) -> IngestResult:
    """Keep the bytes as they came, beside the report that says what is wrong with them."""
    digest = came.source.digest if came.kept else records.keep(came.data, MEDIA_TYPE)
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
